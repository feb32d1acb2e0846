#pragma once

#include <sys/resource.h>

/// While it lives, the process gets no further descriptor: every call that wants one is EMFILE.
/// The undefined-behaviour sanitizer wants some too when it first meets a class, so use what is
/// tested once before.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{3, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};
