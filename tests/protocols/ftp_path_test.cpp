#include "protocols/ftp/path.h"

#include <criterion/criterion.h>
#include <limits.h>

#include <string>
#include <string_view>

using namespace sluice::ftp;
using namespace std::string_literals;

namespace {

void expect_path(std::string_view cwd, std::string_view argument, std::string_view expected) {
  const auto path = resolve_path(cwd, argument);
  cr_expect(path.has_value(), "%.*s", static_cast<int>(argument.size()), argument.data());
  cr_expect(path == expected, "%.*s gives %s", static_cast<int>(argument.size()), argument.data(),
            path.value_or("nothing").c_str());
}

/// "/aaa…/aaa…", of so many bytes.
std::string path_of(std::size_t bytes) {
  std::string path;
  while (path.size() < bytes) path += path.size() % 200 == 0 ? '/' : 'a';
  return path;
}

}  // namespace

Test(ftp_path, begins_at_the_working_directory_or_at_the_root) {
  expect_path("/", "a", "/a");
  expect_path("/a/b", "c/d", "/a/b/c/d");
  expect_path("/a/b", "/c", "/c");
  expect_path("/a/b", "", "/a/b");
  expect_path("/a/b", "/", "/");
  expect_path("/", "", "/");
}

Test(ftp_path, passes_over_empty_components_and_dots) {
  expect_path("/a", ".", "/a");
  expect_path("/a", "./b//c/./", "/a/b/c");
  expect_path("/a", "///", "/");
  expect_path("/", "./././", "/");
}

Test(ftp_path, goes_up_and_stops_at_the_root) {
  expect_path("/a/b", "..", "/a");
  expect_path("/a/b", "../c", "/a/c");
  expect_path("/a/b", "../..", "/");
  expect_path("/a/b", "../../../../etc/passwd", "/etc/passwd");
  expect_path("/", "..", "/");
  expect_path("/", "/../..//../a/..", "/");
  expect_path("/a", "b/c/../../d", "/a/d");
}

Test(ftp_path, takes_names_as_they_are) {
  expect_path("/", "...", "/...");
  expect_path("/", "..a/.b/c..", "/..a/.b/c..");
  expect_path("/", " a b ", "/ a b ");
  expect_path("/", "~/-l/a\\b", "/~/-l/a\\b");
  expect_path("/", "\xff\x01*", "/\xff\x01*");
}

Test(ftp_path, refuses_a_nul) {
  cr_expect_not(resolve_path("/", "a\0b"s).has_value());
  cr_expect_not(resolve_path("/", "\0/.."s).has_value());
}

Test(ftp_path, refuses_a_name_that_is_too_long) {
  const std::string longest(NAME_MAX, 'x');
  expect_path("/", longest, "/" + longest);
  expect_path("/", longest + "/y", "/" + longest + "/y");
  cr_expect_not(resolve_path("/", longest + "x").has_value());
  cr_expect_not(resolve_path("/", longest + "x/y").has_value());
}

Test(ftp_path, refuses_a_path_that_is_too_long) {
  const std::string longest = path_of(PATH_MAX - 1);
  expect_path("/", longest, longest);
  expect_path("/a", longest + "/../" + longest.substr(longest.rfind('/') + 1), longest);
  cr_expect_not(resolve_path("/", path_of(PATH_MAX)).has_value());
  cr_expect_not(resolve_path(longest, "x").has_value());
}

Test(ftp_path, measures_the_result_and_not_the_way_to_it) {
  std::string argument;
  for (int i = 0; i < 2000; ++i) argument += "a/../";
  expect_path("/b", argument, "/b");
}

Test(ftp_path, looks_for_patterns_in_the_last_component) {
  for (const char* path : {"*", "/a/*.txt", "a?", "[ab]", "/x/[", "/a*/", "a/b*//"})
    cr_expect(is_pattern(path), "%s", path);
  for (const char* path : {"", "/", "a", "/a*/b", "*/a/", "]", "/a.b"})
    cr_expect_not(is_pattern(path), "%s", path);
}
