#include "protocols/video/pickle.h"

#include <initializer_list>

#include "protocols/video/pickle_ops.h"
#include "reactor/pack.h"
#include "reactor/text.h"

namespace sluice::video {
namespace {

using Kind = PickleOp::Kind;

constexpr std::string_view kNotNumpy = "not the pickle of a numpy array";
constexpr std::string_view kNotBytes = "the pickled array is not of uint8";
constexpr std::string_view kNotPicture = "the pickled array is not height x width x 3";
constexpr std::string_view kFortran =
    "the pickled array is in Fortran order: numpy.ascontiguousarray() turns it";
constexpr std::string_view kCutShort = "the pickle is cut short, or is not numpy's";

/// Compares a pickle with what numpy writes. After the first difference all else is skipped.
class ArrayReader {
 public:
  explicit ArrayReader(std::span<const std::byte> bytes) : ops_(bytes) {}

  std::expected<PickledPicture, std::string_view> read();

 private:
  void reconstructed(PickleOp first);
  void from_buffer(PickleOp first);
  void dtype();
  void shape();
  void pixels(PickleOp op);
  void encoded_marker();
  std::unique_ptr<std::byte[]> decode(std::string_view text, std::size_t size);

  void fail(std::string_view why) {
    if (trouble_.empty()) trouble_ = why;
  }
  PickleOp next() { return trouble_.empty() ? ops_.next() : PickleOp{}; }
  void expect(std::initializer_list<Kind> kinds, std::string_view why = kNotNumpy) {
    for (const Kind kind : kinds) {
      if (next().kind != kind) fail(why);
    }
  }
  void expect_text(std::string_view text, std::string_view why = kNotNumpy) {
    const PickleOp op = next();
    if (op.kind != Kind::text || op.text != text) fail(why);
  }
  void expect_number(std::int64_t number, std::string_view why = kNotNumpy) {
    const PickleOp op = next();
    if (op.kind != Kind::number || op.number != number) fail(why);
  }
  /// Protocols 2 and 3 name it in one opcode, later ones in three. numpy 2 has another module.
  bool is_global(PickleOp op, std::initializer_list<std::string_view> modules,
                 std::string_view name);
  void expect_global(std::string_view module, std::string_view name, std::string_view why) {
    if (!is_global(next(), {module}, name)) fail(why);
  }

  PickleOps ops_;
  std::string_view trouble_;
  std::int64_t width_ = 0, height_ = 0;
  std::span<const std::byte> pixels_;
  std::string_view encoded_;  // instead: as UTF-8 of what were Latin-1 letters
};

bool ArrayReader::is_global(PickleOp op, std::initializer_list<std::string_view> modules,
                            std::string_view name) {
  for (const std::string_view module : modules) {
    if (op.kind == Kind::global) {
      const std::size_t line = op.text.find('\n');
      if (op.text.substr(0, line) == module && op.text.substr(line + 1) == name) return true;
    } else if (op.kind == Kind::text && op.text == module) {
      const PickleOp second = next();
      return second.kind == Kind::text && second.text == name && next().kind == Kind::find;
    }
  }
  return false;
}

std::expected<PickledPicture, std::string_view> ArrayReader::read() {
  const PickleOp first = next();
  const std::string_view module = first.text.substr(0, first.text.find('\n'));
  module.ends_with(".numeric") ? from_buffer(first) : reconstructed(first);
  if (trouble_.empty() && !ops_.at_end()) fail("something follows the pickle");
  if (!trouble_.empty()) return std::unexpected(trouble_);
  // None of the three is over 2^31, nor negative: no overflow.
  const auto size = static_cast<std::uint64_t>(width_) * static_cast<std::uint64_t>(height_) * 3;
  PickledPicture picture{.width = static_cast<std::uint32_t>(width_),
                         .height = static_cast<std::uint32_t>(height_),
                         .bgr = pixels_};
  if (!encoded_.empty() && size <= encoded_.size()) {
    picture.decoded = decode(encoded_, static_cast<std::size_t>(size));
    if (picture.decoded) picture.bgr = {picture.decoded.get(), static_cast<std::size_t>(size)};
  }
  if (picture.bgr.size() != size) {
    return std::unexpected("the pickled array has not as many bytes as its shape needs");
  }
  return picture;
}

/// numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b'b'), then its state:
/// (1, shape, dtype, in Fortran order, pixels).
void ArrayReader::reconstructed(PickleOp first) {
  if (!is_global(first, {"numpy.core.multiarray", "numpy._core.multiarray"}, "_reconstruct")) {
    fail(kNotNumpy);
  }
  expect_global("numpy", "ndarray", "the pickle is of a kind of array that is none of numpy's own");
  expect_number(0);
  expect({Kind::tuple1});
  const PickleOp code = next();
  if (code.kind != Kind::bytes) {
    if (!is_global(code, {"_codecs"}, "encode")) fail(kNotNumpy);
    encoded_marker();
  }
  expect({Kind::tuple3, Kind::call, Kind::mark});
  expect_number(1);
  shape();
  dtype();
  const PickleOp fortran = next();
  if (fortran.kind != Kind::number) fail(kCutShort);
  if (fortran.number != 0) fail(kFortran);
  pixels(next());
  expect({Kind::tuple, Kind::set_state, Kind::stop}, kCutShort);
}

/// numpy.core.numeric._frombuffer(pixels, dtype, shape, order), as of protocol 5.
void ArrayReader::from_buffer(PickleOp first) {
  if (!is_global(first, {"numpy.core.numeric", "numpy._core.numeric"}, "_frombuffer")) {
    fail(kNotNumpy);
  }
  expect({Kind::mark});
  pixels(next());
  dtype();
  shape();
  const PickleOp order = next();
  if (order.kind != Kind::text) fail(kCutShort);
  if (order.text != "C") fail(kFortran);
  PickleOp end = next();
  if (end.kind == Kind::none) end = next();  // an order of the axes, as of numpy 2.3
  if (end.kind != Kind::tuple) fail(kCutShort);
  expect({Kind::call, Kind::stop}, kCutShort);
}

/// numpy.dtype('u1', False, True), then its state: (3, '|', None, None, None, -1, -1, 0).
void ArrayReader::dtype() {
  expect_global("numpy", "dtype", kNotNumpy);
  expect_text("u1", kNotBytes);
  expect_number(0);
  expect_number(1);
  expect({Kind::tuple3, Kind::call, Kind::mark});
  expect_number(3);
  expect_text("|");
  expect({Kind::none, Kind::none, Kind::none});
  expect_number(-1);
  expect_number(-1);
  expect_number(0);
  expect({Kind::tuple, Kind::set_state});
}

void ArrayReader::shape() {
  for (std::int64_t* side : {&height_, &width_}) {
    const PickleOp op = next();
    if (op.kind != Kind::number || op.number <= 0) fail(kNotPicture);
    *side = op.number;
  }
  expect_number(3, kNotPicture);
  expect({Kind::tuple3}, kNotPicture);
}

void ArrayReader::pixels(PickleOp op) {
  if (op.kind == Kind::bytes) {
    pixels_ = op.bytes;
    return;
  }
  if (!is_global(op, {"_codecs"}, "encode")) return fail(kCutShort);
  const PickleOp text = next();
  if (text.kind != Kind::text) return fail(kCutShort);
  encoded_ = text.text;
  expect_text("latin1");
  expect({Kind::tuple2, Kind::call});
}

/// The rest of _codecs.encode('b', 'latin1').
void ArrayReader::encoded_marker() {
  expect_text("b");
  expect_text("latin1");
  expect({Kind::tuple2, Kind::call});
}

/// Null unless the text is `size` letters of Latin-1 in UTF-8.
std::unique_ptr<std::byte[]> ArrayReader::decode(std::string_view text, std::size_t size) {
  auto bytes = std::make_unique_for_overwrite<std::byte[]>(size);
  std::size_t at = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (at == size) return nullptr;
    unsigned letter = static_cast<unsigned char>(text[i]);
    if (letter == 0xC2 || letter == 0xC3) {
      if (++i == text.size()) return nullptr;
      const unsigned next = static_cast<unsigned char>(text[i]);
      if ((next & 0xC0) != 0x80) return nullptr;
      letter = (letter & 3) << 6 | (next & 0x3F);
    } else if (letter >= 0x80) {
      return nullptr;
    }
    bytes[at++] = static_cast<std::byte>(letter);
  }
  return at == size ? std::move(bytes) : nullptr;
}

std::string short_text(std::string_view text) {
  return concat('\x8c', static_cast<char>(text.size()), text);
}

}  // namespace

/// As numpy 1 writes it, but for what may be left out. numpy 2 has its module under that name, too.
PickleFrame pickle_frame(std::uint32_t width, std::uint32_t height) {
  const auto size = static_cast<std::uint32_t>(std::uint64_t{width} * height * 3);
  const auto sides = pack<"<cIcI">('J', height, 'J', width);
  const auto length = pack<"<cI">('B', size);
  std::string before = concat(
      "\x80\x04", short_text("numpy.core.multiarray"), short_text("_reconstruct"), '\x93',
      short_text("numpy"), short_text("ndarray"), '\x93',
      std::string_view("K\0\x85"
                       "C\1b\x87R",
                       8),
      "(K\x01", as_text(sides), "K\x03\x87", short_text("numpy"), short_text("dtype"), '\x93',
      short_text("u1"), "\x89\x88\x87R(K\x03", short_text("|"),
      std::string_view("NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89", 18), as_text(length));
  return {std::move(before), "tb."};
}

std::expected<PickledPicture, std::string_view> read_pickle(std::span<const std::byte> bytes) {
  if (bytes.size() < 2 || bytes[0] != std::byte{0x80}) return std::unexpected("not a pickle");
  const auto protocol = std::to_integer<unsigned>(bytes[1]);
  if (protocol < 2 || protocol > 5) {
    return std::unexpected("a pickle of a protocol that is not 2 to 5");
  }
  return ArrayReader(bytes).read();
}

}  // namespace sluice::video
