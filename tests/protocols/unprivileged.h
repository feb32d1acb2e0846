#pragma once

#include <grp.h>
#include <unistd.h>

#include <cstdlib>

/// While it lives, the process acts as a user to whom nothing belongs; who is not root stays who he
/// is. Criterion forks for every test, so that no other test notices.
class Unprivileged {
 public:
  static constexpr uid_t kUser = 65534;

  Unprivileged() {
    if (::geteuid() != 0) return;
    if (::setgroups(0, nullptr) != 0 || ::setegid(kUser) != 0 || ::seteuid(kUser) != 0) {
      std::abort();
    }
    was_root_ = true;
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;
  ~Unprivileged() {
    if (was_root_ && (::seteuid(0) != 0 || ::setegid(0) != 0)) std::abort();
  }

 private:
  bool was_root_ = false;
};
