#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "reactor/utf8.h"

/// How many columns of a terminal a text takes, without a locale, which a static binary has not.
namespace sluice::tools {

/// 0 for a mark that sits on the character before it, 2 for the wide ones of East Asia and for
/// pictures, 1 for all else, also for what is not shown, for which a sign of one column stands.
std::size_t columns_of(char32_t c);

/// What moves and is deleted as one: a character and the marks on it.
struct Cluster {
  std::size_t bytes = 0;
  std::size_t columns = 0;  ///< 1 or 2, also for marks that have no character to sit on
};

/// The cluster that `text`, which is not empty, begins with.
Cluster first_cluster(std::string_view text);

/// The columns that a UTF-8 text takes on a terminal, and its longest beginning that takes at most
/// `columns`, where a cut text ends in `…`.
std::size_t columns_of(std::string_view text);
std::string cut_to_columns(std::string_view text, std::size_t columns);

}  // namespace sluice::tools
