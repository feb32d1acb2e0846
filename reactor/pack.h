#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "reactor/error.h"
#include "reactor/pack_field.h"

/// Python's struct module, its formats read while compiling:
///
///     const auto header = pack<"!BQ">(kind, size);   // std::array<std::byte, 9>
///     const auto fields = unpack<"!BQ">(bytes);      // Result<std::tuple<uint8_t, uint64_t>>
///     const auto [kind, size] = *fields;             // once `fields` is known to hold a value
///     constexpr std::size_t n = packed_size<"!BQ">;  // calcsize
///
/// The formats are those of docs.python.org/3/library/struct.html but for `e`, `p` and `P`; a wrong
/// one does not compile. Padding is zero. What each code takes and gives:
///
/// | code                    | value                                                             |
/// |-------------------------|-------------------------------------------------------------------|
/// | b B h H i I l L q Q n N | the integer of that size and sign                                 |
/// | c                       | char; std::byte is taken as well                                  |
/// | ?                       | bool; any byte but 0 reads as true                                |
/// | f d                     | float, double; `f` rounds, and what is beyond float is infinity   |
/// | 4s                      | text or bytes, cut to 4 or filled up with NUL; gives a string_view |
///
/// A string_view that unpack gives looks into the bytes it was given, NUL padding and all, and
/// lives as long as they do.
///
/// Where Python raises an error for a number that does not fit its field, pack does not compile: it
/// takes an integer whose type always fits, or a constant that does. A number known only at run
/// time goes through try_pack, whose error is ERANGE, or through a cast of the caller's.
namespace sluice {
namespace struct_format {

/// A string literal as a template argument.
template <std::size_t N>
struct Literal {
  char text[N];
  consteval Literal(const char (&literal)[N]) { std::copy_n(literal, N, text); }
  constexpr std::string_view view() const { return {text, N - 1}; }
};

template <Literal F>
struct Format {
  static constexpr Problem kProblem = problem(F.view());
  static_assert(kProblem != Problem::unknown_code, "the struct format has an unknown code");
  static_assert(kProblem != Problem::native_only,
                "n and N have only native sizes: the struct format must begin with @ or nothing");
  static_assert(kProblem != Problem::count_without_code,
                "the struct format has a count with no code right after it");
  static_assert(kProblem != Problem::too_large, "the struct format is over a mebibyte");

  static constexpr std::size_t kCount = [] {
    std::size_t size = 0, count = 0;
    walk(F.view(), size, [&](Item) { ++count; });
    return count;
  }();
  static constexpr std::size_t kSize = [] {
    std::size_t size = 0;
    walk(F.view(), size, [](Item) {});
    return size;
  }();
  static constexpr auto kItems = [] {
    std::array<Item, kCount> items;
    std::size_t size = 0, count = 0;
    walk(F.view(), size, [&](Item item) { items[count++] = item; });
    return items;
  }();

  template <std::size_t I>
  using Value = typename ValueOf<kItems[I].code, kItems[I].size>::type;
  using Bytes = std::array<std::byte, kSize>;
};

template <Literal F, class Indices = std::make_index_sequence<Format<F>::kCount>>
struct Packer;

template <Literal F, std::size_t... I>
struct Packer<F, std::index_sequence<I...>> {
  using Shape = Format<F>;
  using Bytes = typename Shape::Bytes;
  using Tuple = std::tuple<typename Shape::template Value<I>...>;
  static constexpr std::endian kOrder = order(F.view());

  constexpr Bytes operator()(Field<typename Shape::template Value<I>>... fields) const {
    Bytes out{};
    (store<kOrder>(fields.value, std::span(out).subspan(kOffset<I>, kSize<I>)), ...);
    return out;
  }

  template <class... U>
  static constexpr Result<Bytes> checked(const U&... values) {
    static_assert(sizeof...(U) == sizeof...(I), "not as many values as the struct format has");
    if (!(fits<typename Shape::template Value<I>>(values) && ...))
      return fail("pack: a number does not fit its field", ERANGE);
    return Packer{}(narrowed<typename Shape::template Value<I>>(values)...);
  }

  static constexpr Tuple read(std::span<const std::byte> bytes) {
    return Tuple(
        load<typename Shape::template Value<I>, kOrder>(bytes.subspan(kOffset<I>, kSize<I>))...);
  }

  template <std::size_t Index>
  static constexpr std::size_t kOffset = Shape::kItems[Index].offset;
  template <std::size_t Index>
  static constexpr std::size_t kSize = Shape::kItems[Index].size;
};

}  // namespace struct_format

/// struct.calcsize: the bytes that pack gives and unpack takes.
template <struct_format::Literal F>
inline constexpr std::size_t packed_size = struct_format::Format<F>::kSize;

/// struct.pack, for values that are known to fit.
template <struct_format::Literal F>
inline constexpr struct_format::Packer<F> pack{};

/// struct.pack, for numbers that may not fit: ERANGE.
template <struct_format::Literal F, class... U>
constexpr auto try_pack(const U&... values) {
  return struct_format::Packer<F>::checked(values...);
}

/// struct.unpack. EBADMSG when there are not exactly packed_size<F> bytes.
template <struct_format::Literal F>
constexpr Result<typename struct_format::Packer<F>::Tuple> unpack(
    std::span<const std::byte> bytes) {
  if (bytes.size() != packed_size<F>)
    return fail("unpack: not the number of bytes that the format needs", EBADMSG);
  return struct_format::Packer<F>::read(bytes);
}

}  // namespace sluice
