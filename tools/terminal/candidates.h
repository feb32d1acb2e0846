#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::tools {

/// What all of `candidates`, of which there are some, begin with: a part of the first, cut between
/// two clusters.
std::string_view common_beginning(const std::vector<std::string>& candidates);

/// The candidates in columns like those of ls, whole lines, without the folder that all have in
/// common and fit for a terminal; of very many the first.
std::string list_candidates(const std::vector<std::string>& candidates, std::size_t columns);

}  // namespace sluice::tools
