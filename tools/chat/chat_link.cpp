#include "tools/chat/chat_link.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "reactor/limits.h"
#include "reactor/socket_options.h"
#include "reactor/text.h"
#include "tools/client.h"

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;

/// After twice so long the beginning of a line is shown as one: at once where the server has never
/// ended a line, as those do which only pass on what they are sent; else only when it hangs.
constexpr Duration kHalfGapWithoutEnds = 50ms, kHalfGap = 1s;

/// What is given to the Stream at once, which must not hold more than the connection takes.
constexpr std::size_t kPieceBytes = 32 * 1024;

const Stream::Options kStreamOptions{.stall_timeout = limits::kStallTimeout};

/// Without them it works as well, but for links that have died.
void set_up(int fd) {
  const auto number = [fd](int name, int value) {
    (void)::setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value);
  };
  (void)set_option(fd, option::no_delay, true);
  (void)set_option(fd, option::keep_alive, true);
  number(TCP_KEEPIDLE, limits::kKeepaliveIdle.count());
  number(TCP_KEEPINTVL, limits::kKeepaliveInterval.count());
  number(TCP_KEEPCNT, limits::kKeepaliveProbes);
  // While something is not acknowledged there are no probes.
  const std::chrono::duration<int, std::milli> patience =
      limits::kKeepaliveIdle + limits::kKeepaliveInterval * limits::kKeepaliveProbes;
  number(TCP_USER_TIMEOUT, patience.count());
}

}  // namespace

ChatLink::ChatLink(Reactor& reactor, std::vector<Address> addresses, ChatLinkHandler& handler)
    : reactor_(reactor),
      addresses_(std::move(addresses)),
      handler_(handler),
      gap_(reactor.timer([this] { on_gap(); })) {}

// --- connecting ----------------------------------------------------------------------------------

void ChatLink::connect() {
  connect_next(0);
}

void ChatLink::connect_next(std::size_t place) {
  connector_.emplace(reactor_, [this, place](Result<Fd> socket) {
    if (socket) return arrived(std::move(*socket));
    if (place + 1 < addresses_.size()) return connect_next(place + 1);
    handler_.on_unreachable(socket.error());
  });
  connector_->start(addresses_[place], kConnectTimeout);
}

void ChatLink::arrived(Fd socket) {
  set_up(socket.get());
  lines_ = {};
  out_ = false;
  stream_ = std::make_unique<Stream>(reactor_, std::move(socket), *this, kStreamOptions);
  handler_.on_connected();
}

void ChatLink::on_closed(Stream& stream, Error error) noexcept {
  take_back(stream.unsent());
  given_.clear();
  gap_.stop();
  flush_lines();
  handler_.on_heard_all();
  reactor_.retire(std::move(stream_));
  handler_.on_lost(error);
}

// --- what is heard -------------------------------------------------------------------------------

void ChatLink::on_data(Stream&, std::span<const std::byte> bytes) noexcept {
  lines_.feed(as_text(bytes), [this](std::string_view line) { handler_.on_heard(line); });
  handler_.on_heard_all();
  gap_.stop();
  half_gap_over_ = false;
  if (lines_.holding()) wait_for_gap();
}

void ChatLink::wait_for_gap() {
  gap_.start(lines_.ends_lines() ? kHalfGap : kHalfGapWithoutEnds);
}

/// The first half may have begun before the owner showed what had come, which a terminal may hold
/// up for long; only the second tells that the server was silent.
void ChatLink::on_gap() {
  if (!std::exchange(half_gap_over_, true)) return wait_for_gap();
  flush_lines();
  handler_.on_heard_all();
}

void ChatLink::flush_lines() {
  lines_.flush([this](std::string_view line) { handler_.on_heard(line); });
}

// --- what is said --------------------------------------------------------------------------------

void ChatLink::command(std::string_view lines) {
  if (stream_) stream_->write(lines);
}

bool ChatLink::say(std::string_view line) {
  if (ending_ || waiting_.size() + line.size() >= std::max(kMaxWaiting, line.size() + 1)) {
    return false;
  }
  waiting_ += line;
  waiting_ += '\n';
  pump();
  return true;
}

void ChatLink::let_out() {
  out_ = true;
  pump();
}

void ChatLink::end() {
  ending_ = true;
  pump();
}

void ChatLink::pump() {
  const auto can = [this] { return out_ && stream_ && stream_->drained() && stream_->can_write(); };
  while (can() && !waiting_.empty()) {
    std::size_t size = waiting_.size();
    if (size > kPieceBytes) {
      size = waiting_.rfind('\n', kPieceBytes) + 1;
      if (size == 0) size = waiting_.find('\n') + 1;
    }
    given_ = waiting_.substr(0, size);
    waiting_.erase(0, size);
    stream_->write(given_);
  }
  if (!can() || !waiting_.empty()) return;
  if (ending_) stream_->shutdown_write();
  handler_.on_sent();
}

/// What the kernel has not taken waits for the next connection, from the beginning of its line on.
void ChatLink::take_back(std::uint64_t unsent) {
  const std::size_t size = std::min<std::uint64_t>(unsent, given_.size());
  if (size == 0) return;
  std::size_t from = given_.size() - size;
  if (from > 0) from = given_.rfind('\n', from - 1) + 1;
  waiting_.insert(0, given_, from);
}

void ChatLink::on_drained(Stream&) noexcept {
  pump();
}

}  // namespace sluice::tools
