#include "protocols/files/tree.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <csignal>
#include <cstring>

#include "protocols/files/new_file.h"
#include "tests/protocols/deny_syscall.h"
#include "tests/protocols/grove.h"
#include "tests/protocols/unprivileged.h"

using namespace sluice::files;
using namespace std::string_literals;
using Write = Tree::Write;

namespace {

template <class T>
int error_of(const sluice::Result<T>& result) {
  return result ? 0 : result.error().code;
}

std::string read_through(const Tree& tree, const std::string& path) {
  const auto fd = tree.open_read(path);
  if (!fd) return std::strerror(fd.error().code);
  char buffer[100];
  const ssize_t n = ::read(fd->get(), buffer, sizeof buffer);
  return n < 0 ? "unreadable" : std::string(buffer, n);
}

int write_through(const Tree& tree, const std::string& path, Write how, std::string_view text) {
  const auto fd = tree.open_write(path, how);
  if (!fd) return fd.error().code;
  return ::write(fd->get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : -1;
}

mode_t mode_of(const TempDirectory& temp, const std::string& name) {
  struct stat status{};
  ::lstat(temp.path(name).c_str(), &status);
  return status.st_mode & 07777;
}

void make_socket(const std::string& path) {
  sockaddr_un address{AF_UNIX, ""};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const sluice::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  cr_assert(socket);
  ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

/// Where `path` is to be replaced: the inode of the directory and the name.
std::string place_in(const Tree& tree, const std::string& path, const std::string& directory) {
  const auto place = tree.place_of(path);
  if (!place) return std::strerror(place.error().code);
  struct stat status{};
  ::fstat(place->directory.fd(), &status);
  return status.st_ino == tree.info(directory)->inode ? place->name : "elsewhere";
}

}  // namespace

Test(tree, reports_why_it_cannot_be_opened) {
  const Grove grove;
  cr_expect_eq(error_of(Tree::open(grove.path("missing"))), ENOENT);
  cr_expect_eq(error_of(Tree::open(grove.path("secret"))), ENOTDIR);
}

Test(tree, reads_at_any_depth_and_through_links) {
  const Grove grove;
  const Tree tree = grove.tree();
  cr_expect(read_through(tree, "/file") == "top");
  cr_expect(read_through(tree, "/a/file") == "middle");
  cr_expect(read_through(tree, "/a/b/file") == "bottom");
  cr_expect(read_through(tree, "/absolute/file") == "bottom");
  cr_expect(read_through(tree, "/a/relative") == "top");
  cr_expect_eq(error_of(tree.open_read("/file/below")), ENOTDIR);
  cr_expect_eq(error_of(tree.open_read("/missing")), ENOENT);
}

Test(tree, lets_no_link_out) {
  const Grove grove;
  const Tree tree = grove.tree();
  for (const char* path : {"/out", "/far"}) {
    cr_expect_eq(error_of(tree.open_read(path)), ENOENT, "%s", path);
    cr_expect_eq(error_of(tree.open_write(path, Write::update)), ENOENT, "%s", path);
    cr_expect_eq(error_of(tree.info(path)), ENOENT, "%s", path);
    cr_expect_eq(error_of(tree.set_mode(path, 0777)), ENOENT, "%s", path);
    cr_expect_eq(error_of(tree.set_modified(path, {1, 0})), ENOENT, "%s", path);
  }
  cr_expect_eq(error_of(tree.open_read("/loop")), ELOOP);
  cr_expect_eq(write_through(tree, "/out", Write::append, "x"), 0);  // makes /secret of the tree
  cr_expect(grove.get("root/secret") == "x");
  cr_expect(grove.get("secret") == "outside");
}

// They should not come, but when they do nothing bad happens.
Test(tree, survives_paths_that_are_not_normalised) {
  const Grove grove;
  const Tree tree = grove.tree();
  cr_expect(read_through(tree, "/../file") == "top");
  cr_expect_eq(error_of(tree.open_read("/../secret")), ENOENT);
  cr_expect_eq(error_of(tree.info("/..", false)), EINVAL);
  cr_expect_eq(error_of(tree.remove_directory("/a/..")), EINVAL);
  cr_expect_eq(error_of(tree.make_directory("/a/.")), EINVAL);
  cr_expect_eq(error_of(tree.rename("/file", "/..")), EINVAL);
  cr_expect_eq(error_of(tree.open_read("/file\0x"s)), EINVAL);
  cr_expect_eq(error_of(tree.open_read("/" + std::string(5000, 'x'))), ENAMETOOLONG);
  cr_expect_eq(error_of(tree.make_directory("/" + std::string(256, 'x'))), ENAMETOOLONG);
}

Test(tree, opens_nothing_but_regular_files) {
  const Grove grove;
  ::mkfifo(grove.path("root/fifo").c_str(), 0644);
  make_socket(grove.path("root/socket"));
  const Tree tree = grove.tree();
  for (const char* path : {"/fifo", "/socket"}) {
    cr_expect_eq(error_of(tree.open_read(path)), EINVAL, "%s", path);
    cr_expect_eq(error_of(tree.open_write(path, Write::update)), EINVAL, "%s", path);
    cr_expect_eq(error_of(tree.open_write(path, Write::append)), EINVAL, "%s", path);
    cr_expect_eq(error_of(tree.set_mode(path, 0777)), EINVAL, "%s", path);
    cr_expect_eq(error_of(tree.set_modified(path, {1, 0})), EINVAL, "%s", path);
  }
  for (const char* path : {"/", "/a"}) {
    cr_expect_eq(error_of(tree.open_read(path)), EISDIR, "%s", path);
    cr_expect_eq(error_of(tree.open_write(path, Write::update)), EISDIR, "%s", path);
    cr_expect_eq(error_of(tree.open_write(path, Write::append)), EISDIR, "%s", path);
  }
  cr_expect_eq(error_of(Tree::open("/proc/self")->open_read("/exe")), ELOOP);
}

Test(tree, writes_as_it_is_told) {
  const Grove grove;
  const Tree tree = grove.tree();
  ::umask(027);
  cr_expect_eq(write_through(tree, "/a/new", Write::create, "one"), 0);
  cr_expect_eq(mode_of(grove, "root/a/new"), 0640);
  cr_expect_eq(write_through(tree, "/a/new", Write::create, "two"), EEXIST);
  cr_expect_eq(write_through(tree, "/a/relative", Write::create, "two"), EEXIST);
  cr_expect_eq(write_through(tree, "/a/new", Write::update, "T"), 0);
  cr_expect_eq(write_through(tree, "/a/none", Write::update, "T"), ENOENT);
  cr_expect_eq(write_through(tree, "/a/new", Write::append, " more"), 0);
  cr_expect_eq(write_through(tree, "/a/log", Write::append, "line"), 0);
  cr_expect(grove.get("root/a/new") == "Tne more");
  cr_expect(grove.get("root/a/log") == "line");
}

Test(tree, opens_directories_for_listing) {
  const Grove grove;
  const Tree tree = grove.tree();
  auto fd = tree.open_directory("/a");
  cr_assert(fd);
  DirectoryReader reader(std::move(*fd));
  cr_expect((*reader.next())->text() == "b");
  cr_expect_eq(error_of(tree.open_directory("/")), 0);
  cr_expect_eq(error_of(tree.open_directory("/absolute")), 0);
  cr_expect_eq(error_of(tree.open_directory("/file")), ENOTDIR);
}

Test(tree, tells_of_a_file_or_of_the_link_to_it) {
  const Grove grove;
  const Tree tree = grove.tree();
  cr_expect(tree.info("/")->is_directory());
  cr_expect(tree.info("/", false)->is_directory());
  cr_expect(tree.info("/absolute")->is_directory());
  cr_expect(tree.info("/absolute", false)->is_link());
  cr_expect(tree.info("/a/relative")->size == 3);
  cr_expect(tree.info("/a/relative", false)->is_link());
  cr_expect(tree.info("/out", false)->is_link());
  cr_expect(tree.info("/a/file", false)->is_regular());
  cr_expect(*tree.read_link("/a/relative") == "b/../../file");
  cr_expect(*tree.read_link("/out") == "../secret");
  cr_expect_eq(error_of(tree.read_link("/file")), EINVAL);
  cr_expect_eq(error_of(tree.read_link("/")), EINVAL);
}

Test(tree, makes_moves_and_removes) {
  const Grove grove;
  const Tree tree = grove.tree();
  cr_expect_eq(error_of(tree.make_directory("/absolute/new")), 0);
  cr_expect_eq(error_of(tree.make_directory("/a/b/new")), EEXIST);
  cr_expect_eq(error_of(tree.rename("/file", "/a/b/new/moved")), 0);
  cr_expect(grove.get("root/a/b/new/moved") == "top");
  cr_expect_eq(error_of(tree.rename("/a/b/new/moved", "/a/file")), 0);
  cr_expect(grove.get("root/a/file") == "top");
  cr_expect_eq(error_of(tree.remove_directory("/a")), ENOTEMPTY);
  cr_expect_eq(error_of(tree.remove_directory("/a/b/new")), 0);
  cr_expect_eq(error_of(tree.remove_directory("/a/file")), ENOTDIR);
  cr_expect_eq(error_of(tree.remove_file("/a")), EISDIR);
  cr_expect_eq(error_of(tree.remove_file("/a/file")), 0);
  cr_expect_eq(error_of(tree.remove_file("/a/file")), ENOENT);
  cr_expect_eq(error_of(tree.remove_file("/absolute")), 0);
  cr_expect(grove.get("root/a/b/file") == "bottom");
}

Test(tree, keeps_its_root) {
  const Grove grove;
  const Tree tree = grove.tree();
  cr_expect_eq(error_of(tree.remove_directory("/")), EBUSY);
  cr_expect_eq(error_of(tree.remove_file("/")), EISDIR);
  cr_expect_eq(error_of(tree.rename("/", "/a/root")), EBUSY);
  cr_expect_eq(error_of(tree.rename("/a", "/")), EBUSY);
  cr_expect_eq(error_of(tree.make_directory("/")), EEXIST);
  cr_expect_eq(error_of(tree.place_of("/")), EISDIR);
}

Test(tree, changes_modes_and_times_through_links) {
  const Grove grove;
  const Tree tree = grove.tree();
  cr_expect_eq(error_of(tree.set_mode("/a/relative", S_IFREG | 0601)), 0);
  cr_expect_eq(mode_of(grove, "root/file"), 0601);
  cr_expect_eq(error_of(tree.set_mode("/absolute", 0710)), 0);
  cr_expect_eq(mode_of(grove, "root/a/b"), 0710);
  cr_expect_eq(error_of(tree.set_modified("/a/relative", {981'173'106, 5000})), 0);
  cr_expect_eq(tree.info("/file")->modified.tv_sec, 981'173'106);
  cr_expect_eq(tree.info("/file")->modified.tv_nsec, 5000);
  cr_expect_eq(error_of(tree.set_modified("/", {86'400, 0})), 0);
  cr_expect_eq(tree.info("/")->modified.tv_sec, 86'400);
}

Test(tree, changes_what_its_owner_may_not_even_read) {
  const Grove grove;
  ::chmod(grove.path("root").c_str(), 0777);
  const Unprivileged nobody;
  const Tree tree = grove.tree();
  cr_assert_eq(write_through(tree, "/mine", Write::create, "x"), 0);
  cr_expect_eq(error_of(tree.set_mode("/mine", 0)), 0);
  cr_expect_eq(error_of(tree.open_read("/mine")), EACCES);
  cr_expect_eq(error_of(tree.set_modified("/mine", {86'400, 0})), 0);
  cr_expect_eq(error_of(tree.set_mode("/mine", 0600)), 0);
  cr_expect(read_through(tree, "/mine") == "x");
  if (::getuid() != 0) return;
  cr_expect_eq(error_of(tree.set_mode("/file", 0666)), EPERM);
  cr_expect_eq(error_of(tree.set_modified("/file", {1, 0})), EPERM);
}

Test(tree, changes_modes_and_times_on_older_kernels) {
  const Grove grove;
  const Tree tree = grove.tree();
  if (!deny_syscall(452, ENOSYS)) cr_skip("no seccomp here");  // fchmodat2
  cr_expect_eq(error_of(tree.set_mode("/a/file", 0)), 0);
  cr_expect_eq(error_of(tree.set_mode("/a/file", 0604)), 0);
  cr_expect_eq(mode_of(grove, "root/a/file"), 0604);
  cr_assert(deny_syscall(SYS_chmod, ENOENT));  // as without /proc
  cr_expect_eq(error_of(tree.set_mode("/a/relative", 0640)), 0);
  cr_expect_eq(mode_of(grove, "root/file"), 0640);
}

Test(tree, enters_what_may_be_entered) {
  const Grove grove;
  ::chmod(grove.path("root/a/b").c_str(), 0744);
  const Unprivileged nobody;
  const Tree tree = grove.tree();
  cr_expect_eq(error_of(tree.check_enter("/")), 0);
  cr_expect_eq(error_of(tree.check_enter("/a")), 0);
  cr_expect_eq(error_of(tree.check_enter("/file")), ENOTDIR);
  cr_expect_eq(error_of(tree.check_enter("/missing")), ENOENT);
  if (::getuid() != 0) return;  // the owner may
  cr_expect_eq(error_of(tree.check_enter("/a/b")), EACCES);
  cr_expect_eq(error_of(tree.check_enter("/absolute")), EACCES);
  cr_expect_eq(error_of(tree.make_directory("/a/new")), EACCES);
  cr_expect_eq(error_of(tree.remove_file("/a/file")), EACCES);
  cr_expect_eq(error_of(tree.open_write("/file", Write::update)), EACCES);
}

Test(tree, finds_where_the_file_behind_links_lies) {
  const Grove grove;
  grove.link("a/relative", "twice");
  grove.link("absolute/dangling", "dangling");
  grove.link("/a/b/..", "up");
  grove.link("../relative", "a/b/back");
  const Tree tree = grove.tree();
  cr_expect(place_in(tree, "/file", "/") == "file");
  cr_expect(place_in(tree, "/a/new", "/a") == "new");
  cr_expect(place_in(tree, "/absolute/file", "/a/b") == "file");
  cr_expect(place_in(tree, "/twice", "/") == "file");
  cr_expect(place_in(tree, "/dangling", "/a/b") == "dangling");
  cr_expect(place_in(tree, "/absolute/back", "/") == "file");  // `..` of /a/b, not of /absolute
  cr_expect(place_in(tree, "/out", "/") == "secret");
  cr_expect_eq(error_of(tree.place_of("/far")), ENOENT);
  cr_expect_eq(error_of(tree.place_of("/up")), EISDIR);
  cr_expect_eq(error_of(tree.place_of("/loop")), ELOOP);
  cr_expect_eq(error_of(tree.place_of("/file/below")), ENOTDIR);
}

Test(tree, lets_a_new_file_replace_the_one_behind_a_link) {
  const Grove grove;
  const Tree tree = grove.tree();
  const auto place = tree.place_of("/a/relative");
  cr_assert(place);
  auto file = NewFile::create(place->directory);
  cr_assert(file && file->write(bytes_of("fresh")) && file->commit(place->name, true));
  cr_expect(grove.get("root/file") == "fresh");
  cr_expect(tree.info("/a/relative", false)->is_link());
}

Test(tree, goes_on_without_openat2_but_follows_no_link) {
  const Grove grove;
  const Tree tree = grove.tree();
  if (!deny_syscall(SYS_openat2, ENOSYS)) cr_skip("no seccomp here");
  cr_expect(read_through(tree, "/a/b/file") == "bottom");
  cr_expect_eq(write_through(tree, "/a/b/new", Write::create, "x"), 0);
  cr_expect_eq(error_of(tree.make_directory("/a/b/sub")), 0);
  cr_expect_eq(error_of(tree.check_enter("/a/b")), 0);
  cr_expect_eq(error_of(tree.check_enter("/")), 0);
  cr_expect_eq(error_of(tree.check_enter("/file")), ENOTDIR);
  cr_expect_eq(error_of(tree.open_directory("/")), 0);
  cr_expect(tree.info("/a/relative", false)->is_link());
  cr_expect_eq(error_of(tree.info("/a/relative")), ELOOP);
  cr_expect_eq(error_of(tree.open_read("/out")), ELOOP);
  cr_expect_eq(error_of(tree.open_read("/absolute/file")), ELOOP);
  cr_expect_eq(error_of(tree.open_directory("/absolute")), ELOOP);
  cr_expect_eq(error_of(tree.set_mode("/a/relative", 0777)), ELOOP);
  cr_expect_eq(error_of(tree.open_read("/../secret")), ENOSYS);
}

Test(tree, knows_the_room_that_is_left) {
  const Grove grove;
  const Tree tree = grove.tree();
  cr_expect_gt(tree.free_bytes("/a").value_or(0), 0);
  cr_expect_eq(error_of(tree.free_bytes("/file")), ENOTDIR);
  cr_expect(!tree.read_only("/"));
}

Test(tree, knows_what_is_mounted_read_only) {
  const Grove grove;
  const std::string mounted = grove.path("root/a/b");
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", mounted.c_str(), "tmpfs", MS_RDONLY, nullptr) != 0) {
    cr_skip("nothing can be mounted here");
  }
  const Tree tree = grove.tree();
  cr_expect(tree.read_only("/absolute"));
  cr_expect(!tree.read_only("/a"));
  cr_expect_eq(error_of(tree.make_directory("/a/b/new")), EROFS);
  cr_expect_eq(error_of(tree.remove_directory("/a/b")), EBUSY);
  cr_expect_eq(::umount(mounted.c_str()), 0);
}
