#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/address.h"
#include "reactor/error.h"
#include "reactor/socket.h"
#include "reactor/write_all.h"
#include "tools/command.h"

/// What the client commands share: each has one connection and does one thing at a time, so they
/// use a blocking Socket and no Reactor.
namespace sluice::tools {

/// Why a command cannot go on: a sentence, and the Exit for who called it.
struct Trouble {
  std::string text;
  int exit = kFailed;
  bool names_peer = false;  ///< the text begins with what it is about: the address
};
template <class T>
using Outcome = std::expected<T, Trouble>;

inline std::unexpected<Trouble> trouble(std::string text, int exit = kFailed) {
  return std::unexpected(Trouble{std::move(text), exit, false});
}

/// Complains of it; returns the exit status.
int report(std::string_view command, const Trouble& trouble);

/// At least one. Wrong usage when `host_port` is not HOST:PORT.
Outcome<std::vector<Address>> addresses_of(std::string_view host_port);

/// Tries each of addresses_of() in turn for kConnectTimeout. The socket blocks, sends small
/// messages at once, and notices by keep-alive when the other machine has gone.
inline constexpr auto kConnectTimeout = std::chrono::seconds(10);
Outcome<Socket> connect_to(std::string_view host_port);

/// How long a server that is to answer at once may take, or that sends a file may pause.
inline constexpr Duration kAnswerTimeout = std::chrono::seconds(60);

/// How a connection ended: by a FIN, or, as the error of a call tells, by a RST or otherwise.
inline constexpr std::string_view kClosedByPeer = "closed by peer";
std::string_view how_lost(const Error& error);

/// Whether the peer has sent something, its end and a reset included, that waits to be read.
bool has_spoken(const Socket& socket);

/// A text and a newline to standard output.
Outcome<void> put_line(std::string_view text);

/// The lines of a descriptor, without their newline. The last one need not have one.
class LineInput {
 public:
  explicit LineInput(int fd) : fd_(fd) {}

  enum class Event { line, end, peer };
  /// Waits for a line, for the end, or until the peer of `socket` has spoken out of turn.
  Event next(std::string& line, const Socket* socket = nullptr);
  /// After the end: whether it was one, or the input could not be read.
  Outcome<void> status() const;

 private:
  /// What has no newline by then is no line, and must not fill the memory.
  static constexpr std::size_t kMaxLineBytes = 16 * 1024 * 1024;

  bool take(std::string& line);

  int fd_;
  std::string held_;
  std::size_t searched_ = 0;  // bytes of held_ known to be without a newline
  bool ended_ = false;
  int error_ = 0;  // errno of the read that failed
};

/// Sends a message and returns the answer.
using Ask = Outcome<std::string> (*)(Socket& socket, std::string_view message);

/// Runs `sluice COMMAND HOST:PORT [MESSAGE]`: asks for the one message, or for each line of
/// standard input until `q`, and prints the answers, a line each. Returns an Exit.
int converse(std::string_view command, const Arguments& arguments, Ask ask);

}  // namespace sluice::tools
