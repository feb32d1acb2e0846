#include "protocols/files/file_info.h"

#include <criterion/criterion.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <string>

#include "reactor/fd.h"
#include "tests/protocols/deny_syscall.h"
#include "tests/protocols/temp_directory.h"
#include "tests/protocols/unprivileged.h"

using namespace sluice::files;

namespace {

sluice::Fd open_path(const std::string& path) {
  return sluice::Fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
}

void expect_same_as_stat(const FileInfo& info, const std::string& path) {
  struct stat status{};
  cr_assert_eq(::lstat(path.c_str(), &status), 0);
  cr_expect_eq(info.mode, status.st_mode);
  cr_expect_eq(info.size, static_cast<std::uint64_t>(status.st_size));
  cr_expect_eq(info.modified.tv_sec, status.st_mtim.tv_sec);
  cr_expect_eq(info.modified.tv_nsec, status.st_mtim.tv_nsec);
  cr_expect_eq(info.owner, status.st_uid);
  cr_expect_eq(info.group, status.st_gid);
  cr_expect_eq(info.links, status.st_nlink);
  cr_expect_eq(info.device, status.st_dev);
  cr_expect_eq(info.inode, status.st_ino);
}

void make_one_of_each(const TempDirectory& temp) {
  temp.put("file", "content");
  const timespec times[2] = {{0, UTIME_OMIT}, {981'173'106, 123'456'789}};
  ::utimensat(AT_FDCWD, temp.path("file").c_str(), times, 0);
  ::link(temp.path("file").c_str(), temp.path("twin").c_str());
  ::mkdir(temp.path("sub").c_str(), 0700);
  ::symlink("file", temp.path("link").c_str());
}

void expect_each_told(const TempDirectory& temp) {
  const auto directory = open_path(temp.path());
  for (const char* name : {"file", "sub", "link"}) {
    const auto info = file_info(directory.get(), name);
    cr_assert(info, "%s: %s", name, info.error().message().c_str());
    expect_same_as_stat(*info, temp.path(name));
  }
  cr_expect(file_info(directory.get(), "file")->is_regular());
  cr_expect(file_info(directory.get(), "sub")->is_directory());
  cr_expect(file_info(directory.get(), "link")->is_link());
  const auto missing = file_info(directory.get(), "missing");
  cr_assert(!missing);
  cr_expect_eq(missing.error().code, ENOENT);
}

Access access_with(mode_t mode, uid_t owner, gid_t group) {
  FileInfo info;
  info.mode = mode;
  info.owner = owner;
  info.group = group;
  return access_of(info);
}

std::string text_of(Access access) {
  return {access.read ? 'r' : '-', access.write ? 'w' : '-', access.execute ? 'x' : '-'};
}

}  // namespace

Test(file_info, tells_what_stat_tells_and_follows_no_link) {
  TempDirectory temp;
  make_one_of_each(temp);
  expect_each_told(temp);
}

Test(file_info, tells_the_same_where_statx_is_forbidden) {
  TempDirectory temp;
  make_one_of_each(temp);
  if (!deny_syscall(SYS_statx, EPERM)) cr_skip("no seccomp here");
  expect_each_told(temp);
}

Test(file_info, tells_of_the_descriptor_itself_by_an_empty_name) {
  TempDirectory temp;
  make_one_of_each(temp);
  for (const char* name : {"file", "sub"}) {
    const auto info = file_info(open_path(temp.path(name)).get(), "");
    cr_assert(info, "%s", info.error().message().c_str());
    expect_same_as_stat(*info, temp.path(name));
  }
}

Test(file_info, knows_sizes_above_four_gibibytes) {
  TempDirectory temp;
  temp.put("file", "");
  if (::truncate(temp.path("file").c_str(), 5'000'000'000) != 0) cr_skip("no such files here");
  cr_expect_eq(file_info(open_path(temp.path()).get(), "file")->size, 5'000'000'000);
}

Test(file_info, lets_the_first_class_that_fits_decide_what_may_be_done) {
  const Unprivileged nobody;
  const uid_t me = ::geteuid();
  const gid_t mine = ::getegid();
  const uid_t other = me + 1;
  const gid_t others = 54'321;
  cr_expect(text_of(access_with(S_IFREG | 0640, me, others)) == "rw-");
  cr_expect(text_of(access_with(S_IFREG | 0640, other, mine)) == "r--");
  cr_expect(text_of(access_with(S_IFREG | 0641, other, others)) == "--x");
  cr_expect(text_of(access_with(S_IFREG | 0077, me, mine)) == "---");
  cr_expect(text_of(access_with(S_IFREG | 0707, other, mine)) == "---");
  cr_expect(text_of(access_with(S_IFDIR | 0705, other, others)) == "r-x");
}

Test(file_info, counts_the_further_groups_too) {
  constexpr gid_t kGroups[] = {54'322, 54'321};
  if (::geteuid() != 0 || ::setgroups(2, kGroups) != 0) cr_skip("only root has groups to give");
  cr_assert_eq(::seteuid(Unprivileged::kUser), 0);
  cr_expect(text_of(access_with(S_IFREG | 0060, 0, 54'321)) == "rw-");
  cr_expect(text_of(access_with(S_IFREG | 0060, 0, 54'323)) == "---");
  cr_expect_eq(::seteuid(0), 0);
}

Test(file_info, lets_root_do_all_but_run_what_nobody_runs) {
  if (::geteuid() != 0) cr_skip("only root can");
  cr_expect(text_of(access_with(S_IFREG | 0000, 7, 7)) == "rw-");
  cr_expect(text_of(access_with(S_IFREG | 0010, 7, 7)) == "rwx");
  cr_expect(text_of(access_with(S_IFDIR | 0000, 7, 7)) == "rwx");
}
