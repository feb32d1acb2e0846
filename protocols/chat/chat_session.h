#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protocols/chat/chat_service.h"
#include "protocols/chat/command.h"
#include "protocols/chat/room.h"

namespace sluice::chat {

/// One client: its messages made into lines, what it may do, where it is.
class ChatSession final : public Session {
 public:
  ChatSession(ChatService& service, Fd socket, const Address& peer);

  const std::string& nick() const { return reader_.nick(); }
  Reader& reader() { return reader_; }

  void drain() noexcept override;
  void ended() noexcept override;
  void on_data(Stream& stream, std::span<const std::byte> bytes) noexcept override;
  void on_eof(Stream& stream) noexcept override;
  void on_backpressure(Stream& stream, bool on) noexcept override;
  void on_drained(Stream& stream) noexcept override;
  bool endless() const noexcept override { return true; }

 private:
  /// Only of a client that has said less than a message, or more than it may.
  struct Held {
    explicit Held(GapFramer begun) : framer(std::move(begun)) {}
    bool waits() const { return taken != waiting.size(); }
    std::string_view take();

    GapFramer framer;
    std::string waiting;    // messages with a newline each, until they may be said
    std::size_t taken = 0;  // bytes of them
    Timer timer;            // for the credit; if nothing waits, the gap
  };

  ChatService& chat() const;
  void hold(GapFramer begun);
  bool waits() const { return held_ && held_->waits(); }
  void on_time();
  void flush();
  void wait(std::string_view message);
  void take_waiting();
  void update_reading();
  bool pay();
  Duration until_credit() const;
  void on_message(std::string_view message);
  void obey(std::string_view message);
  void say(std::string_view text);

  void run(const ChatCommand& command);
  void act(std::string_view deed);
  void set_nick(std::string_view nick);
  void join(std::string_view name);
  void list_rooms();
  void list_people();
  void whisper(const ChatCommand& command);
  void quit();
  void go();
  /// "* " and a newline are put around it.
  template <class... Parts>
  void answer(const Parts&... parts);

  Reader reader_;
  std::unique_ptr<Held> held_;
  double credit_;
  TimePoint credit_since_;
  bool stays_ = false;    // it was let in
  bool pressed_ = false;  // it does not take our answers
};

}  // namespace sluice::chat
