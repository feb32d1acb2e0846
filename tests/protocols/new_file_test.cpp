#include "protocols/files/new_file.h"
#include "reactor/printable.h"

#include <criterion/criterion.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <string>
#include <utility>

#include "protocols/files/name.h"
#include "tests/protocols/deny_syscall.h"
#include "tests/protocols/temp_directory.h"

using namespace sluice::files;
using sluice::printable;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

constexpr std::array<std::byte, 16> kId = {std::byte{0xab}, std::byte{0x01}};
constexpr std::array<std::byte, 16> kOtherId = {std::byte{0xab}, std::byte{0x02}};
const std::string kPartial = ".sluice-ab010000000000000000000000000000.part";
using Names = std::set<std::string>;

Directory open_directory(const std::string& path) {
  auto directory = Directory::open(path);
  cr_assert(directory, "%s", directory.error().message().c_str());
  return std::move(*directory);
}

NewFile created(const Directory& directory, std::string_view content = "") {
  auto file = NewFile::create(directory);
  cr_assert(file, "%s", file.error().message().c_str());
  cr_assert(file->write(bytes_of(content)));
  return std::move(*file);
}

NewFile resumed(const Directory& directory, std::string_view more = "", NewFile::Id id = kId) {
  auto file = NewFile::resume(directory, id);
  cr_assert(file, "%s", file.error().message().c_str());
  cr_assert(file->write(bytes_of(more)));
  return std::move(*file);
}

template <class T>
int code(const sluice::Result<T>& result) {
  return result ? 0 : result.error().code;
}

void make_older(const TempDirectory& temp, const std::string& name, std::chrono::seconds age) {
  const timespec then{::time(nullptr) - age.count(), 0};
  const timespec times[2] = {then, then};
  cr_assert(::utimensat(AT_FDCWD, temp.path(name).c_str(), times, 0) == 0);
}

/// Runs `work` in a child that dies without any destructor, as in a crash.
template <class Work>
pid_t spawn(Work work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work() ? 0 : 1);
  return child;
}

bool ended_well(pid_t child) {
  int status = -1;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void limit_file_size(rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, RLIM_INFINITY};
  cr_assert(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

}  // namespace

Test(new_file, appears_under_its_name_only_when_committed) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  NewFile file = created(root, "first ");
  cr_expect(file.write(bytes_of("second")).has_value());
  cr_expect_eq(file.size(), 12);
  const Names unfinished = temp.names();
  cr_expect_eq(unfinished.size(), 1);
  cr_expect(is_temporary_name(*unfinished.begin()));
  cr_expect(file.commit("name", false).has_value());
  cr_expect(temp.names() == Names{"name"});
  cr_expect(temp.get("name") == "first second");
}

Test(new_file, vanishes_when_it_is_let_go_unfinished) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  {
    const NewFile file = created(root, "half");
  }
  cr_expect(temp.names().empty());
}

Test(new_file, may_be_empty) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  cr_expect(created(root).commit("created", false).has_value());
  cr_expect(resumed(root).commit("resumed", false).has_value());
  cr_expect(temp.names() == Names({"created", "resumed"}));
  cr_expect(temp.get("created").empty());
}

Test(new_file, never_replaces_another_unless_told_to) {
  TempDirectory temp;
  temp.put("name", "old");
  const Directory root = open_directory(temp.path());
  NewFile file = created(root, "new");
  cr_expect_eq(code(file.commit("name", false)), EEXIST);
  cr_expect(temp.get("name") == "old");
  cr_expect(file.commit("other", false).has_value(), "a second name may be tried");
  cr_expect(temp.names() == Names({"name", "other"}));
  cr_expect(temp.get("other") == "new");
}

Test(new_file, does_not_replace_a_dangling_link_unless_told_to) {
  TempDirectory temp;
  ::symlink("nowhere", temp.path("link").c_str());
  const Directory root = open_directory(temp.path());
  NewFile file = created(root, "new");
  cr_expect_eq(code(file.commit("link", false)), EEXIST);
  cr_expect(file.commit("link", true).has_value());
  cr_expect(temp.names() == Names{"link"}, "the link is replaced, not what it leads to");
}

Test(new_file, replaces_at_once_and_whole_when_told_to) {
  TempDirectory temp;
  temp.put("name", "old");
  const Directory root = open_directory(temp.path());
  const auto reader = root.open_read("name");
  NewFile file = created(root, "new");
  cr_expect(temp.get("name") == "old");
  cr_expect(file.commit("name", true).has_value());
  cr_expect(temp.get("name") == "new");
  char old[3];
  cr_expect_eq(::read(reader->get(), old, 3), 3);
  cr_expect(std::string_view(old, 3) == "old", "who was reading goes on with the old one");
}

Test(new_file, does_not_take_the_place_of_a_directory) {
  TempDirectory temp;
  ::mkdir(temp.path("sub").c_str(), 0755);
  const Directory root = open_directory(temp.path());
  NewFile file = created(root, "new");
  cr_expect_eq(code(file.commit("sub", false)), EEXIST);
  cr_expect_eq(code(file.commit("sub", true)), EISDIR);
}

Test(new_file, takes_no_name_that_is_not_a_single_component) {
  TempDirectory temp;
  ::mkdir(temp.path("root").c_str(), 0755);
  const Directory root = open_directory(temp.path("root"));
  NewFile file = created(root, "new");
  for (const auto& name : {""s, "."s, ".."s, "../out"s, "/tmp/out"s, "a/b"s, "a\0b"s, kPartial}) {
    cr_expect_eq(code(file.commit(name, true)), EINVAL, "%s", printable(name).c_str());
  }
  cr_expect_eq(code(file.commit(std::string(256, 'x'), true)), ENAMETOOLONG);
  cr_expect(file.commit("two\nlines", true).has_value(), "what a name may be is the protocol's");
}

Test(new_file, goes_on_where_an_earlier_one_was_left) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  {
    const NewFile file = resumed(root, "the first half, ");
  }
  cr_expect(temp.names() == Names{kPartial});
  NewFile file = resumed(root);
  cr_expect_eq(file.size(), 16);
  char there[9];
  cr_expect_eq(::pread(file.fd(), there, 9, 4), 9);
  cr_expect(std::string_view(there, 9) == "first hal");
  cr_expect(file.write(bytes_of("the second")).has_value());
  cr_expect(file.commit("name", false).has_value());
  cr_expect(temp.names() == Names{"name"});
  cr_expect(temp.get("name") == "the first half, the second");
}

Test(new_file, keeps_uploads_of_different_ids_apart) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  NewFile one = resumed(root, "one");
  NewFile two = resumed(root, "two", kOtherId);
  cr_expect(one.commit("one", false).has_value());
  cr_expect(two.commit("two", false).has_value());
  cr_expect(temp.get("one") == "one");
  cr_expect(temp.get("two") == "two");
}

Test(new_file, keeps_nothing_where_nothing_was_written) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  {
    const NewFile file = resumed(root);
  }
  cr_expect(temp.names().empty());
}

Test(new_file, can_be_discarded_for_good) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  NewFile file = resumed(root, "damaged");
  file.discard();
  cr_expect(temp.names().empty());
  cr_expect_eq(resumed(root).size(), 0);
}

Test(new_file, is_written_by_one_at_a_time) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  const Directory same = open_directory(temp.path());
  {
    const NewFile first = resumed(root, "x");
    cr_expect_eq(code(NewFile::resume(same, kId)), EWOULDBLOCK);
    cr_expect(ended_well(spawn([&] { return code(NewFile::resume(same, kId)) == EWOULDBLOCK; })));
  }
  cr_expect_eq(resumed(same).size(), 1);
}

Test(new_file, can_be_cut_and_written_on) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  NewFile file = resumed(root, "0123456789");
  cr_expect(file.truncate(4).has_value());
  cr_expect_eq(file.size(), 4);
  cr_expect_eq(code(file.truncate(5)), EINVAL);
  cr_expect(file.write(bytes_of("ab")).has_value());
  cr_expect(file.commit("name", false).has_value());
  cr_expect(temp.get("name") == "0123ab");
}

Test(new_file, can_be_synced) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  NewFile file = created(root, "x");
  cr_expect(file.sync().has_value());
}

Test(new_file, is_over_once_it_is_committed) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  NewFile file = created(root, "x");
  cr_expect(file.commit("name", false).has_value());
  cr_expect_eq(code(file.write(bytes_of("y"))), EBADF);
  cr_expect_eq(code(file.write({})), EBADF);
  cr_expect_eq(code(file.truncate(0)), EBADF);
  cr_expect_eq(code(file.sync()), EBADF);
  cr_expect_eq(code(file.commit("again", false)), EBADF);
  file.discard();
  cr_expect(temp.names() == Names{"name"});
}

Test(new_file, lets_go_of_what_it_had_when_another_is_moved_in) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  NewFile file = created(root, "first");
  file = created(root, "second");
  cr_expect_eq(temp.names().size(), 1);
  NewFile moved = std::move(file);
  cr_expect(moved.commit("name", false).has_value());
  cr_expect(temp.get("name") == "second");
}

Test(new_file, is_not_passed_on_to_programs_and_heeds_the_umask) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  ::umask(027);
  NewFile file = created(root, "x");
  struct stat status{};
  cr_expect(::fstat(file.fd(), &status) == 0);
  cr_expect_eq(status.st_mode & 07777, 0640);
  cr_expect((::fcntl(file.fd(), F_GETFD) & FD_CLOEXEC) != 0);
}

Test(new_file, does_without_a_rename_that_never_replaces) {
  TempDirectory temp;
  temp.put("taken", "old");
  const Directory root = open_directory(temp.path());
  if (!deny_syscall(SYS_renameat2, EINVAL)) cr_skip("no seccomp here");
  NewFile file = created(root, "new");
  cr_expect_eq(code(file.commit("taken", false)), EEXIST);
  cr_expect(temp.get("taken") == "old");
  cr_expect(file.commit("free", false).has_value());
  cr_expect(temp.names() == Names({"taken", "free"}));
  cr_expect(temp.get("free") == "new");
}

Test(new_file, reports_a_file_that_grows_too_large) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  limit_file_size(10'000);
  {
    NewFile file = created(root);
    cr_expect_eq(code(file.write(bytes_of(std::string(16'384, 'x')))), EFBIG);
    cr_expect_eq(file.size(), 10'000, "what fitted was stored");
  }
  cr_expect(temp.names().empty());
  {
    NewFile file = resumed(root);
    cr_expect_eq(code(file.write(bytes_of(std::string(16'384, 'x')))), EFBIG);
  }
  limit_file_size(RLIM_INFINITY);
  NewFile file = resumed(root);
  cr_expect_eq(file.size(), 10'000, "and can be gone on from");
  cr_expect(file.write(bytes_of("end")).has_value());
  cr_expect(file.commit("name", false).has_value());
  cr_expect(temp.get("name") == std::string(10'000, 'x') + "end");
}

Test(new_file, reports_a_full_disk) {
  TempDirectory temp;
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", temp.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
    cr_skip("may not mount a small file system");
  }
  {
    const Directory root = open_directory(temp.path());
    {
      NewFile file = created(root);
      cr_expect_eq(code(file.write(bytes_of(std::string(100'000, 'x')))), ENOSPC);
      cr_expect_eq(file.size(), 65'536);
      cr_expect_eq(code(root.check_writable()), ENOSPC);
    }
    cr_expect(temp.names().empty());
    cr_expect_eq(code(root.check_writable()), 0);
  }
  ::umount(temp.path().c_str());
}

Test(clean_stale, removes_what_a_crash_left) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  cr_expect(ended_well(spawn([&]() -> bool {
    auto file = NewFile::create(root);
    const bool written = file && file->write(bytes_of("half"));
    ::_exit(written ? 0 : 1);
  })));
  cr_expect_eq(temp.names().size(), 1);
  const auto removed = clean_stale(root, 1h);
  cr_expect_eq(removed.value_or(99), 1);
  cr_expect(temp.names().empty());
}

Test(clean_stale, keeps_what_may_still_be_resumed_until_it_is_old) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  {
    const NewFile file = resumed(root, "half");
  }
  cr_expect_eq(clean_stale(root, 1h).value_or(99), 0);
  cr_expect(temp.names() == Names{kPartial});
  make_older(temp, kPartial, 2h);
  cr_expect_eq(clean_stale(root, 3h).value_or(99), 0);
  cr_expect_eq(clean_stale(root, 1h).value_or(99), 1);
  cr_expect(temp.names().empty());
}

Test(clean_stale, keeps_what_is_in_use) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  NewFile anonymous = created(root, "one");
  NewFile resumable = resumed(root, "two");
  make_older(temp, kPartial, 2h);
  cr_expect_eq(clean_stale(root, 1h).value_or(99), 0);
  cr_expect(anonymous.commit("one", false).has_value());
  cr_expect(resumable.commit("two", false).has_value());
}

Test(clean_stale, keeps_what_is_not_ours) {
  TempDirectory temp;
  const std::string link = ".sluice-0000000000000001.part", fifo = ".sluice-0000000000000002.part";
  const std::string folder = ".sluice-0000000000000003.part";
  temp.put("file", "x");
  temp.put(".sluice-.part", "x");
  temp.put(".sluice-0123456789abcdef.parts", "x");
  ::symlink("file", temp.path(link).c_str());
  ::mkfifo(temp.path(fifo).c_str(), 0644);
  ::mkdir(temp.path(folder).c_str(), 0755);
  const Names before = temp.names();
  cr_expect_eq(clean_stale(open_directory(temp.path()), 0s).value_or(99), 0);
  cr_expect(temp.names() == before);
}

// Two processes race for one id, while this one cleans up. Whoever has the file must have a fresh
// one each time: an inode that the other has just committed must never be written to again.
Test(new_file, survives_others_that_commit_and_clean_up_at_the_same_time) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  constexpr int kRounds = 400;
  const auto race = [&](const std::string& me) {
    for (int done = 0; done < kRounds;) {
      auto file = NewFile::resume(root, kId);
      if (!file && file.error().code == EWOULDBLOCK) continue;
      if (!file || file->size() != 0 || !file->write(bytes_of("whole"))) return false;
      if (!file->commit(me + std::to_string(done++), false)) return false;
      auto anonymous = NewFile::create(root);
      if (!anonymous || !anonymous->write(bytes_of("whole"))) return false;
      if (!anonymous->commit(me + "-" + std::to_string(done), false)) return false;
    }
    return true;
  };
  const pid_t one = spawn([&] { return race("one"); });
  const pid_t two = spawn([&] { return race("two"); });
  for (int i = 0; i < 300; ++i) {
    cr_expect(clean_stale(root, 0s).has_value());
    ::sched_yield();
  }
  cr_expect(ended_well(one));
  cr_expect(ended_well(two));
  const Names names = temp.names();
  cr_expect_eq(names.size(), 4 * kRounds);
  for (const auto& name : names) cr_assert(temp.get(name) == "whole", "%s", name.c_str());
}
