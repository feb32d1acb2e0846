#include "reactor/text.h"

#include <criterion/criterion.h>

#include <cstdint>
#include <limits>

using sluice::concat;
using sluice::Decimal;
using sluice::parse_number;
using sluice::ZeroPadded;

namespace {

struct Named {
  std::string to_string() const { return "named"; }
};

}  // namespace

Test(text, puts_words_letters_and_numbers_behind_one_another) {
  cr_expect(concat() == "");
  cr_expect(concat("a ", std::string("b"), ' ', 12, ' ', -7L, ' ', Named{}) == "a b 12 -7 named");
  cr_expect(concat(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  cr_expect(concat(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  cr_expect(concat(std::int8_t{-128}, ' ', std::uint8_t{200}) == "-128 200");
}

Test(text, puts_zeros_before_a_number_and_cuts_none_off) {
  cr_expect(concat(ZeroPadded(7, 3), '.', ZeroPadded(0, 2), '.', ZeroPadded(1234, 3)) ==
            "007.00.1234");
  cr_expect(concat(ZeroPadded(0, 20)) == std::string(20, '0'));
}

Test(text, puts_a_point_into_a_number) {
  cr_expect(concat(Decimal(1234, 2), ' ', Decimal(5, 3), ' ', Decimal(0, 1)) == "12.34 0.005 0.0");
  cr_expect(concat(Decimal(-1234, 2), ' ', Decimal(-5, 3), ' ', Decimal(-7, 0)) ==
            "-12.34 -0.005 -7");
  cr_expect(concat(Decimal(std::numeric_limits<std::int64_t>::min(), 18)) ==
            "-9.223372036854775808");
  cr_expect(concat(Decimal::of(2.0 / 3, 3), ' ', Decimal::of(-0.04, 1), ' ', Decimal::of(9.96, 1),
                   ' ', Decimal::of(41.5, 0)) == "0.667 0.0 10.0 42");
}

Test(text, reads_a_whole_number_and_nothing_else) {
  cr_expect(parse_number<std::uint16_t>("0") == 0);
  cr_expect(parse_number<std::uint16_t>("65535") == 65535);
  cr_expect(parse_number<std::uint16_t>("007") == 7);
  for (const char* wrong : {"", " 1", "1 ", "+1", "-1", "65536", "1x", "0x10", "1.0"}) {
    cr_expect(!parse_number<std::uint16_t>(wrong), "'%s'", wrong);
  }
}
