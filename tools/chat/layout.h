#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tools/chat/message.h"

namespace sluice::tools {

enum class Colours {
  none,
  basic,  ///< the eight of every terminal, as its owner has chosen them
  many,   ///< those 256 that are the same everywhere
};
/// As the environment has it: NO_COLOR (no-color.org), TERM, COLORTERM.
Colours colours_of_environment();

/// A part of a text, by its bytes.
struct Row {
  std::size_t begin, end;
};

/// Where to wrap a text: rows of at most `columns`, from the second on of `indent` less. Between
/// words, and between wide characters unless punctuation would begin or an opening bracket end a
/// row; inside a word only where it is longer than a row. Blanks at a break belong to no row.
std::vector<Row> wrap_rows(std::string_view text, std::size_t columns, std::size_t indent);

/// A message for the screen: the time before it, wrapped rows behind the time, a colour for each
/// nick. Its text is clean. Ends in a newline.
std::string lay_out(const Message& message, std::string_view time, std::size_t columns,
                    Colours colours);

}  // namespace sluice::tools
