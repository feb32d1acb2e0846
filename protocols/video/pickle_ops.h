#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::video {

/// One opcode of a pickle that matters (docs.python.org/3/library/pickletools.html).
struct PickleOp {
  enum class Kind : std::uint8_t {
    text,
    bytes,
    number,  // False and True are 0 and 1
    none,
    global,  // `text` is its module, a newline, and its name
    find,    // a global whose module and name were the two texts before
    tuple1,
    tuple2,
    tuple3,
    tuple,  // of what came since the mark
    mark,
    call,
    set_state,
    stop,
    wrong,  // another opcode, or one that is cut short
  };
  Kind kind = Kind::wrong;
  std::string_view text = {};
  std::span<const std::byte> bytes = {};
  std::int64_t number = 0;
};

/// Walks the opcodes of a pickle. Those that only keep a value for later are passed over, and those
/// that fetch it become what it was. Knows no more than numpy's arrays need: an opcode that is none
/// of theirs is `wrong`, and so is all that follows.
class PickleOps {
 public:
  explicit PickleOps(std::span<const std::byte> bytes) : rest_(bytes) {}

  PickleOp next();
  /// The pickle is over, and nothing follows.
  bool at_end() const { return rest_.empty(); }

 private:
  static constexpr std::size_t kMemo = 64;  // numpy's arrays need 21

  PickleOp take(std::uint8_t code);
  PickleOp fetch(std::size_t index);
  bool keep(std::size_t index);
  PickleOp wrong();
  bool has(std::size_t size) const { return rest_.size() >= size; }
  std::uint64_t number(std::size_t size);
  std::span<const std::byte> sized(std::size_t size_bytes);

  std::span<const std::byte> rest_;
  PickleOp last_;
  std::array<PickleOp, kMemo> memo_ = {};
  std::size_t kept_ = 0;
  bool cut_ = false;
};

}  // namespace sluice::video
