#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace sluice {

/// A move-only callable kept in place: no heap, no copy. `Callback` is the plain `void()` one.
///
/// A closure larger than `kRoom` bytes does not compile: capture `this` or a pointer instead.
/// Calls never throw; calling an empty one is a mistake of the caller's.
template <class Signature>
class Function;

template <class R, class... Args>
class Function<R(Args...)> {
 public:
  static constexpr std::size_t kRoom = 48;

  Function() = default;

  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Function> &&
             std::is_invocable_r_v<R, std::remove_cvref_t<F>&, Args...>)
  Function(F&& callable) {  // NOLINT(google-explicit-constructor): a lambda is to be passed as is
    using Held = std::remove_cvref_t<F>;
    static_assert(sizeof(Held) <= kRoom, "the closure captures too much: capture a pointer");
    static_assert(alignof(Held) <= alignof(std::max_align_t));
    static_assert(std::is_nothrow_move_constructible_v<Held>);
    std::construct_at(reinterpret_cast<Held*>(room_), std::forward<F>(callable));
    operations_ = &kOperationsOf<Held>;
  }

  Function(Function&& other) noexcept { take(other); }
  Function& operator=(Function&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~Function() { reset(); }

  void reset() {
    if (const Operations* held = std::exchange(operations_, nullptr)) held->destroy(room_);
  }

  explicit operator bool() const { return operations_ != nullptr; }

  // NOLINTNEXTLINE(performance-unnecessary-value-param): handed on by move
  R operator()(Args... args) {
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): an empty one is not to be called
    return operations_->call(room_, std::forward<Args>(args)...);
  }

 private:
  struct Operations {
    R (*call)(std::byte*, Args&&...);
    void (*relocate)(std::byte* from, std::byte* to) noexcept;
    void (*destroy)(std::byte*) noexcept;
  };

  template <class Held>
  static Held& held(std::byte* room) {
    return *std::launder(reinterpret_cast<Held*>(room));
  }

  template <class Held>
  static constexpr Operations kOperationsOf = {
      [](std::byte* room, Args&&... args) -> R {
        return held<Held>(room)(std::forward<Args>(args)...);
      },
      [](std::byte* from, std::byte* to) noexcept {
        std::construct_at(reinterpret_cast<Held*>(to), std::move(held<Held>(from)));
        std::destroy_at(&held<Held>(from));
      },
      [](std::byte* room) noexcept { std::destroy_at(&held<Held>(room)); },
  };

  void take(Function& other) {
    if (!other.operations_) return;
    operations_ = std::exchange(other.operations_, nullptr);
    operations_->relocate(other.room_, room_);
  }

  alignas(std::max_align_t) std::byte room_[kRoom];
  const Operations* operations_ = nullptr;
};

using Callback = Function<void()>;

}  // namespace sluice
