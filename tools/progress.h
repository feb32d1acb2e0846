#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "reactor/clock.h"
#include "reactor/printable.h"
#include "tools/terminal/char_width.h"

namespace sluice::tools {

/// How far a transfer has come.
struct Transfer {
  std::string name;  ///< of the file, fit for a terminal: printable()
  std::uint64_t done = 0;
  std::optional<std::uint64_t> total;  ///< bytes, where they are known
  std::uint64_t skipped = 0;           ///< bytes of `done` that were there before: not of the rate
  Duration elapsed{};                  ///< since the rest began
};

/// "12.3 MB", cut, not rounded; 1 kB is 1000 bytes.
std::string size_text(std::uint64_t bytes);
/// "4.5 MB/s"; empty as long as no time has passed.
std::string rate_text(const Transfer& transfer);
/// "name: 12.3 MB in 2.7 s, 4.5 MB/s", for when it is over.
std::string summary_line(const Transfer& transfer);

/// `name  [=====>    ]  42%  12.3 MB  4.5 MB/s  0:03 left` in at most `width` columns. What does
/// not fit goes: first the bar and what of the name is over 12 columns, then the time left, the
/// rate, the bytes; last the rest of the name. Without a total there is no bar, no percentage and
/// no time left.
std::string progress_line(const Transfer& transfer, std::size_t width);

/// Draws progress_line() over itself on standard error, ten times a second at most, when that is a
/// terminal; else does nothing. The destructor clears the line, which clear() does too, for a
/// message to be written there.
class Progress {
 public:
  Progress(std::string_view name, std::optional<std::uint64_t> total, std::uint64_t skipped = 0);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  void add(std::uint64_t bytes);
  void clear();
  /// As it stands now.
  Transfer transfer() const;

 private:
  void draw();

  Transfer transfer_;
  TimePoint start_;
  TimePoint last_drawn_;
  bool terminal_;
  bool drawn_ = false;
};

}  // namespace sluice::tools
