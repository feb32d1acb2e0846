#include "reactor/pack.h"

#include <criterion/criterion.h>

#include <cmath>
#include <concepts>
#include <limits>
#include <string>
#include <vector>

using sluice::pack;
using sluice::packed_size;
using sluice::try_pack;
using sluice::unpack;
using sluice::struct_format::Problem;
using sluice::struct_format::problem;

namespace {

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte each : bytes) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(each) >> 4];
    text += "0123456789abcdef"[std::to_integer<unsigned>(each) & 15];
  }
  return text;
}

// What depends on the machine is compared where Python was asked: 64 bits, little-endian.
constexpr bool kAsPythonWas = std::endian::native == std::endian::little && sizeof(long) == 8;

}  // namespace

// The expected bytes are those that struct.pack of Python 3.11 printed.
Test(pack, writes_the_bytes_that_python_writes) {
  cr_expect_eq(hex(pack<"!BQ">(7, 72623859790382856)), "070102030405060708");
  cr_expect_eq(hex(pack<"<hHiIlLqQ">(-2, 65534, -3, 4294967293, -4, 5, -6, 7)),
               "fefffefffdfffffffdfffffffcffffff05000000faffffffffffffff0700000000000000");
  cr_expect_eq(hex(pack<"!3cx?b">('a', 'b', 'c', true, -128)), "616263000180");
  cr_expect_eq(hex(pack<">fd">(1.5F, -0.1)), "3fc00000bfb999999999999a");
  cr_expect_eq(hex(pack<"<fd">(0.1, 1e300)), "cdcccc3d9c7500883ce4377e");
  cr_expect_eq(hex(pack<"! 2h  3B ">(1, -1, 1, 2, 3)), "0001ffff010203");
  cr_expect_eq(hex(pack<"0s2s">("x", "y")), "7900");
  cr_expect_eq(hex(pack<"<4sl">("abcdef", -2)), "61626364feffffff");
  cr_expect_eq(hex(pack<"">()), "");
}

Test(pack, lays_native_formats_out_as_the_compiler_does) {
  struct Mixed {
    std::int8_t b;
    short h;
    long l;
  };
  static_assert(packed_size<"bhl"> == sizeof(Mixed));
  static_assert(packed_size<"@bhl"> == packed_size<"bhl">);
  static_assert(packed_size<"=bhl"> == 7);
  // No padding at the end, unless a count of 0 asks for it.
  static_assert(packed_size<"@ib"> == sizeof(int) + 1);
  static_assert(packed_size<"@lb0l"> == 2 * sizeof(long));
  static_assert(packed_size<"nN"> == 2 * sizeof(std::size_t));
  if (!kAsPythonWas) return;
  cr_expect_eq(hex(pack<"@BQ">(7, 72623859790382856)), "07000000000000000807060504030201");
  cr_expect_eq(hex(pack<"4sl">("ab", -2)), "6162000000000000feffffffffffffff");
  cr_expect_eq(hex(pack<"=4sl">("abcdef", -2)), "61626364feffffff");
  cr_expect_eq(hex(pack<"@ci0q">('z', 1)), "7a00000001000000");
  cr_expect_eq(hex(pack<"Q">(921600)), "00100e0000000000");
  cr_expect_eq(hex(pack<"@nN">(-1, 2)), "ffffffffffffffff0200000000000000");
  cr_expect_eq(hex(pack<"@bhl">(1, 2, 3)), "01000200000000000300000000000000");
  cr_expect_eq(hex(pack<"=bhl">(1, 2, 3)), "01020003000000");
}

Test(pack, is_worked_out_while_compiling) {
  static_assert(pack<"!H">(0x1234) == std::array{std::byte{0x12}, std::byte{0x34}});
  static_assert(std::get<1>(*unpack<"<Bi">(pack<"<Bi">(1, -2))) == -2);
  static_assert((*try_pack<"B">(255L))[0] == std::byte{255});
}

Test(pack, gives_back_what_it_took) {
  const auto numbers = unpack<">bBhHiIqQ">(pack<">bBhHiIqQ">(
      -128, 255, -32768, 65535, std::numeric_limits<int>::min(), 4294967295,
      std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::uint64_t>::max()));
  cr_assert(numbers.has_value());
  static_assert(std::same_as<decltype(numbers)::value_type,
                             std::tuple<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t,
                                        std::int32_t, std::uint32_t, std::int64_t, std::uint64_t>>);
  cr_expect(*numbers == std::tuple(-128, 255, -32768, 65535, std::numeric_limits<int>::min(),
                                   4294967295U, std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::uint64_t>::max()));

  const auto bytes = pack<"=c?x4sfd">('c', false, "ab", 1.5, -2.25);
  const auto others = unpack<"=c?x4sfd">(bytes);
  cr_assert(others.has_value());
  cr_expect(*others == std::tuple('c', false, std::string_view("ab\0\0", 4), 1.5F, -2.25));
}

Test(pack, takes_bytes_as_well_as_text) {
  const std::vector<std::byte> data{std::byte{0xff}, std::byte{0}, std::byte{0x01}};
  const std::string text("a\0b", 3);
  cr_expect_eq(hex(pack<"4s3sc">(data, text, std::byte{0x80})),
               "ff0001006100"
               "6280");
}

Test(pack, reads_any_byte_but_zero_as_true) {
  const std::array bytes{std::byte{0}, std::byte{2}};
  cr_expect(*unpack<"2?">(bytes) == std::tuple(false, true));
}

Test(pack, wants_exactly_the_bytes_of_its_format) {
  const std::array<std::byte, 10> bytes{};
  for (const std::size_t size : {0U, 8U, 10U}) {
    const auto fields = unpack<"!BQ">(std::span(bytes).first(size));
    cr_assert(!fields);
    cr_expect_eq(fields.error().code, EBADMSG);
  }
  cr_expect(unpack<"!BQ">(std::span(bytes).first(9)).has_value());
}

Test(pack, reads_from_any_alignment) {
  std::array<std::byte, 17> bytes{};
  const auto packed = pack<"<QQ">(1, 2);
  std::copy(packed.begin(), packed.end(), bytes.begin() + 1);
  cr_expect(*unpack<"<QQ">(std::span(bytes).subspan(1)) == std::tuple(1U, 2U));
}

Test(pack, refuses_at_run_time_what_does_not_fit) {
  for (const long bad : {-1L, 256L, 1L << 20})
    cr_expect_eq(try_pack<"!B">(bad).error().code, ERANGE);
  for (const long good : {0L, 255L}) cr_expect(try_pack<"!B">(good).has_value());
  for (const int bad : {-129, 128}) cr_expect(!try_pack<"b">(bad));
  const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  cr_expect(!try_pack<"!q">(huge));
  cr_expect_eq(hex(*try_pack<"!QH2s?">(huge, std::size_t{513}, "ab", true)),
               "ffffffffffffffff0201616201");
  cr_expect(!try_pack<"f">(1e39) && !try_pack<"f">(-1e39));
  cr_expect(try_pack<"f">(static_cast<double>(INFINITY)).has_value());
}

namespace {
template <sluice::struct_format::Literal F, class... V>
concept Packs = requires(V... values) { pack<F>(values...); };
}  // namespace

Test(pack, takes_only_values_of_the_fields_kind) {
  static_assert(Packs<"B", std::uint8_t> && Packs<"!q", int> && Packs<"d", float>);
  static_assert(!Packs<"B", double> && !Packs<"B", bool> && !Packs<"B", char> &&
                !Packs<"B", const char*>);
  static_assert(!Packs<"?", int> && !Packs<"c", int> && !Packs<"4s", int> && !Packs<"d", int>);
  static_assert(!Packs<"2B", std::uint8_t> && !Packs<"B", std::uint8_t, std::uint8_t>);
}

Test(pack, names_what_is_wrong_with_a_format) {
  for (const auto good : {"", "!", "<3x", "@n", "n", " b ", "b\n2h", "0s", "!4sl"})
    cr_expect(problem(good) == Problem::none, "%s", good);
  for (const auto bad : {"z", "!B>H", "e", "p", "P", "-1b", "b!", " !b", "<@b"})
    cr_expect(problem(bad) == Problem::unknown_code, "%s", bad);
  for (const auto bad : {"<n", "=N", "!n", ">N"})
    cr_expect(problem(bad) == Problem::native_only, "%s", bad);
  for (const auto bad : {"3", "b4", "4 s"})
    cr_expect(problem(bad) == Problem::count_without_code, "%s", bad);
  for (const auto bad : {"99999999999999999999999b", "1048577x", "1048576xx"})
    cr_expect(problem(bad) == Problem::too_large, "%s", bad);
}
