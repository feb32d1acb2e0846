#include "tools/terminal/history.h"

#include <criterion/criterion.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/protocols/temp_directory.h"

using namespace sluice;
using namespace sluice::tools;

using Lines = std::vector<std::string>;

Test(history, keeps_lines_but_neither_empty_ones_nor_one_twice_in_a_row) {
  History history;
  for (const char* line : {"a", "", "a", "b", "a"}) history.add(line);
  cr_expect(history.lines() == Lines({"a", "b", "a"}));
}

Test(history, forgets_the_oldest) {
  History history;
  for (std::size_t i = 0; i < History::kMaxLines + 10; ++i) history.add(std::to_string(i));
  cr_expect(history.lines().size() == History::kMaxLines);
  cr_expect(history.lines().front() == "10");
}

Test(history, takes_no_line_that_would_be_two_in_its_file) {
  History history;
  history.add("two\nlines");
  cr_expect(history.lines().empty());
}

Test(history, comes_back_from_its_file) {
  const TempDirectory directory;
  const std::string path = directory.path("a/b/ftp_history");
  History history;
  for (const char* line : {"get 한글.txt", "with \xff bytes", "last"}) history.add(line);
  cr_assert(history.save(path).has_value());
  struct stat status{};
  cr_assert(stat(path.c_str(), &status) == 0);
  cr_expect((status.st_mode & 07777) == 0600);
  cr_assert(stat(directory.path("a/b").c_str(), &status) == 0);
  cr_expect((status.st_mode & 07777) == 0700);

  History again;
  again.add("before");
  cr_assert(again.load(path).has_value());
  cr_expect(again.lines() == Lines({"before", "get 한글.txt", "with \xff bytes", "last"}));
}

Test(history, replaces_its_file_whole_and_leaves_nothing_beside_it) {
  const TempDirectory directory;
  directory.put("h", "old\n");
  History history;
  history.add("new");
  cr_assert(history.save(directory.path("h")).has_value());
  cr_expect(directory.get("h") == "new\n");
  cr_expect(directory.names().size() == 1);
}

Test(history, of_a_file_that_is_not_there_is_empty) {
  const TempDirectory directory;
  History history;
  cr_expect(history.load(directory.path("none")).has_value());
  cr_expect(history.load(directory.path("no/such/folder")).has_value());
  cr_expect(history.lines().empty());
}

Test(history, says_when_its_file_cannot_be_read_or_written) {
  const TempDirectory directory;
  History history;
  history.add("line");
  const Result<void> read = history.load(directory.path());
  cr_expect(!read && read.error().code == EISDIR);
  directory.put("file", "");
  const Result<void> written = history.save(directory.path("file/below"));
  cr_expect(!written && written.error().code == ENOTDIR);
}

Test(history, takes_a_file_without_a_last_line_end_and_with_empty_lines) {
  const TempDirectory directory;
  directory.put("h", "\n\none\n\ntwo");
  History history;
  cr_expect(history.load(directory.path("h")).has_value());
  cr_expect(history.lines() == Lines({"one", "two"}));
}

Test(history, lies_where_the_environment_says) {
  setenv("HOME", "/home/somebody", 1);
  setenv("XDG_STATE_HOME", "/state", 1);
  cr_expect(history_path("ftp") == "/state/sluice/ftp_history");
  setenv("XDG_STATE_HOME", "not/absolute", 1);
  cr_expect(history_path("ftp") == "/home/somebody/.local/state/sluice/ftp_history");
  unsetenv("XDG_STATE_HOME");
  cr_expect(history_path("chat") == "/home/somebody/.local/state/sluice/chat_history");
  unsetenv("HOME");
  cr_expect(history_path("ftp").empty());
}
