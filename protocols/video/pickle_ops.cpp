#include "protocols/video/pickle_ops.h"

#include "reactor/text.h"

namespace sluice::video {
namespace {

using Kind = PickleOp::Kind;

enum Code : std::uint8_t {
  kProto = 0x80,
  kFrame = 0x95,
  kMemoize = 0x94,
  kBinPut = 'q',
  kBinGet = 'h',
};

}  // namespace

PickleOp PickleOps::next() {
  while (has(1)) {
    const auto code = static_cast<std::uint8_t>(number(1));
    switch (code) {
      case kProto:
        (void)number(1);
        break;
      case kFrame:  // how much to read at once: of no concern here
        (void)number(8);
        break;
      case kMemoize:
        if (!keep(kept_++)) return wrong();
        break;
      case kBinPut:
        if (!keep(number(1))) return wrong();
        break;
      case kBinGet:
        return last_ = fetch(number(1));
      default:
        return last_ = take(code);
    }
    if (cut_) return wrong();
  }
  return wrong();
}

PickleOp PickleOps::take(std::uint8_t code) {
  PickleOp op;
  switch (code) {
    case 0x8c:  // SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
    case 'X':
    case 0x8d:
      op = {.kind = Kind::text, .text = as_text(sized(code == 0x8c ? 1 : code == 'X' ? 4 : 8))};
      break;
    case 'C':  // SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8
    case 'B':
    case 0x8e:
    case 0x96:
      op = {.kind = Kind::bytes, .bytes = sized(code == 'C' ? 1 : code == 'B' ? 4 : 8)};
      break;
    case 'K':  // BININT1, BININT2, BININT
      op = {.kind = Kind::number, .number = static_cast<std::int64_t>(number(1))};
      break;
    case 'M':
      op = {.kind = Kind::number, .number = static_cast<std::int64_t>(number(2))};
      break;
    case 'J':
      op = {.kind = Kind::number, .number = static_cast<std::int32_t>(number(4))};
      break;
    case 0x88:  // NEWTRUE, NEWFALSE
    case 0x89:
      op = {.kind = Kind::number, .number = code == 0x88 ? 1 : 0};
      break;
    case 'c': {  // GLOBAL: two lines
      const std::string_view text = as_text(rest_);
      const std::size_t first = text.find('\n');
      const std::size_t end = first == text.npos ? text.npos : text.find('\n', first + 1);
      if (end == text.npos) return wrong();
      op = {.kind = Kind::global, .text = text.substr(0, end)};
      rest_ = rest_.subspan(end + 1);
      break;
    }
    case 'N':
      op.kind = Kind::none;
      break;
    case 0x93:
      op.kind = Kind::find;
      break;
    case 0x85:
    case 0x86:
    case 0x87:
      op.kind = code == 0x85 ? Kind::tuple1 : code == 0x86 ? Kind::tuple2 : Kind::tuple3;
      break;
    case 't':
      op.kind = Kind::tuple;
      break;
    case '(':
      op.kind = Kind::mark;
      break;
    case 'R':
      op.kind = Kind::call;
      break;
    case 'b':
      op.kind = Kind::set_state;
      break;
    case '.':
      op.kind = Kind::stop;
      break;
    default:
      break;
  }
  return cut_ || op.kind == Kind::wrong ? wrong() : op;
}

/// Only what stands for itself is fetched again in numpy's pickles.
PickleOp PickleOps::fetch(std::size_t index) {
  if (cut_ || index >= kMemo) return wrong();
  const PickleOp op = memo_[index];
  return op.kind == Kind::text || op.kind == Kind::global ? op : wrong();
}

bool PickleOps::keep(std::size_t index) {
  if (cut_ || index >= kMemo) return false;
  memo_[index] = last_;
  return true;
}

PickleOp PickleOps::wrong() {
  rest_ = {};
  cut_ = true;
  return {};
}

/// Little-endian.
std::uint64_t PickleOps::number(std::size_t size) {
  if (!has(size)) {
    cut_ = true;
    return 0;
  }
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) {
    value = value << 8 | std::to_integer<std::uint64_t>(rest_[i]);
  }
  rest_ = rest_.subspan(size);
  return value;
}

std::span<const std::byte> PickleOps::sized(std::size_t size_bytes) {
  const std::uint64_t size = number(size_bytes);
  if (cut_ || size > rest_.size()) {
    cut_ = true;
    return {};
  }
  const auto bytes = rest_.first(static_cast<std::size_t>(size));
  rest_ = rest_.subspan(static_cast<std::size_t>(size));
  return bytes;
}

}  // namespace sluice::video
