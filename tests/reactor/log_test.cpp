#include "reactor/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <string>

using sluice::LogLevel;

namespace {

std::string scratch_directory() {
  std::string path = "/tmp/sluice-log-XXXXXX";
  cr_assert(mkdtemp(path.data()) != nullptr);
  return path;
}

std::string contents(const std::string& path) {
  std::string text(65536, '\0');
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "(none)";
  text.resize(static_cast<std::size_t>(read(fd, text.data(), text.size())));
  close(fd);
  return text;
}

}  // namespace

Test(log, knows_its_levels_by_name) {
  cr_expect(sluice::parse_log_level("error") == LogLevel::error);
  cr_expect(sluice::parse_log_level("debug") == LogLevel::debug);
  cr_expect(!sluice::parse_log_level("loud"));
}

Test(log, writes_a_line_with_time_level_and_who) {
  const std::string directory = scratch_directory();
  const std::string path = directory + "/log";
  cr_assert(sluice::open_log(path));
  sluice::log(LogLevel::warning, "echo", "port ", 7, " is taken");
  const std::string line = contents(path);
  cr_expect(line.ends_with(" warning echo: port 7 is taken\n"), "%s", line.c_str());
  cr_expect(line.size() > 20 && line[4] == '-' && line[10] == ' ' && line[13] == ':');
  unlink(path.c_str());
  rmdir(directory.c_str());
}

Test(log, leaves_out_what_is_below_its_level) {
  const std::string directory = scratch_directory();
  const std::string path = directory + "/log";
  cr_assert(sluice::open_log(path));
  sluice::set_log_level(LogLevel::error);
  sluice::log(LogLevel::warning, "echo", "quiet");
  cr_expect(contents(path) == "");
  sluice::set_log_level(LogLevel::debug);
  sluice::log(LogLevel::debug, "echo", "loud");
  cr_expect(contents(path).ends_with("debug echo: loud\n"));
  unlink(path.c_str());
  rmdir(directory.c_str());
}

Test(log, goes_on_in_a_new_file_after_a_rotation) {
  const std::string directory = scratch_directory();
  const std::string path = directory + "/log", old = directory + "/log.1";
  cr_assert(sluice::open_log(path));
  sluice::log(LogLevel::error, "echo", "before");
  cr_assert(std::rename(path.c_str(), old.c_str()) == 0);
  cr_assert(sluice::reopen_log());
  sluice::log(LogLevel::error, "echo", "after");
  cr_expect(contents(old).ends_with("echo: before\n"));
  cr_expect(contents(path).ends_with("echo: after\n"));
  cr_expect(contents(path).find("before") == std::string::npos);
  unlink(path.c_str());
  unlink(old.c_str());
  rmdir(directory.c_str());
}

Test(log, stays_where_it_is_when_the_new_file_cannot_be_opened) {
  const std::string directory = scratch_directory();
  const std::string path = directory + "/log";
  cr_assert(sluice::open_log(path));
  const auto opened = sluice::open_log(directory + "/missing/log");
  cr_assert(!opened);
  cr_expect(opened.error().code == ENOENT);
  sluice::log(LogLevel::error, "echo", "still here");
  cr_expect(contents(path).ends_with("still here\n"));
  unlink(path.c_str());
  rmdir(directory.c_str());
}

Test(log, reopening_standard_error_does_nothing) {
  cr_expect(sluice::reopen_log());
}
