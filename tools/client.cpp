#include "tools/client.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <utility>

#include "protocols/files/name.h"
#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::tools {
namespace {

/// A dead machine is found out after a minute: 30 s of silence, then 3 probes without an answer.
/// While bytes wait for their acknowledgement no probes are sent, so that has a bound of its own.
constexpr int kUnansweredMilliseconds = 60'000;
constexpr int kKeepAliveIdleSeconds = 30, kKeepAliveEverySeconds = 10, kKeepAliveProbes = 3;

/// What the kernel takes without having sent it: else it would take megabytes at once, and progress
/// would be complete before anything had arrived.
constexpr int kUnsentBytes = 512 * 1024;

void set_up(Socket& socket) {
  // Patience, not correctness: a kernel or a Unix socket without them does as well.
  (void)socket.setsockopt(option::no_delay, true);
  (void)socket.setsockopt(option::keep_alive, true);
  (void)socket.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  (void)socket.setsockopt(IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveEverySeconds);
  (void)socket.setsockopt(IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  (void)socket.setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytes);
  (void)socket.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, kUnansweredMilliseconds);
}

Result<Socket> connect_one(const Address& address) {
  auto socket = Socket::tcp(address.family());
  if (!socket) return socket;
  if (auto set = socket->settimeout(kConnectTimeout); !set) return std::unexpected(set.error());
  if (auto done = socket->connect(address); !done) return std::unexpected(done.error());
  if (auto set = socket->settimeout({}); !set) return std::unexpected(set.error());
  set_up(*socket);
  return socket;
}

}  // namespace

int report(std::string_view command, const Trouble& trouble) {
  if (trouble.exit == kWrongUsage) return misused(command, trouble.text);
  complain(command, trouble.text);
  return trouble.exit;
}

Outcome<std::vector<Address>> addresses_of(std::string_view host_port) {
  auto addresses = resolve(host_port);
  if (addresses) return std::move(*addresses);
  const int exit = addresses.error().code == EINVAL ? kWrongUsage : kFailed;
  return std::unexpected(
      Trouble{concat(printable(host_port), ": ", addresses.error().operation), exit, true});
}

Outcome<Socket> connect_to(std::string_view host_port) {
  const auto addresses = addresses_of(host_port);
  if (!addresses) return std::unexpected(addresses.error());
  Error why{ENXIO, "connect"};
  for (const Address& address : *addresses) {
    auto socket = connect_one(address);
    if (socket) return std::move(*socket);
    why = socket.error();
  }
  const std::string text =
      concat("cannot connect to ", printable(host_port), ": ", std::strerror(why.code));
  return std::unexpected(Trouble{text, kFailed, true});
}

std::string_view how_lost(const Error& error) {
  if (error.code == ECONNRESET) return "reset by peer";
  return error.code == EPIPE ? kClosedByPeer : std::strerror(error.code);
}

bool has_spoken(const Socket& socket) {
  pollfd watched{socket.fileno(), POLLIN, 0};
  return poll(&watched, 1, 0) > 0;
}

Outcome<void> put_line(std::string_view text) {
  const std::string line = concat(text, '\n');
  const auto written = write_all(STDOUT_FILENO, line);
  if (!written) return trouble(concat("standard output: ", std::strerror(written.error().code)));
  return {};
}

/// Moves the first line of what is held.
bool LineInput::take(std::string& line) {
  const std::size_t newline = held_.find('\n', searched_);
  searched_ = held_.size();
  if (newline == std::string::npos && !(ended_ && !held_.empty())) return false;
  line = held_.substr(0, newline);
  held_.erase(0, newline == std::string::npos ? newline : newline + 1);
  searched_ = 0;
  return true;
}

LineInput::Event LineInput::next(std::string& line, const Socket* socket) {
  while (!take(line)) {
    if (ended_) return Event::end;
    pollfd watched[2] = {{fd_, POLLIN, 0}, {socket ? socket->fileno() : -1, POLLIN, 0}};
    if (poll(watched, 2, -1) < 0) {
      if (errno == EINTR) continue;
      error_ = errno;
      return Event::end;
    }
    if (watched[0].revents != 0) {
      char piece[65536];
      const ssize_t size = read(fd_, piece, sizeof piece);
      if (size > 0) held_.append(piece, static_cast<std::size_t>(size));
      if (held_.size() > kMaxLineBytes) error_ = EMSGSIZE;
      if (size < 0 && errno != EINTR && errno != EAGAIN) error_ = errno;
      ended_ = size == 0 || error_ != 0;
    } else if (watched[1].revents != 0) {
      return Event::peer;
    }
  }
  return Event::line;
}

Outcome<void> LineInput::status() const {
  if (error_ == 0) return {};
  return trouble(concat("standard input: ", std::strerror(error_)));
}

namespace {

/// What the peer's speaking out of turn was: its end, or words that nobody had asked for.
Trouble out_of_turn(Socket& socket) {
  const auto said = socket.recv(1);
  if (!said) return {.text = std::string(how_lost(said.error()))};
  if (said->empty()) return {.text = std::string(kClosedByPeer)};
  return {.text = "the server sent something that was not asked for"};
}

Outcome<void> answer_one(Socket& socket, std::string_view message, Ask ask) {
  auto answer = ask(socket, message);
  if (!answer) return std::unexpected(std::move(answer.error()));
  return put_line(*answer);
}

Outcome<void> answer_lines(Socket& socket, Ask ask) {
  LineInput input(STDIN_FILENO);
  std::string line;
  for (;;) {
    const LineInput::Event event = input.next(line, &socket);
    if (event == LineInput::Event::peer) return std::unexpected(out_of_turn(socket));
    if (event == LineInput::Event::end) return input.status();
    if (line == "q") return {};
    if (auto done = answer_one(socket, line, ask); !done) return done;
  }
}

}  // namespace

int converse(std::string_view command, const Arguments& arguments, Ask ask) {
  const auto& operands = arguments.operands;
  if (operands.empty()) return misused(command, "where to? HOST:PORT is missing");
  if (operands.size() > 2) return misused(command, "too many arguments");
  auto socket = connect_to(operands[0]);
  if (!socket) return report(command, socket.error());
  const auto done =
      operands.size() == 2 ? answer_one(*socket, operands[1], ask) : answer_lines(*socket, ask);
  return done ? kOk : report(command, done.error());
}

}  // namespace sluice::tools
