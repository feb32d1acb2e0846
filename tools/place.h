#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocols/files/tree.h"
#include "reactor/fd.h"
#include "tools/client.h"

namespace sluice::tools {

/// Where a file that is fetched goes: into a directory, or to what is no file: a device, a pipe.
struct Place {
  std::optional<files::Tree> tree;
  std::string path;  ///< in the tree
  Fd direct{};
  bool is_output = false;  ///< standard output
};

/// What `-o OUTPUT` says of a file that is called `name` where it comes from: `-` is standard
/// output, `DIR/`, a directory that is there and nothing at all take that name, anything else is a
/// file's. Links that the user names are followed.
Outcome<Place> place_of(std::string_view output, std::string_view name);

}  // namespace sluice::tools
