#include "reactor/callback.h"

#include <criterion/criterion.h>

#include <array>
#include <memory>
#include <string>

using sluice::Callback;
using sluice::Function;

namespace {

/// Counts how many of its kind live.
struct Counted {
  explicit Counted(int* count) : living(count) { ++*living; }
  Counted(Counted&& other) noexcept : living(other.living) { ++*living; }
  ~Counted() { --*living; }
  int* living;
};

}  // namespace

Test(callback, calls_what_it_holds_with_arguments_and_result) {
  Function<int(int, std::string)> add = [](int number, const std::string& text) {
    return number + static_cast<int>(text.size());
  };
  cr_expect(add(3, "four") == 7);
}

Test(callback, holds_what_can_only_be_moved) {
  auto number = std::make_unique<int>(5);
  Function<int()> give = [number = std::move(number)] { return *number; };
  Function<int()> moved = std::move(give);
  cr_expect(moved() == 5);
}

Test(callback, hands_on_arguments_that_can_only_be_moved) {
  Function<int(std::unique_ptr<int>)> take = [](std::unique_ptr<int> number) { return *number; };
  cr_expect(take(std::make_unique<int>(6)) == 6);
}

Test(callback, destroys_what_it_holds_exactly_once) {
  int living = 0;
  {
    Callback first = [counted = Counted(&living)] {};
    cr_expect(living == 1);
    Callback second = std::move(first);
    cr_expect(living == 1);
    Callback third;
    third = std::move(second);
    cr_expect(living == 1);
    third = [counted = Counted(&living)] {};
    cr_expect(living == 1, "the old closure goes when a new one takes its place");
  }
  cr_expect(living == 0);
}

Test(callback, is_empty_after_a_move_and_after_a_reset) {
  int calls = 0;
  Callback first = [&calls] { ++calls; };
  Callback second = std::move(first);
  cr_expect(!first);  // NOLINT(bugprone-use-after-move)
  cr_expect(second);
  second();
  cr_expect(calls == 1);
  second.reset();
  cr_expect(!second);
  cr_expect(!Callback());
}

Test(callback, survives_being_assigned_to_itself) {
  int living = 0;
  Callback callback = [counted = Counted(&living)] {};
  Callback& same = callback;
  callback = std::move(same);
  cr_expect(callback);
  cr_expect(living == 1);
}

Test(callback, takes_a_closure_that_fills_its_room) {
  std::array<char, Callback::kRoom> text{};
  text.back() = 'x';
  Function<char()> last = [text] { return text.back(); };
  Function<char()> moved = std::move(last);
  cr_expect(moved() == 'x');
}
