#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/address.h"
#include "reactor/connector.h"
#include "reactor/reactor.h"
#include "reactor/stream.h"
#include "tools/chat/received_lines.h"

namespace sluice::tools {

/// Who owns a ChatLink hears of it here:
///
///     connect() -> on_unreachable | (on_connected -> (on_heard | on_heard_all | on_sent)* ->
///     on_lost)
///
/// None of them comes from inside a call of the owner's but on_sent. It may call everything of the
/// ChatLink but destroy it.
class ChatLinkHandler {
 public:
  virtual ~ChatLinkHandler() = default;

  virtual void on_connected() noexcept = 0;
  /// No address has taken us; the error is that of the last.
  virtual void on_unreachable(Error error) noexcept = 0;
  /// A line of the server, clean.
  virtual void on_heard(std::string_view line) noexcept = 0;
  /// The lines that came at once have been told.
  virtual void on_heard_all() noexcept = 0;
  /// All that was said has been given to the kernel.
  virtual void on_sent() noexcept {}
  /// No error: the server has closed the connection.
  virtual void on_lost(Error error) noexcept = 0;
};

/// A connection to a chat server, and what is to be said over it. Lines wait here, at most
/// kMaxWaiting bytes of them, until they are let out and the server takes them; those that wait
/// when the connection is lost go over the next one. What the kernel had taken by then may be lost.
/// A dead link is found out: by keep-alive, and by what is not acknowledged. Not movable.
class ChatLink final : public StreamHandler {
 public:
  static constexpr std::size_t kMaxWaiting = 256 * 1024;

  /// `handler` outlives it.
  ChatLink(Reactor& reactor, std::vector<Address> addresses, ChatLinkHandler& handler);
  ChatLink(const ChatLink&) = delete;
  ChatLink& operator=(const ChatLink&) = delete;

  /// Tries each address in turn. Only while there is no connection.
  void connect();
  bool connected() const { return stream_ != nullptr; }

  /// Sends lines, each with its newline, before all that waits.
  void command(std::string_view lines);
  /// A line without its newline. False when too much waits already.
  bool say(std::string_view line);
  /// Whether something is still to be said.
  bool waits() const { return !waiting_.empty(); }
  /// Lets out what waits, until the connection is lost.
  void let_out();
  /// Sends what waits, then FIN; nothing more can be said. What the server says is still told.
  void end();

 private:
  void connect_next(std::size_t place);
  void arrived(Fd socket);
  void pump();
  void take_back(std::uint64_t unsent);
  void wait_for_gap();
  void on_gap();
  void flush_lines();

  void on_data(Stream& stream, std::span<const std::byte> bytes) noexcept override;
  void on_drained(Stream& stream) noexcept override;
  void on_closed(Stream& stream, Error error) noexcept override;

  Reactor& reactor_;
  std::vector<Address> addresses_;
  ChatLinkHandler& handler_;
  std::optional<Connector> connector_;
  std::unique_ptr<Stream> stream_;
  ReceivedLines lines_;
  Timer gap_;
  bool half_gap_over_ = false;
  std::string waiting_;  // whole lines
  std::string given_;    // of these, what the Stream has got last
  bool out_ = false;
  bool ending_ = false;
};

}  // namespace sluice::tools
