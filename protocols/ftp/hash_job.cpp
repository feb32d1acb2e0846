#include "protocols/ftp/hash_job.h"

#include <unistd.h>

#include <algorithm>

namespace sluice::ftp {

HashJob::HashJob(Reactor& reactor, Fd file, std::uint64_t begin, std::uint64_t end,
                 files::DigestKind kind, OnDone done)
    : reactor_(&reactor),
      file_(std::move(file)),
      position_(begin),
      end_(end),
      digest_(kind),
      done_(std::move(done)),
      next_(reactor.after(Duration::zero(), [this] { slice(); })) {}

void HashJob::slice() {
  const auto buffer = reactor_->read_buffer();
  const auto wanted = std::min<std::uint64_t>(buffer.size(), end_ - position_);
  if (wanted == 0) return finish(digest_.finish());
  const ssize_t size = ::pread(file_.get(), buffer.data(), static_cast<std::size_t>(wanted),
                               static_cast<off_t>(position_));
  if (size < 0 && errno != EINTR) return finish(fail("read"));
  if (size == 0) return finish(fail("read", EIO));
  if (size > 0) {
    digest_.update(buffer.first(static_cast<std::size_t>(size)));
    position_ += static_cast<std::uint64_t>(size);
  }
  next_.start(Duration::zero());
}

void HashJob::finish(Result<std::string> result) {
  OnDone done = std::move(done_);
  done(std::move(result));
}

}  // namespace sluice::ftp
