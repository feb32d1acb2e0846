#pragma once

#include <cstdint>
#include <string>

#include "protocols/files/digest.h"
#include "reactor/callback.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/reactor.h"

namespace sluice::ftp {

/// The digest of a part of a file, a slice a turn so that nobody waits for it. Not movable.
class HashJob {
 public:
  /// The job may be destroyed in the call.
  using OnDone = Function<void(Result<std::string>)>;

  /// Of the bytes from `begin` up to, not including, `end`. Calls `done` later; EIO when the file
  /// has become shorter.
  HashJob(Reactor& reactor, Fd file, std::uint64_t begin, std::uint64_t end, files::DigestKind kind,
          OnDone done);
  HashJob(const HashJob&) = delete;
  HashJob& operator=(const HashJob&) = delete;

 private:
  void slice();
  void finish(Result<std::string> result);

  Reactor* reactor_;
  Fd file_;
  std::uint64_t position_, end_;
  files::Digest digest_;
  OnDone done_;
  Timer next_;
};

}  // namespace sluice::ftp
