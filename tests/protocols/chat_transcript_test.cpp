#include "protocols/chat/transcript.h"

#include <criterion/criterion.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>

#include "reactor/log.h"
#include "reactor/text.h"
#include "tests/protocols/temp_directory.h"

using sluice::concat;
using sluice::chat::Transcript;
using namespace std::string_literals;

namespace {

constexpr std::size_t kStamp = std::string_view("2026-11-21 13:02:07 ").size();

/// The file without its time stamps; a line that has none is shown as it is.
std::string said(const TempDirectory& temp, const std::string& name = "lobby.log") {
  const std::string content = temp.get(name);
  std::string out;
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t end = std::min(content.find('\n', at), content.size() - 1) + 1;
    const bool stamped = end - at > kStamp && content[at + 4] == '-' && content[at + 16] == ':';
    out += content.substr(at + (stamped ? kStamp : 0), end - at - (stamped ? kStamp : 0));
    at = end;
  }
  return out;
}

long count(const std::string& text, std::string_view part) {
  long found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++found;
  return found;
}

void limit_file_size(rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, RLIM_INFINITY};
  cr_assert(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

}  // namespace

Test(chat_transcript, has_a_line_with_local_time_for_each) {
  TempDirectory temp;
  ::setenv("TZ", "UTC-9", 1);
  ::tzset();
  Transcript transcript(temp.path(), "lobby");
  const time_t before = ::time(nullptr);
  transcript.add("ann: hi\n");
  const time_t after = ::time(nullptr);
  transcript.flush();
  const std::string content = temp.get("lobby.log");
  cr_assert(content.size() == kStamp + 8);
  cr_expect(content.ends_with(" ann: hi\n"));
  tm told{};
  cr_assert(::strptime(content.c_str(), "%Y-%m-%d %H:%M:%S", &told) != nullptr);
  const time_t time = ::timegm(&told) - 9 * 3600;
  cr_expect(time >= before && time <= after, "%s", content.c_str());
}

Test(chat_transcript, holds_lines_until_it_is_flushed) {
  TempDirectory temp;
  Transcript transcript(temp.path(), "lobby");
  transcript.add("one\n");
  transcript.add("two\n");
  cr_expect(!temp.names().contains("lobby.log"));
  transcript.flush();
  cr_expect(said(temp) == "one\ntwo\n");
  transcript.flush();
  cr_expect(said(temp) == "one\ntwo\n");
}

Test(chat_transcript, does_not_hold_ever_more) {
  TempDirectory temp;
  Transcript transcript(temp.path(), "lobby");
  for (int i = 0; i < 100; ++i) transcript.add(std::string(4000, 'x') + "\n");
  const std::size_t written = said(temp).size();
  cr_expect(written > 300'000 && written < 400'100);
  transcript.flush();
  cr_expect_eq(said(temp).size(), 400'100);
}

Test(chat_transcript, writes_what_it_holds_when_it_ends) {
  TempDirectory temp;
  {
    Transcript transcript(temp.path(), "lobby");
    transcript.add("last words\n");
  }
  cr_expect(said(temp) == "last words\n");
}

Test(chat_transcript, appends_to_what_is_there) {
  TempDirectory temp;
  temp.put("lobby.log", "before\n");
  Transcript transcript(temp.path(), "lobby");
  transcript.add("after\n");
  transcript.flush();
  cr_expect(said(temp) == "before\nafter\n");
}

Test(chat_transcript, begins_on_a_line_of_its_own_after_half_of_another) {
  TempDirectory temp;
  temp.put("lobby.log", "cut by a cra");
  Transcript transcript(temp.path(), "lobby");
  transcript.add("after\n");
  transcript.flush();
  cr_expect(said(temp) == "cut by a cra\nafter\n");
}

Test(chat_transcript, can_be_read_by_its_owner_only_and_is_not_passed_on) {
  TempDirectory temp;
  ::umask(0);
  Transcript transcript(temp.path(), "방-1.x");
  transcript.add("hi\n");
  transcript.flush();
  struct stat status{};
  cr_assert(::stat(temp.path("방-1.x.log").c_str(), &status) == 0);
  cr_expect_eq(status.st_mode & 07777, 0600);
  bool passed_on = false;
  for (int fd = 3; fd < 256; ++fd) {
    struct stat other{};
    if (::fstat(fd, &other) != 0 || other.st_ino != status.st_ino) continue;
    passed_on = passed_on || (::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
  }
  cr_expect(!passed_on);
}

Test(chat_transcript, wants_a_directory_and_a_regular_file) {
  TempDirectory temp;
  temp.put("elsewhere", "");
  ::symlink("elsewhere", temp.path("link.log").c_str());
  ::symlink("nowhere", temp.path("dangling.log").c_str());
  ::mkfifo(temp.path("pipe.log").c_str(), 0600);
  ::mkdir(temp.path("folder.log").c_str(), 0700);
  cr_assert(sluice::open_log(temp.path("log")));
  const auto expect_failure = [&](const std::string& room, std::string_view why) {
    Transcript transcript(temp.path(), room);
    transcript.add("lost\n");
    transcript.flush();
    const std::string log = temp.get("log");
    cr_expect(log.find(concat(temp.path(), '/', room, ".log: ", why)) != log.npos, "%s",
              log.c_str());
  };
  expect_failure("link", "Too many levels of symbolic links");
  expect_failure("dangling", "Too many levels of symbolic links");
  expect_failure("pipe", "Operation not supported");
  expect_failure("folder", "Is a directory");
  expect_failure("missing/lobby", "No such file or directory");
  cr_expect(temp.get("elsewhere").empty());
}

Test(chat_transcript, makes_no_file_before_something_is_said) {
  TempDirectory temp;
  {
    Transcript quiet(temp.path(), "quiet");
    quiet.note("* ann joined\n");
    quiet.flush();
    quiet.reopen();
    Transcript lobby(temp.path(), "lobby");
    for (int i = 0; i < 10'000; ++i) lobby.note("* ann joined or left\n");
    lobby.note("* bob joined\n");
    lobby.add("bob: hi\n");
    lobby.note("* bob left\n");
  }
  cr_expect(!temp.names().contains("quiet.log"));
  const std::string kept = said(temp);
  cr_expect(kept.ends_with("left\n* bob joined\nbob: hi\n* bob left\n"));
  cr_expect(kept.size() < 65'536, "the oldest notices are forgotten");
}

Test(chat_transcript, begins_when_its_directory_is_there) {
  TempDirectory temp;
  cr_assert(sluice::open_log(temp.path("log")));
  Transcript transcript(temp.path("later"), "lobby");
  transcript.add("lost\n");
  transcript.flush();
  ::mkdir(temp.path("later").c_str(), 0700);
  transcript.add("kept\n");
  transcript.flush();
  cr_expect(said(temp, "later/lobby.log") == "kept\n");
}

Test(chat_transcript, goes_on_in_a_new_file_after_a_log_rotation) {
  TempDirectory temp;
  Transcript transcript(temp.path(), "lobby");
  transcript.add("one\n");
  transcript.flush();
  transcript.add("two\n");
  ::rename(temp.path("lobby.log").c_str(), temp.path("old").c_str());
  transcript.reopen();
  transcript.add("three\n");
  transcript.flush();
  cr_expect(said(temp, "old") == "one\ntwo\n");
  cr_expect(said(temp) == "three\n");
}

Test(chat_transcript, keeps_the_old_file_when_there_can_be_no_new_one) {
  TempDirectory temp;
  cr_assert(sluice::open_log(temp.path("log")));
  Transcript transcript(temp.path(), "lobby");
  transcript.add("zero\n");
  transcript.flush();
  ::rename(temp.path("lobby.log").c_str(), temp.path("old").c_str());
  ::mkdir(temp.path("lobby.log").c_str(), 0700);
  transcript.reopen();
  transcript.add("one\n");
  transcript.flush();
  cr_expect(said(temp, "old") == "zero\none\n");
  cr_expect(temp.get("log").find("lobby.log: Is a directory") != std::string::npos);
}

Test(chat_transcript, loses_lines_on_a_full_disk_and_joins_none) {
  TempDirectory temp;
  cr_assert(sluice::open_log(temp.path("log")));
  Transcript transcript(temp.path(), "lobby");
  limit_file_size(1000);
  transcript.add(std::string(600, 'a') + "\n");
  transcript.add(std::string(600, 'b') + "\n");
  transcript.add("ccc\n");
  transcript.flush();
  cr_expect_eq(temp.get("lobby.log").size(), 1000, "what fits is written");
  transcript.add("ddd\n");
  transcript.flush();
  limit_file_size(RLIM_INFINITY);
  transcript.add("eee\n");
  transcript.flush();
  const std::string half(1000 - 2 * kStamp - 601, 'b');
  cr_expect(said(temp) == std::string(600, 'a') + "\n" + half + "\neee\n", "%s",
            said(temp).c_str());
}

Test(chat_transcript, begins_no_empty_line_when_a_full_disk_cut_between_lines) {
  TempDirectory temp;
  cr_assert(sluice::open_log(temp.path("log")));
  Transcript transcript(temp.path(), "lobby");
  limit_file_size(2 * (kStamp + 4));
  for (const auto* line : {"aaa\n", "bbb\n", "ccc\n"}) transcript.add(line);
  transcript.flush();
  limit_file_size(RLIM_INFINITY);
  transcript.add("ddd\n");
  transcript.flush();
  cr_expect(said(temp) == "aaa\nbbb\nddd\n", "%s", said(temp).c_str());
}

Test(chat_transcript, can_fail_at_any_byte) {
  const TempDirectory logs;
  cr_assert(sluice::open_log(logs.path("log")));
  const std::string line = "ann: hi\n";
  for (rlim_t room = 0; room < 2 * (kStamp + line.size()); ++room) {
    TempDirectory temp;
    Transcript transcript(temp.path(), "lobby");
    transcript.add(line);
    transcript.add(line);
    limit_file_size(room);
    transcript.flush();
    limit_file_size(room + 1);  // the newline fits, if one is needed
    transcript.add(line);
    transcript.flush();
    limit_file_size(RLIM_INFINITY);
    transcript.add("end\n");
    transcript.flush();
    const std::string content = temp.get("lobby.log");
    cr_assert(content.ends_with(" end\n"));
    const std::size_t last = content.size() - kStamp - 4;
    cr_assert(last == 0 || content[last - 1] == '\n', "%zu: %s", static_cast<std::size_t>(room),
              content.c_str());
    cr_assert(count(content, "\n\n") == 0, "%s", content.c_str());
  }
}

Test(chat_transcript, logs_a_failure_once_and_once_that_it_is_over) {
  TempDirectory temp;
  cr_assert(sluice::open_log(temp.path("log")));
  Transcript transcript(temp.path(), "lobby");
  transcript.add(std::string(2000, 'x') + "\n");
  transcript.flush();
  for (long spell = 1; spell <= 2; ++spell) {
    limit_file_size(1500);
    for (int i = 0; i < 5; ++i) {
      transcript.add("lost\n");
      transcript.flush();
    }
    const std::string failing = temp.get("log");
    cr_expect_eq(count(failing, "lobby.log: File too large"), spell, "%s", failing.c_str());
    cr_expect_eq(count(failing, "written again"), spell - 1);
    limit_file_size(RLIM_INFINITY);
    for (int i = 0; i < 5; ++i) {
      transcript.add("kept\n");
      transcript.flush();
    }
    cr_expect_eq(count(temp.get("log"), "written again"), spell);
  }
  cr_expect_eq(count(said(temp), "kept\n"), 10);
  cr_expect_eq(count(said(temp), "lost"), 0);
}
