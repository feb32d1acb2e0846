#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

/// How a line of the FTP shell falls into words. Blanks part them. A backslash takes the next
/// character as it is; 'single quotes' take everything so, "double quotes" everything but `\"` and
/// `\\`. Bytes above 0x7f mean nothing here.
namespace sluice::tools {

/// The words of a line; the error is a sentence about a quote that does not end.
std::expected<std::vector<std::string>, std::string> split_words(std::string_view line);

/// The commands of a line, parted by `;` outside of quotes, without blanks before them;
/// empty ones are left out, and so is everything from a `#` on that begins a command.
std::vector<std::string_view> split_commands(std::string_view line);

/// What is being typed where a line ends.
struct OpenWord {
  std::vector<std::string> before;  ///< the words of the same command that are whole
  std::string text;                 ///< of the last one, without quotes; may be empty
  std::size_t from = 0;             ///< where in the line it begins, its quote included
  char quote = 0;                   ///< `"` or `'`, where it ends within one
};
OpenWord open_word(std::string_view line);

/// `text` as it is to be typed: with backslashes, or within `quote`, which is closed if `whole`.
std::string quoted(std::string_view text, char quote = 0, bool whole = true);

}  // namespace sluice::tools
