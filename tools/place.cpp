#include "tools/place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "protocols/files/name.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/path.h"

namespace sluice::tools {
namespace {

std::unexpected<Trouble> no_place(std::string_view path, const Error& error) {
  return trouble(concat(printable(path), ": ", std::strerror(error.code)));
}

Outcome<Place> place_in(const std::string& directory, std::string_view name) {
  auto tree = files::Tree::open(directory);
  if (!tree) return no_place(directory, tree.error());
  Place place{std::move(*tree), concat('/', name)};
  const auto there = place.tree->info(place.path, false);
  if (there && there->is_directory()) return no_place(name, {EISDIR, ""});
  if (there && !there->is_regular() && !there->is_link()) {
    return trouble(concat(printable(name), ": what stands there is not a file"));
  }
  return place;
}

/// A file named by the user: links to it are followed, wherever they lead.
Outcome<Place> place_at(const std::string& path) {
  struct stat there{};
  if (::stat(path.c_str(), &there) != 0) {
    const std::string_view above = directory_of(path);
    return place_in(above.empty() ? "." : std::string(above), last_component(path));
  }
  if (!S_ISREG(there.st_mode)) {
    Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!fd) return no_place(path, Error::last("open"));
    return Place{std::nullopt, path, std::move(fd)};
  }
  char real[PATH_MAX];
  if (!::realpath(path.c_str(), real)) return no_place(path, Error::last("realpath"));
  return place_in(std::string(directory_of(real)), last_component(real));
}

bool is_directory(const std::string& path) {
  struct stat there{};
  return ::stat(path.c_str(), &there) == 0 && S_ISDIR(there.st_mode);
}

}  // namespace

Outcome<Place> place_of(std::string_view output, std::string_view name) {
  if (output == "-") {
    Place place{std::nullopt, "-"};
    place.direct = Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    place.is_output = true;
    if (!place.direct) return no_place("standard output", Error::last("dup"));
    return place;
  }
  std::string path(output);
  if (path.empty() || path.ends_with('/') || is_directory(path)) {
    if (auto checked = files::check_name(name, true); !checked) {
      return trouble(concat(printable(name), ": ", checked.error().operation));
    }
    return place_in(path.empty() ? "." : path, name);
  }
  return place_at(path);
}

}  // namespace sluice::tools
