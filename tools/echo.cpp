#include <poll.h>

#include <algorithm>

#include "tools/client.h"

namespace sluice::tools {
namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;

/// One message on its way out and back. Both at once: a server that is owed a reader may well stop
/// reading, so a long message sent whole before the first read would wait for ever.
class RoundTrip {
 public:
  RoundTrip(Socket& socket, std::string_view message) : socket_(socket), message_(message) {}

  Outcome<std::string> run() {
    while (back_ < message_.size()) {
      const short out = sent_ < message_.size() ? POLLOUT : 0;
      pollfd watched{socket_.fileno(), static_cast<short>(POLLIN | out), 0};
      if (poll(&watched, 1, -1) < 0) {
        if (errno == EINTR) continue;
        return trouble(std::strerror(errno));
      }
      // Reading first, so that a FIN is reported as such, not as the error of the next send.
      const bool to_read = (watched.revents & ~POLLOUT) != 0;
      if (auto done = to_read ? receive() : send(); !done) return std::unexpected(done.error());
    }
    return std::string(message_);
  }

 private:
  Outcome<void> send() {
    const auto taken = socket_.send(message_.substr(sent_), MSG_DONTWAIT);
    if (taken) sent_ += *taken;
    if (!taken && taken.error().code != EAGAIN) return lost(how_lost(taken.error()));
    return {};
  }

  Outcome<void> receive() {
    const auto piece = socket_.recv(kPieceBytes);
    if (!piece) return lost(how_lost(piece.error()));
    if (piece->empty()) return lost(kClosedByPeer);
    if (piece->size() > sent_ - back_ || *piece != message_.substr(back_, piece->size())) {
      return trouble("the server answered something else than it was sent");
    }
    back_ += piece->size();
    return {};
  }

  Outcome<void> lost(std::string_view how) const {
    std::string text(how);
    if (back_ > 0) {
      text += " after " + std::to_string(back_) + " of " + std::to_string(message_.size()) +
              " bytes had come back";
    }
    return trouble(std::move(text));
  }

  Socket& socket_;
  std::string_view message_;
  std::size_t sent_ = 0;
  std::size_t back_ = 0;
};

Outcome<std::string> ask(Socket& socket, std::string_view message) {
  return RoundTrip(socket, message).run();
}

int run(const Arguments& arguments) {
  return converse("echo", arguments, ask);
}

}  // namespace

const Command kEcho{"echo",
                    "echo HOST:PORT [MESSAGE]",
                    "Sends a message, or the lines of standard input until q, and prints the echo.",
                    {},
                    run};

}  // namespace sluice::tools
