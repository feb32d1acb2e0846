#include "tools/live_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "reactor/text.h"
#include "reactor/write_all.h"

namespace sluice::tools {
namespace {

constexpr auto kDrawEvery = std::chrono::milliseconds(100);
constexpr std::size_t kFallbackWidth = 80;

std::size_t terminal_width() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kFallbackWidth;
}

}  // namespace

LiveLine::LiveLine(Reactor& reactor, Function<Transfer()> look) : look_(std::move(look)) {
  if (::isatty(STDERR_FILENO) == 1) timer_ = reactor.every(kDrawEvery, [this] { draw(); });
}

/// One column stays free: at a full line some terminals wrap.
void LiveLine::draw() {
  const Transfer now = look_();
  if (now.name.empty()) return;
  drawn_ = true;
  (void)write_all(STDERR_FILENO, concat("\r", progress_line(now, terminal_width() - 1), "\x1b[K"));
}

void LiveLine::clear() {
  if (drawn_) (void)write_all(STDERR_FILENO, "\r\x1b[K");
  drawn_ = false;
}

}  // namespace sluice::tools
