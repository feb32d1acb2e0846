#include "tools/multicast/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::tools {

using multicast::Framing;

Output::Output(Reactor& reactor, OnFailed on_failed)
    : writer_(reactor), on_failed_(std::move(on_failed)) {
  writer_.on_drained([this] { drained(); });
}

Started Output::open(Framing framing) {
  framing_ = framing;
  terminal_ = isatty(STDOUT_FILENO) == 1;
  Fd copy(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!copy) return std::unexpected(Error::last("standard output").message());
  if (auto opened = writer_.open(std::move(copy), true); !opened) {
    return std::unexpected(opened.error().message("standard output"));
  }
  return {};
}

void Output::drained() {
  if (writer_.error()) return on_failed_(writer_.error());
  if (on_drained_) on_drained_();
}

void Output::take(std::span<const Received> batch) {
  for (const Received& one : batch) {
    std::string_view text = as_text(one.bytes);
    if (terminal_ && framing_ == Framing::lines) {
      if (text.ends_with('\n')) text.remove_suffix(1);
      writer_.put(printable(text), "\n");
    } else {
      writer_.put(text, multicast::ending(framing_, text));
    }
  }
  writer_.flush();
}

void Output::put(std::string_view text) {
  writer_.put(text);
  writer_.flush();
}

void Output::draw(const std::string& lines) {
  const std::string up = drawn_ == 0 ? "" : concat("\x1b[", drawn_, "A\x1b[J");
  put(concat(up, lines));
  drawn_ = static_cast<std::size_t>(std::ranges::count(lines, '\n'));
}

}  // namespace sluice::tools
