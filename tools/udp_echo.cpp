#include <poll.h>

#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/client.h"
#include "tools/run_loop.h"

namespace sluice::tools {
namespace {

constexpr std::size_t kMaxMessage = 65'507;  // what the 16 bits of IPv4's length leave for it

/// One server, asked over a connected socket, so that only its answers come, and that nobody
/// listens there is heard.
class Asker {
 public:
  Asker(std::string_view host_port, std::vector<Address> addresses, Duration patience,
        std::uint64_t tries)
      : shown_(printable(host_port)),
        addresses_(std::move(addresses)),
        patience_(patience),
        tries_(tries) {}

  /// The echo of `message`.
  Outcome<std::string> ask(std::string_view message) {
    if (message.size() > kMaxMessage) {
      return trouble(
          concat("a datagram has room for ", kMaxMessage, " bytes, and not for ", message.size()));
    }
    for (;;) {
      auto answer = connect() ? try_address(message) : std::unexpected(why_);
      if (answer) {
        answered_ = true;
        return std::move(*answer);
      }
      why_ = answer.error();
      socket_.close();
      const bool other_family = why_.code == ECONNREFUSED || why_.code == EAFNOSUPPORT ||
                                why_.code == ENETUNREACH || why_.code == EADDRNOTAVAIL;
      if (answered_ || !other_family || ++next_ >= addresses_.size()) return failed();
    }
  }

 private:
  bool connect() {
    if (socket_.fileno() >= 0) return true;
    auto socket = Socket::udp(addresses_[next_].family());
    auto connected = socket ? socket->connect(addresses_[next_]) : std::unexpected(socket.error());
    if (!connected) {
      why_ = connected.error();
      return false;
    }
    socket_ = std::move(*socket);
    return true;
  }

  /// Asks again while nothing comes back, since either way may have lost it.
  Result<std::string> try_address(std::string_view message) {
    other_ = 0;
    for (std::uint64_t i = 0; i < tries_; ++i) {
      if (auto sent = socket_.send(message); !sent) return std::unexpected(sent.error());
      const TimePoint end = clock_.now() + patience_;
      for (Duration left = patience_; left > Duration::zero(); left = end - clock_.now()) {
        if (auto set = socket_.settimeout(left); !set) return std::unexpected(set.error());
        auto answer = socket_.recv(kMaxMessage + 1);
        if (!answer && answer.error().code == ETIMEDOUT) break;
        if (!answer || *answer == message) return answer;
        ++other_;  // a late answer to what was asked before, or no echo
      }
    }
    return fail("recv", ETIMEDOUT);
  }

  Outcome<std::string> failed() const {
    std::string text = concat(shown_, ": ");
    switch (why_.code) {
      case ECONNREFUSED:
        text += "connection refused: nobody listens on that port";
        break;
      case ETIMEDOUT:
        if (other_ > 0) {
          text += "the server answered something else than it was sent";
        } else {
          text += concat("nothing came back, asked ", tries_, tries_ == 1 ? " time" : " times");
        }
        break;
      default:
        text += std::strerror(why_.code);
    }
    return std::unexpected(Trouble{std::move(text), kFailed, true});
  }

  std::string shown_;
  std::vector<Address> addresses_;
  std::size_t next_ = 0;
  Duration patience_;
  std::uint64_t tries_;
  Clock clock_;
  Socket socket_;
  bool answered_ = false;
  std::uint64_t other_ = 0;
  Error why_;
};

Outcome<void> answer_one(Asker& asker, std::string_view message) {
  auto answer = asker.ask(message);
  if (!answer) return std::unexpected(std::move(answer.error()));
  return put_line(*answer);
}

Outcome<void> answer_lines(Asker& asker) {
  LineInput input(STDIN_FILENO);
  std::string line;
  while (input.next(line) == LineInput::Event::line && line != "q") {
    if (auto done = answer_one(asker, line); !done) return done;
  }
  return line == "q" ? Outcome<void>() : input.status();
}

int run(const Arguments& arguments) {
  const auto& operands = arguments.operands;
  if (operands.empty()) return misused("udp-echo", "where to? HOST:PORT is missing");
  if (operands.size() > 2) return misused("udp-echo", "too many arguments");
  const auto wait = number_option(arguments, "--wait", 1000, 1, 3'600'000);
  if (!wait) return misused("udp-echo", wait.error());
  const auto tries = number_option(arguments, "--tries", 3, 1, 1000);
  if (!tries) return misused("udp-echo", tries.error());
  auto addresses = resolve(operands[0]);
  if (!addresses) {
    const std::string text = concat(printable(operands[0]), ": ", addresses.error().operation);
    return report("udp-echo",
                  {text, addresses.error().code == EINVAL ? kWrongUsage : kFailed, true});
  }
  Asker asker(operands[0], std::move(*addresses), std::chrono::milliseconds(*wait), *tries);
  const auto done = operands.size() == 2 ? answer_one(asker, operands[1]) : answer_lines(asker);
  return done ? kOk : report("udp-echo", done.error());
}

constexpr Option kOptions[] = {
    {"--wait", "MILLISECONDS", "for an answer before it is asked again (1000)"},
    {"--tries", "N", "how often it is asked (3)"},
};

}  // namespace

const Command kUdpEcho{
    "udp-echo", "udp-echo HOST:PORT [MESSAGE]",
    "Sends a message as a datagram, or the lines of standard input until q, and prints the echo.",
    kOptions, run};

}  // namespace sluice::tools
