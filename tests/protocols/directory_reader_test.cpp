#include "protocols/files/directory_reader.h"

#include <criterion/criterion.h>
#include <dirent.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/protocols/temp_directory.h"

using sluice::Fd;
using sluice::files::DirectoryReader;

namespace {

DirectoryReader reader_of(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  cr_assert(fd);
  return DirectoryReader(std::move(fd));
}

std::vector<std::string> rest_of(DirectoryReader& reader) {
  std::vector<std::string> names;
  for (;;) {
    const auto entry = reader.next();
    cr_assert(entry, "%s", entry.error().message().c_str());
    if (!*entry) return names;
    cr_assert_eq((*entry)->name[(*entry)->size], '\0');
    names.emplace_back((*entry)->text());
  }
}

std::vector<std::string> names_in(const std::string& path) {
  auto reader = reader_of(path);
  return rest_of(reader);
}

std::string number(int i) {
  char text[8];
  std::snprintf(text, sizeof text, "%07d", i);
  return text;
}

}  // namespace

Test(directory_reader, finds_nothing_in_an_empty_directory) {
  TempDirectory temp;
  auto reader = reader_of(temp.path());
  cr_expect(rest_of(reader).empty());
  cr_expect(rest_of(reader).empty());  // and again nothing
}

Test(directory_reader, gives_a_small_directory_in_the_order_of_bytes) {
  TempDirectory temp;
  for (const char* name : {"b", "a", "\xc3\xa4", "B", ".hidden", "aa", "..a", "a b", "10", "9"}) {
    temp.put(name, "");
  }
  const std::vector<std::string> expected = {"..a", ".hidden", "10", "9", "B",
                                             "a",   "a b",     "aa", "b", "\xc3\xa4"};
  cr_expect(names_in(temp.path()) == expected);
}

Test(directory_reader, tells_the_types) {
  TempDirectory temp;
  temp.put("a file", "");
  ::mkdir(temp.path("directory").c_str(), 0755);
  ::symlink("nowhere", temp.path("link").c_str());
  auto reader = reader_of(temp.path());
  for (const int type : {DT_REG, DT_DIR, DT_LNK}) {
    const auto entry = reader.next();
    cr_assert(entry && *entry);
    cr_expect((*entry)->type == type || (*entry)->type == DT_UNKNOWN, "%s", (*entry)->name);
  }
}

Test(directory_reader, finds_each_entry_of_a_large_directory_once) {
  TempDirectory temp;
  std::vector<std::string> expected;
  for (int i = 0; i < 5000; ++i) {
    expected.push_back(number(i));
    temp.put(expected.back(), "");
  }
  auto names = names_in(temp.path());
  std::sort(names.begin(), names.end());
  cr_expect(names == expected);
}

// With the longest names, 280 bytes each, a block is full at about 234 of them.
Test(directory_reader, misses_nothing_where_a_block_is_just_full) {
  TempDirectory temp;
  std::vector<std::string> expected;
  for (int i = 0; i < 245; ++i) {
    expected.push_back(number(i) + std::string(248, 'x'));
    temp.put(expected.back(), "");
    if (i < 220) continue;
    auto names = names_in(temp.path());
    cr_expect(i > 225 || std::is_sorted(names.begin(), names.end()), "%d", i);
    std::sort(names.begin(), names.end());
    cr_expect(names == expected, "%d", i);
  }
}

Test(directory_reader, goes_on_after_a_move) {
  TempDirectory temp;
  for (const char* name : {"c", "a", "b"}) temp.put(name, "");
  auto first = reader_of(temp.path());
  const auto entry = first.next();
  DirectoryReader second = std::move(first);
  cr_expect((*entry)->text() == "a");
  cr_expect(rest_of(second) == std::vector<std::string>({"b", "c"}));
  cr_expect(::fcntl(second.fd(), F_GETFD) >= 0);
}

Test(directory_reader, finds_nothing_in_a_directory_that_was_removed) {
  TempDirectory temp;
  ::mkdir(temp.path("sub").c_str(), 0755);
  auto reader = reader_of(temp.path("sub"));
  ::rmdir(temp.path("sub").c_str());
  cr_expect(rest_of(reader).empty());
}

Test(directory_reader, ends_with_the_error_of_what_is_no_directory) {
  TempDirectory temp;
  temp.put("file", "");
  DirectoryReader reader(Fd(::open(temp.path("file").c_str(), O_RDONLY | O_CLOEXEC)));
  const auto entry = reader.next();
  cr_assert(!entry);
  cr_expect_eq(entry.error().code, ENOTDIR);
  const auto after = reader.next();
  cr_assert(after);
  cr_expect(!*after);
}
