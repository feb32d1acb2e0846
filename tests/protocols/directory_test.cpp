#include "protocols/files/directory.h"

#include <criterion/criterion.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <csignal>
#include <string>

#include "tests/protocols/deny_syscall.h"
#include "tests/protocols/temp_directory.h"

using sluice::files::Directory;
using namespace std::string_literals;

namespace {

Directory open_directory(const std::string& path) {
  auto directory = Directory::open(path);
  cr_assert(directory, "%s", directory.error().message().c_str());
  return std::move(*directory);
}

std::string read_through(const Directory& directory, const std::string& name) {
  const auto fd = directory.open_read(name);
  if (!fd) return "error " + std::to_string(fd.error().code);
  char buffer[100];
  const ssize_t n = ::read(fd->get(), buffer, sizeof buffer);
  return n < 0 ? "unreadable" : std::string(buffer, n);
}

void expect_open_error(const Directory& directory, const std::string& name, int code) {
  const auto fd = directory.open_read(name);
  cr_assert(!fd, "%s was opened", name.c_str());
  cr_expect_eq(fd.error().code, code, "%s: %s", name.c_str(), fd.error().message().c_str());
}

}  // namespace

Test(directory, reports_why_it_cannot_be_opened) {
  TempDirectory temp;
  temp.put("file", "x");
  cr_expect_eq(Directory::open(temp.path("missing")).error().code, ENOENT);
  cr_expect_eq(Directory::open(temp.path("file")).error().code, ENOTDIR);
  cr_expect_eq(Directory::open("").error().code, ENOENT);
}

Test(directory, opens_a_regular_file_for_reading) {
  TempDirectory temp;
  temp.put("file", "content");
  ::mkdir(temp.path("sub").c_str(), 0755);
  temp.put("sub/below", "deeper");
  const Directory root = open_directory(temp.path());
  cr_expect(read_through(root, "file") == "content");
  cr_expect(read_through(root, "sub/below") == "deeper");
  const auto fd = root.open_read("file");
  cr_expect((::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC) != 0);
}

Test(directory, opens_nothing_but_regular_files) {
  TempDirectory temp;
  ::mkdir(temp.path("sub").c_str(), 0755);
  ::mkfifo(temp.path("fifo").c_str(), 0644);
  sockaddr_un address{AF_UNIX, ""};
  temp.path("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  const sluice::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);

  const Directory root = open_directory(temp.path());
  expect_open_error(root, "fifo", EINVAL);  // and not for ever, although nobody writes to it
  expect_open_error(root, "sub", EISDIR);
  expect_open_error(root, ".", EISDIR);
  expect_open_error(root, "socket", ENXIO);
  expect_open_error(root, "missing", ENOENT);
  expect_open_error(root, "", ENOENT);
  expect_open_error(root, "missing\0x"s, EINVAL);
}

Test(directory, lets_no_name_and_no_link_out) {
  TempDirectory temp;
  temp.put("secret", "outside");
  ::mkdir(temp.path("root").c_str(), 0755);
  temp.put("root/file", "inside");
  ::symlink("../secret", temp.path("root/up").c_str());
  ::symlink(temp.path("secret").c_str(), temp.path("root/absolute").c_str());
  ::symlink("/file", temp.path("root/own").c_str());
  ::symlink("loop", temp.path("root/loop").c_str());

  const Directory root = open_directory(temp.path("root"));
  expect_open_error(root, "../secret", ENOENT);
  expect_open_error(root, "../../../etc/passwd", ENOENT);
  expect_open_error(root, "/etc/passwd", ENOENT);
  expect_open_error(root, "up", ENOENT);
  expect_open_error(root, "absolute", ENOENT);
  expect_open_error(root, "loop", ELOOP);
  cr_expect(read_through(root, "own") == "inside");
  cr_expect(read_through(root, "../file") == "inside");
  expect_open_error(open_directory("/proc/self"), "exe", ELOOP);
}

Test(directory, follows_no_link_on_a_kernel_without_openat2) {
  TempDirectory temp;
  temp.put("file", "content");
  ::mkdir(temp.path("sub").c_str(), 0755);
  temp.put("sub/below", "deeper");
  ::symlink("file", temp.path("link").c_str());
  ::mkfifo(temp.path("fifo").c_str(), 0644);
  const Directory root = open_directory(temp.path());
  if (!deny_syscall(SYS_openat2, ENOSYS)) cr_skip("no seccomp here");

  cr_expect(read_through(root, "file") == "content");
  expect_open_error(root, "link", ELOOP);
  cr_expect(read_through(root, "sub/below") == "deeper");
  expect_open_error(root, "sub/../file", ENOSYS);
  expect_open_error(root, "..", ENOSYS);
  expect_open_error(root, "fifo", EINVAL);
}

Test(directory, says_whether_a_name_is_taken) {
  TempDirectory temp;
  temp.put("file", "x");
  ::symlink("nowhere", temp.path("dangling").c_str());
  const Directory root = open_directory(temp.path());
  cr_expect(root.exists("file"));
  cr_expect(root.exists("dangling"));
  cr_expect(!root.exists("missing"));
  cr_expect(!root.exists("file/"));
  cr_expect(!root.exists("file\0"s));
}

Test(directory, removes_files_of_its_own_only) {
  TempDirectory temp;
  ::mkdir(temp.path("root").c_str(), 0755);
  ::mkdir(temp.path("root/sub").c_str(), 0755);
  temp.put("secret", "outside");
  temp.put("root/file", "x");
  const Directory root = open_directory(temp.path("root"));
  cr_expect(root.remove("file").has_value());
  cr_expect_eq(root.remove("file").error().code, ENOENT);
  cr_expect_eq(root.remove("sub").error().code, EISDIR);
  cr_expect_eq(root.remove("../secret").error().code, EINVAL);
  cr_expect(temp.get("secret") == "outside");
}

Test(directory, proves_that_it_can_be_written_and_leaves_nothing_behind) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  const auto writable = root.check_writable();
  cr_expect(writable, "%s", writable.error().message().c_str());
  cr_expect(temp.names().empty());
}

Test(directory, says_that_it_cannot_be_written_without_the_permission) {
  TempDirectory temp;
  ::chmod(temp.path().c_str(), 0555);
  const Directory root = open_directory(temp.path());
  const uid_t me = ::geteuid();
  constexpr uid_t kNobody = 65534;
  if (me == 0 && ::seteuid(kNobody) != 0) cr_skip("root that cannot become another");
  const auto writable = root.check_writable();
  cr_expect(me != 0 || ::seteuid(me) == 0);
  cr_assert(!writable);
  cr_expect_eq(writable.error().code, EACCES, "%s", writable.error().message().c_str());
}

Test(directory, says_that_it_cannot_be_written_when_no_byte_fits) {
  TempDirectory temp;
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit none{0, RLIM_INFINITY};
  const Directory root = open_directory(temp.path());
  ::setrlimit(RLIMIT_FSIZE, &none);
  const auto writable = root.check_writable();
  const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
  ::setrlimit(RLIMIT_FSIZE, &all);
  cr_assert(!writable);
  cr_expect_eq(writable.error().code, EFBIG);
  cr_expect(temp.names().empty());
}

Test(directory, says_that_it_is_gone) {
  TempDirectory temp;
  ::mkdir(temp.path("root").c_str(), 0755);
  const Directory root = open_directory(temp.path("root"));
  ::rmdir(temp.path("root").c_str());
  const auto writable = root.check_writable();
  cr_assert(!writable);
  cr_expect_eq(writable.error().code, ENOENT);
}

Test(directory, stays_the_same_one_when_it_is_renamed) {
  TempDirectory temp;
  ::mkdir(temp.path("root").c_str(), 0755);
  temp.put("root/file", "first");
  const Directory root = open_directory(temp.path("root"));
  ::rename(temp.path("root").c_str(), temp.path("moved").c_str());
  ::mkdir(temp.path("root").c_str(), 0755);
  temp.put("root/file", "second");
  cr_expect(read_through(root, "file") == "first");
}

Test(directory, knows_how_much_room_is_left) {
  TempDirectory temp;
  const Directory root = open_directory(temp.path());
  const auto free = root.free_bytes();
  cr_assert(free, "%s", free.error().message().c_str());
  cr_expect_gt(*free, 0);
  cr_expect_eq(open_directory("/proc").free_bytes().value_or(1), 0);
}

Test(directory, can_be_synced) {
  TempDirectory temp;
  cr_expect(open_directory(temp.path()).sync().has_value());
}
