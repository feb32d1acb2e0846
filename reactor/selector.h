#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "reactor/clock.h"
#include "reactor/error.h"

namespace sluice {

/// What a registration waits for. `none` means: not in the kernel's set at all, since a hang-up
/// cannot be masked there.
enum class Interest : std::uint8_t { none = 0, read = 1, write = 2, read_write = 3 };

constexpr Interest operator|(Interest a, Interest b) {
  return static_cast<Interest>(static_cast<int>(a) | static_cast<int>(b));
}
constexpr Interest operator&(Interest a, Interest b) {
  return static_cast<Interest>(static_cast<int>(a) & static_cast<int>(b));
}
constexpr bool any(Interest interest) {
  return interest != Interest::none;
}

/// One registration: a descriptor and which of its owners. The number of a closed descriptor is
/// soon given out again; the generation tells the owners apart.
struct Token {
  int fd = -1;
  std::uint32_t generation = 0;
};

/// One descriptor that is ready. Hang-up and error count as ready for both.
struct Ready {
  Token token;
  Interest interest;
};

enum class SelectorKind { epoll, poll, select };
std::optional<SelectorKind> parse_selector_kind(std::string_view name);

/// Milliseconds for poll(2) and epoll_wait(2): rounded up, so that nobody wakes before the time.
constexpr int poll_timeout(Duration timeout) {
  if (timeout < Duration::zero()) return -1;
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return rounded > INT_MAX ? INT_MAX : static_cast<int>(rounded);
}

/// Waits for many descriptors, as Python's `selectors` does; the system calls of all three
/// backends are in selector_*.cpp and nowhere else. Level-triggered.
///
/// Adding and removing act at once; a modification is noted and reaches the kernel with the next
/// select(), so that changes which cancel out cost nothing. Remove a descriptor before closing it.
class Selector {
 public:
  /// What is known of a registered descriptor; Python's SelectorKey.
  struct Key {
    void* data = nullptr;                ///< whatever the registrant wants to find again
    std::uint32_t generation = 0;        ///< goes up at every removal
    Interest interest = Interest::none;  ///< what was last asked for
    Interest applied = Interest::none;   ///< what the kernel was last told
    bool registered = false;
    bool changed = false;  ///< stands in the list of changes to flush
  };

  /// EMFILE, ENFILE or ENOMEM when the kernel gives no descriptor (epoll only).
  static Result<std::unique_ptr<Selector>> make(SelectorKind kind);
  virtual ~Selector() = default;
  virtual std::string_view name() const = 0;

  /// Registers `fd`, which the caller keeps open. EBADF (not open), EEXIST (registered already),
  /// EPERM (a regular file: always ready, nothing to wait for), EMFILE (select: `fd` is
  /// FD_SETSIZE or above), ENOSPC and ENOMEM (see epoll_ctl(2)).
  Result<Token> add(int fd, Interest interest, void* data);

  /// ENOENT when `fd` is not registered.
  Result<void> modify(int fd, Interest interest);

  /// ENOENT when `fd` is not registered.
  Result<void> remove(int fd);

  /// Tells the kernel what modify() has noted; select() does it first.
  /// Returns how many changes the kernel refused; they are kept and tried again at the next flush.
  std::size_t flush() { return changes_.empty() ? 0 : apply_changes(); }

  /// Waits until something is ready or `timeout` is over: rounded up to milliseconds, negative
  /// waits for ever, zero only looks. A signal ends the wait with nothing ready. The span is valid
  /// until the next call.
  Result<std::span<const Ready>> select(Duration timeout) {
    flush();
    return select_flushed(timeout);
  }

  /// select() for who has just called flush(), to hear of what was refused.
  Result<std::span<const Ready>> select_flushed(Duration timeout) {
    const int count = wait(poll_timeout(timeout));
    if (count < 0) return fail(name().data(), -count);
    return std::span<const Ready>(ready_, static_cast<std::size_t>(count));
  }

  /// ENOENT when `fd` is not registered.
  Result<Key> get_key(int fd) const;

  /// Calls `visit(fd, key)` for every registration; Python's get_map().
  template <class Visit>
  void get_map(Visit&& visit) const {
    for (std::size_t fd = 0; fd < keys_.size(); ++fd) {
      if (keys_[fd].registered) visit(static_cast<int>(fd), keys_[fd]);
    }
  }

  /// The registration if it is still the one `token` names, else null. Valid until the next add().
  const Key* find(Token token) const {
    const Key& key = keys_[static_cast<std::size_t>(token.fd)];
    return key.generation == token.generation ? &key : nullptr;
  }

  std::size_t size() const { return registered_; }
  std::uint64_t kernel_calls() const { return kernel_calls_; }

 protected:
  /// Tells the kernel, or the backend's own table, that `token` waits for `now` instead of
  /// `before`; either may be `none`. The one place where the backends differ, beside wait().
  virtual Result<void> update(Token token, Interest before, Interest now) = 0;
  /// Waits `milliseconds` at most (-1: for ever) and returns how many are ready: 0 after a signal
  /// too, a negative errno when the wait itself failed. `ready_` points to them.
  virtual int wait(int milliseconds) = 0;

  const Ready* ready_ = nullptr;
  std::uint64_t kernel_calls_ = 0;  ///< counted by update(): epoll_ctl calls

 private:
  std::size_t apply_changes();
  Key* registered_key(int fd);

  std::vector<Key> keys_;  // by descriptor number, which the kernel keeps dense
  std::vector<int> changes_;
  std::size_t registered_ = 0;
};

/// EPERM for what is always ready (regular files, directories), as epoll_ctl(2) says it.
Result<void> check_pollable(int fd);

}  // namespace sluice
