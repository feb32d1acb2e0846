#include <fcntl.h>
#include <sys/select.h>

#include <algorithm>

#include "reactor/limits.h"
#include "reactor/selector_backends.h"

namespace sluice {
namespace {

/// select(2): three sets of bits, FD_SETSIZE (1024) descriptors at most, and none above. FD_SET on
/// a larger number writes past the set, so add() refuses it.
class SelectSelector final : public Selector {
 public:
  SelectSelector() {
    FD_ZERO(&read_);
    FD_ZERO(&write_);
  }
  std::string_view name() const override { return "select"; }

 protected:
  Result<void> update(Token token, Interest before, Interest now) override {
    const int fd = token.fd;
    if (fd >= FD_SETSIZE) return fail("select (FD_SETSIZE)", EMFILE);
    if (!any(before)) {
      if (auto pollable = check_pollable(fd); !pollable) return pollable;
    }
    put(read_, fd, any(now & Interest::read));
    put(write_, fd, any(now & Interest::write));
    generations_[fd] = token.generation;
    highest_ = std::max(highest_, any(now) ? fd : -1);
    while (highest_ >= 0 && !FD_ISSET(highest_, &read_) && !FD_ISSET(highest_, &write_)) --highest_;
    return {};
  }

  int wait(int milliseconds) override {
    collected_.clear();
    fd_set readable = read_, writable = write_;
    timeval limit;
    timeval* at_most = nullptr;
    if (milliseconds >= 0) {
      limit = {milliseconds / 1000, (milliseconds % 1000) * 1000};
      at_most = &limit;
    }
    const int count = ::select(highest_ + 1, &readable, &writable, nullptr, at_most);
    if (count < 0) {
      if (errno == EBADF) forget_closed();
      return errno == EINTR || errno == EBADF ? 0 : -errno;
    }
    if (count == 0) return 0;
    if (start_ > highest_) start_ = 0;
    int fd = start_;
    for (int seen = 0; seen <= highest_; ++seen, fd = fd == highest_ ? 0 : fd + 1) {
      Interest interest = FD_ISSET(fd, &readable) ? Interest::read : Interest::none;
      if (FD_ISSET(fd, &writable)) interest = interest | Interest::write;
      if (!any(interest)) continue;
      collected_.push_back({{fd, generations_[fd]}, interest});
      if (collected_.size() == limits::kEventsPerTurn) break;
    }
    start_ = fd;
    ready_ = collected_.data();
    return static_cast<int>(collected_.size());
  }

 private:
  /// One descriptor closed without being removed makes select(2) fail for all: strike it out.
  void forget_closed() {
    for (int fd = 0; fd <= highest_; ++fd) {
      if (fcntl(fd, F_GETFD) >= 0) continue;
      put(read_, fd, false);
      put(write_, fd, false);
    }
    errno = EBADF;
  }

  static void put(fd_set& set, int fd, bool in) {
    if (in) {
      FD_SET(fd, &set);
    } else {
      FD_CLR(fd, &set);
    }
  }

  fd_set read_, write_;
  int highest_ = -1;
  int start_ = 0;
  std::uint32_t generations_[FD_SETSIZE] = {};
  std::vector<Ready> collected_;
};

}  // namespace

Result<std::unique_ptr<Selector>> make_select_selector() {
  return std::make_unique<SelectSelector>();
}

}  // namespace sluice
