#include "protocols/multicast/header.h"

#include <criterion/criterion.h>

#include <array>
#include <vector>

using namespace sluice::multicast;

namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

const auto kExample = bytes({0x8b, 'S', 'L', 'M', 1,    0,    0,    0,    0xde, 0xad, 0xbe, 0xef,
                             0,    0,   1,   2,   0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88});
constexpr Header kMeaning{0xdeadbeef, 0x102, 0x1122334455667788};

}  // namespace

Test(multicast_header, is_laid_out_as_documented) {
  std::array<std::byte, kHeaderBytes> out{};
  put_header(out, kMeaning);
  cr_expect(std::vector(out.begin(), out.end()) == kExample);
  cr_expect(parse_header(kExample) == kMeaning);
}

Test(multicast_header, does_not_mind_what_follows) {
  auto longer = kExample;
  longer.resize(2000, std::byte{'x'});
  cr_expect(parse_header(longer) == kMeaning);
}

Test(multicast_header, is_none_when_too_short) {
  for (std::size_t size = 0; size < kHeaderBytes; ++size) {
    cr_expect(!parse_header(std::span(kExample).first(size)), "%zu", size);
  }
}

Test(multicast_header, is_none_with_another_magic_version_flag_or_reserved_byte) {
  for (std::size_t at = 0; at < 8; ++at) {
    auto wrong = kExample;
    wrong[at] ^= std::byte{0x80};
    cr_expect(!parse_header(wrong), "%zu", at);
  }
}

Test(multicast_header, keeps_every_number) {
  for (const Header header :
       {Header{0, 0, 0}, Header{UINT32_MAX, UINT32_MAX, UINT64_MAX}, Header{1, 0x80000000, 1}}) {
    std::array<std::byte, kHeaderBytes> out{};
    put_header(out, header);
    cr_expect(parse_header(out) == header);
  }
}
