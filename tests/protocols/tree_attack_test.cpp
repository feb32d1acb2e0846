#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/syscall.h>

#include <atomic>
#include <thread>

#include "protocols/files/tree.h"
#include "tests/protocols/deny_syscall.h"
#include "tests/protocols/temp_directory.h"

using namespace sluice::files;

namespace {

/// Who swaps a directory of the tree with a link that leads out, as fast as he can, until the end.
class Swapper {
 public:
  explicit Swapper(const TempDirectory& temp)
      : thread_([this, directory = temp.path("root/d"), link = temp.path("root/l")] {
          while (!stop_) {
            if (::renameat2(AT_FDCWD, directory.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE) !=
                0) {
              failed_ = true;
            }
          }
        }) {}
  Swapper(const Swapper&) = delete;
  Swapper& operator=(const Swapper&) = delete;
  ~Swapper() {
    stop_ = true;
    thread_.join();
  }
  bool failed() const { return failed_; }

 private:
  std::atomic<bool> stop_ = false, failed_ = false;
  std::thread thread_;
};

struct Trap : TempDirectory {
  Trap() {
    for (const char* name : {"outside", "root", "root/d"}) ::mkdir(path(name).c_str(), 0755);
    put("outside/secret", "outside");
    put("root/d/secret", "inside");
    ::symlink("../outside", path("root/l").c_str());
    ::stat(path("outside").c_str(), &directory_before_);
    ::stat(path("outside/secret").c_str(), &secret_before_);
  }

  void expect_outside_untouched() const {
    cr_expect_eq(std::distance(std::filesystem::directory_iterator(path("outside")), {}), 1);
    cr_expect(get("outside/secret") == "outside");
    expect_same(directory_before_, "outside");
    expect_same(secret_before_, "outside/secret");
  }
  bool is_outside(const sluice::Result<FileInfo>& info) const {
    return info &&
           (info->inode == directory_before_.st_ino || info->inode == secret_before_.st_ino);
  }

 private:
  void expect_same(const struct stat& before, const char* name) const {
    struct stat now{};
    ::stat(path(name).c_str(), &now);
    cr_expect_eq(now.st_mode, before.st_mode);
    cr_expect_eq(now.st_mtim.tv_sec, before.st_mtim.tv_sec);
    cr_expect_eq(now.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    cr_expect_eq(now.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
  }

  struct stat directory_before_{}, secret_before_{};
};

/// How often the directory stood where it was looked for, and how often the link.
struct Seen {
  int directory = 0, link = 0;
  template <class T>
  void count(const sluice::Result<T>& result) {
    if (result)
      ++directory;
    else if (result.error().code == ENOENT || result.error().code == ELOOP)
      ++link;
  }
  bool both() const { return directory > 200 && link > 200; }
};

void expect_inside(const sluice::Fd& fd) {
  char content[20];
  const ssize_t n = ::pread(fd.get(), content, sizeof content, 0);
  cr_assert(n == 6 && std::string_view(content, 6) == "inside");
}

void expect_not_outside(const Trap& trap, int fd) {
  cr_assert(!trap.is_outside(file_info(fd, "")));
}

void look(const Trap& trap, const Tree& tree, Seen& seen) {
  const auto file = tree.open_read("/d/secret");
  if (file) expect_inside(*file);
  seen.count(file);
  const auto directory = tree.open_directory("/d");
  if (directory) expect_not_outside(trap, directory->get());
  const auto place = tree.place_of("/d/secret");
  if (place) expect_not_outside(trap, place->directory.fd());
  cr_assert(!trap.is_outside(tree.info("/d")));
  cr_assert(!trap.is_outside(tree.info("/d/secret")));
  cr_assert(!trap.is_outside(tree.info("/d/secret", false)));
}

void change(const Trap& trap, const Tree& tree, Seen& seen) {
  const auto secret = tree.open_write("/d/secret", Tree::Write::update);
  if (secret) expect_not_outside(trap, secret->get());
  seen.count(secret);
  static_cast<void>(tree.open_write("/d/new", Tree::Write::append));
  static_cast<void>(tree.make_directory("/d/made"));
  static_cast<void>(tree.rename("/d/new", "/d/moved"));
  static_cast<void>(tree.rename("/d/secret", "/d/moved too"));
  static_cast<void>(tree.rename("/d/moved too", "/d/secret"));
  static_cast<void>(tree.set_mode("/d/secret", 0600));
  static_cast<void>(tree.set_mode("/d", 0711));
  static_cast<void>(tree.set_modified("/d/secret", {1, 0}));
  static_cast<void>(tree.set_modified("/d", {1, 0}));
  static_cast<void>(tree.remove_file("/d/moved"));
  static_cast<void>(tree.remove_directory("/d/made"));
}

template <class Step>
void under_attack(Step step) {
  const Trap trap;
  const auto tree = Tree::open(trap.path("root"));
  cr_assert(tree);
  Seen seen;
  {
    const Swapper swapper(trap);
    for (int i = 0; i < 2000 || (!seen.both() && i < 200'000 && !swapper.failed()); ++i) {
      step(trap, *tree, seen);
    }
    if (swapper.failed()) cr_skip("this file system cannot exchange two names");
  }
  cr_expect(seen.both(), "%d times a directory, %d times a link", seen.directory, seen.link);
  trap.expect_outside_untouched();
}

}  // namespace

Test(tree_attack, never_looks_outside_while_a_directory_turns_into_a_link_and_back) {
  under_attack(look);
}

Test(tree_attack, never_changes_what_is_outside_while_a_directory_turns_into_a_link_and_back) {
  under_attack(change);
}

Test(tree_attack, holds_without_openat2_too) {
  if (!deny_syscall(SYS_openat2, ENOSYS)) cr_skip("no seccomp here");
  under_attack(look);
  under_attack(change);
}
