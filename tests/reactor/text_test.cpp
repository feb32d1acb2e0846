#include "reactor/text.h"

#include <criterion/criterion.h>

#include <cstdint>
#include <limits>

using sluice::concat;
using sluice::parse_number;

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
}

Test(text, reads_a_whole_number_and_nothing_else) {
  cr_expect(parse_number<std::uint16_t>("0") == 0);
  cr_expect(parse_number<std::uint16_t>("65535") == 65535);
  cr_expect(parse_number<std::uint16_t>("007") == 7);
  for (const char* wrong : {"", " 1", "1 ", "+1", "-1", "65536", "1x", "0x10", "1.0"}) {
    cr_expect(!parse_number<std::uint16_t>(wrong), "'%s'", wrong);
  }
}
