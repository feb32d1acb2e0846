#pragma once

namespace sluice {

/// Who is told that a descriptor is ready. The Reactor holds a plain pointer and owns nothing.
///
/// Order of calls, for one registration: (on_readable | on_writable)*, and in one turn on_readable
/// before on_writable. A hang-up or an error is reported as whatever the interest asks for: the
/// read() or write() that follows says what happened.
///
/// Inside a call everything is allowed: end this or another registration, close the descriptor,
/// watch a new one. To destroy an object whose member function is running, `Reactor::retire` it.
class IoHandler {
 public:
  virtual ~IoHandler() = default;
  virtual void on_readable() noexcept {}
  virtual void on_writable() noexcept {}
};

}  // namespace sluice
