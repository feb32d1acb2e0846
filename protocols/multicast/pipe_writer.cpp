#include "protocols/multicast/pipe_writer.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace sluice::multicast {

PipeWriter::PipeWriter(Reactor& reactor, std::size_t bound)
    : reactor_(&reactor), bound_(bound), tell_(reactor.timer([this] { told(); })) {}

void PipeWriter::told() {
  if (on_drained_) on_drained_();
}
Result<void> PipeWriter::open(Fd fd, bool shared) {
  close();
  error_ = {};
  if (!shared) {
    const int flags = fcntl(fd.get(), F_GETFL);
    if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) return fail("fcntl");
  }
  auto watch = reactor_->watch(fd.get(), Interest::none, *this);
  if (!watch && watch.error().code != EPERM) return std::unexpected(watch.error());
  fd_ = std::move(fd);
  shared_ = shared;
  if (watch) watch_ = std::move(*watch);
  return {};
}

void PipeWriter::close() {
  watch_.reset();
  fd_.reset();
  held_.clear();
  done_ = 0;
  waiting_ = false;
}

bool PipeWriter::put(std::string_view head, std::string_view tail) {
  if (!fd_ || error_ || held_.size() - done_ + head.size() + tail.size() > bound_) {
    ++dropped_;
    return false;
  }
  held_.append(head).append(tail);
  return true;
}

void PipeWriter::flush() {
  if (waiting_ || !fd_) return;
  while (!held_.empty() && write_some()) {
  }
  if (!held_.empty() && !waiting_) {
    waiting_ = true;
    watch_.set_interest(Interest::write);
  }
}

/// False when there is no room, or never will be any.
bool PipeWriter::write_some() {
  std::size_t size = held_.size() - done_;
  if (shared_ && watch_) {
    // With room for so much a write to a pipe does not block (pipe(7)).
    pollfd room{fd_.get(), POLLOUT, 0};
    if (poll(&room, 1, 0) == 0) return false;
    size = std::min<std::size_t>(size, PIPE_BUF);
  }
  const ssize_t written = ::write(fd_.get(), held_.data() + done_, size);
  if (written < 0) {
    if (errno == EINTR) return true;
    if (errno == EAGAIN) return false;
    error_ = Error::last("write");
    held_.clear();
    done_ = 0;
    tell_.start(Duration::zero());
    return false;
  }
  done_ += static_cast<std::size_t>(written);
  if (done_ == held_.size()) {
    held_.clear();
    done_ = 0;
  } else if (done_ > held_.size() / 2) {
    held_.erase(0, std::exchange(done_, 0));
  }
  return true;
}

void PipeWriter::on_writable() noexcept {
  waiting_ = false;
  watch_.set_interest(Interest::none);
  flush();
  if (held_.empty() && !error_) told();
}

}  // namespace sluice::multicast
