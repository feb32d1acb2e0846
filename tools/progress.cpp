#include "tools/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "protocols/files/name.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/client.h"

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;

constexpr auto kDrawEvery = 100ms;
constexpr std::size_t kFallbackWidth = 80;
constexpr std::size_t kMinBarWidth = 12, kMaxBarWidth = 40;
constexpr std::size_t kMinNameWidth = 12;   // a name is cut to this before a field goes
constexpr std::size_t kLeastNameWidth = 4;  // with less the last field goes as well
constexpr std::uint64_t kLongestLeftSeconds = 100 * 3600;
constexpr std::string_view kGap = "  ";

std::string right(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

double rate(const Transfer& transfer) {
  if (transfer.elapsed <= Duration::zero() || transfer.done < transfer.skipped) return 0;
  return static_cast<double>(transfer.done - transfer.skipped) / seconds(transfer.elapsed);
}

/// A total of none is all there.
double fraction(const Transfer& transfer) {
  const std::uint64_t total = *transfer.total;
  if (transfer.done >= total) return 1;
  return static_cast<double>(transfer.done) / static_cast<double>(total);
}

std::string left_text(const Transfer& transfer) {
  const double speed = rate(transfer);
  const std::uint64_t missing = *transfer.total - std::min(transfer.done, *transfer.total);
  const double time = speed > 0 ? static_cast<double>(missing) / speed : 1e9;
  if (time >= static_cast<double>(kLongestLeftSeconds)) return "-:-- left";
  const auto whole = static_cast<std::uint64_t>(std::llround(time));
  const std::uint64_t hours = whole / 3600, minutes = whole / 60 % 60;
  return concat(hours > 0 ? concat(hours, ':', ZeroPadded(minutes, 2)) : concat(minutes), ':',
                ZeroPadded(whole % 60, 2), " left");
}

/// What stands right of the name, the most dispensable last. Fixed widths, so that nothing jumps.
std::vector<std::string> fields_of(const Transfer& transfer) {
  constexpr std::size_t kPercentWidth = 4, kSizeWidth = 8, kRateWidth = 10, kLeftWidth = 10;
  std::vector<std::string> fields;
  if (transfer.total) {
    const auto percent = static_cast<unsigned>(fraction(transfer) * 100);
    fields.push_back(right(concat(percent, '%'), kPercentWidth));
  }
  fields.push_back(right(size_text(transfer.done), kSizeWidth));
  fields.push_back(right(rate_text(transfer), kRateWidth));
  if (transfer.total) fields.push_back(right(left_text(transfer), kLeftWidth));
  return fields;
}

std::string bar(const Transfer& transfer, std::size_t width) {
  const std::size_t inside = width - 2;
  const auto filled = static_cast<std::size_t>(fraction(transfer) * static_cast<double>(inside));
  std::string text(filled, '=');
  if (filled < inside) text += '>';
  return concat('[', text, std::string(inside - text.size(), ' '), ']');
}

std::size_t terminal_width() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kFallbackWidth;
}

void to_terminal(std::string_view text) {
  (void)write_all(STDERR_FILENO, text);
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 6> kUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return concat(bytes, " B");
  std::uint64_t unit = 1000;
  std::size_t which = 0;
  while (bytes / unit >= 1000) {
    unit *= 1000;
    ++which;
  }
  const std::uint64_t tenths = bytes / (unit / 10);
  return concat(Decimal(tenths, 1), ' ', kUnits[which]);
}

std::string rate_text(const Transfer& transfer) {
  if (transfer.elapsed <= Duration::zero()) return {};
  // Far below the 2^64 that would not fit, and far above any line.
  return size_text(static_cast<std::uint64_t>(std::min(rate(transfer), 1e18))) + "/s";
}

std::string summary_line(const Transfer& transfer) {
  const auto tenths = static_cast<std::uint64_t>(seconds(transfer.elapsed) * 10);
  std::string text = concat(transfer.name, ": ", size_text(transfer.done), " in ", tenths / 10, '.',
                            tenths % 10, " s");
  if (const std::string speed = rate_text(transfer); !speed.empty()) text += ", " + speed;
  if (transfer.skipped > 0) {
    text += concat(", ", size_text(transfer.skipped), " of it had been there already");
  }
  return text;
}

std::string progress_line(const Transfer& transfer, std::size_t width) {
  std::vector<std::string> fields = fields_of(transfer);
  const auto right_width = [&] {
    std::size_t sum = 0;
    for (const std::string& field : fields) sum += kGap.size() + field.size();
    return sum;
  };
  const std::size_t wanted = std::min(columns_of(transfer.name), kMinNameWidth);
  while (fields.size() > 1 && right_width() + wanted > width) fields.pop_back();
  if (right_width() + std::min(wanted, kLeastNameWidth) > width) {
    return cut_to_columns(transfer.name, width);
  }

  std::string line = cut_to_columns(transfer.name, width - right_width());
  const std::size_t spare = width - right_width() - columns_of(line);
  if (transfer.total && spare >= kGap.size() + kMinBarWidth) {
    line += kGap;
    line += bar(transfer, std::min(spare - kGap.size(), kMaxBarWidth));
  }
  for (const std::string& field : fields) line += concat(kGap, field);
  return line;
}

Progress::Progress(std::string_view name, std::optional<std::uint64_t> total, std::uint64_t skipped)
    : transfer_{printable(name), skipped, total, skipped, {}},
      start_(std::chrono::steady_clock::now()),
      last_drawn_(start_),
      terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::add(std::uint64_t bytes) {
  transfer_.done += bytes;
  if (!terminal_) return;
  const TimePoint now = std::chrono::steady_clock::now();
  if (now - last_drawn_ < kDrawEvery) return;
  last_drawn_ = now;
  draw();
}

Transfer Progress::transfer() const {
  Transfer now = transfer_;
  now.elapsed = std::chrono::steady_clock::now() - start_;
  return now;
}

/// One column stays free: at a full line some terminals wrap.
void Progress::draw() {
  drawn_ = true;
  to_terminal(concat("\r", progress_line(transfer(), terminal_width() - 1), "\x1b[K"));
}

void Progress::clear() {
  if (drawn_) to_terminal("\r\x1b[K");
  drawn_ = false;
}

}  // namespace sluice::tools
