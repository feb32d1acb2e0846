#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/http/http_service.h"
#include "protocols/http/request.h"

namespace sluice::http {

/// One client. Requests are answered in the order in which they came; its steps:
///
///     idle --a byte--> request --whole, answered--> idle
///                              --promised an answer--> promised --it is there--> idle
///                              --answered for long--> streaming --> over
///                              --bad, late, the last--> over
class HttpSession final : public Session {
 public:
  HttpSession(HttpService& service, Fd socket, const Address& peer);

  /// Ends in good order; what is owed is sent.
  void leave();

  void drain() noexcept override;
  void ended() noexcept override;
  void on_data(Stream& stream, std::span<const std::byte> bytes) noexcept override;
  void on_eof(Stream& stream) noexcept override;
  void on_backpressure(Stream& stream, bool on) noexcept override;
  void on_drained(Stream& stream) noexcept override;
  bool endless() const noexcept override { return step_ == Step::streaming; }

 private:
  enum class Step : std::uint8_t { idle, request, promised, streaming, over };

  HttpService& http() const;
  void enter(Step step);
  void start_patience();
  void take(std::string_view bytes);
  void take_waiting();
  void on_time();
  void answer();
  void keep_promise(Response response);
  bool may_go_on() const;
  void log_answer(int status) const;
  void send(Answer answer, bool keep_alive);
  void refuse(int status, std::string_view why);

  Step step_ = Step::over;
  bool answered_ = false;  // a request, at least
  bool pressed_ = false;   // it does not take our answers
  RequestReader reader_;
  std::string waiting_;  // came while it was pressed, or after too many others of its own
  Timer timer_;          // the end of patience; if something waits, the next turn
  std::optional<HttpService::Idle::iterator> place_;  // among the idle ones
  bool ended_sending_ = false;                        // while it waited for what was promised
  std::unique_ptr<LongAnswer> rest_;
  std::unique_ptr<LaterAnswer> later_;
};

}  // namespace sluice::http
