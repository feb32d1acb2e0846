#include "protocols/files/name.h"

#include <criterion/criterion.h>

#include <string>
#include <string_view>

#include "reactor/printable.h"

using namespace sluice::files;
using sluice::printable;
using namespace std::string_literals;

namespace {

void expect_refused(const std::string& name, std::string_view why, int code = EINVAL) {
  const auto result = check_name(name, false);
  cr_assert(!result, "allowed: %s", printable(name).c_str());
  cr_expect(why == result.error().operation, "%s: %s", printable(name).c_str(),
            result.error().operation);
  cr_expect_eq(result.error().code, code);
}

}  // namespace

Test(name, allows_what_people_call_their_files) {
  const std::string long_name(255, 'x');
  for (const auto& name : {"a"s, "photo 1.jpg"s, "..."s, "a..b"s, "x."s, "gr\u00fc\u00dfe.txt"s,
                           "back\\slash"s, "-rf"s, "\xff\xfe"s, "C:"s, "..a"s, long_name}) {
    const bool hidden_allowed = name[0] == '.';
    cr_expect(check_name(name, hidden_allowed).has_value(), "%s", printable(name).c_str());
  }
}

Test(name, refuses_each_bad_name_with_a_reason_of_its_own) {
  expect_refused("", "the name is empty");
  expect_refused(".", "the name is . or ..");
  expect_refused("..", "the name is . or ..");
  expect_refused("/etc/passwd", "the name has a / in it");
  expect_refused("../x", "the name has a / in it");
  expect_refused("x/", "the name has a / in it");
  expect_refused("a\0b"s, "the name has a NUL in it");
  expect_refused("\0"s, "the name has a NUL in it");
  expect_refused("two\nlines", "the name has a control character in it");
  expect_refused("\r", "the name has a control character in it");
  expect_refused("\x1b[2J", "the name has a control character in it");
  expect_refused("rub\x7fout", "the name has a control character in it");
  expect_refused("\x1f", "the name has a control character in it");
  expect_refused(".profile", "the name begins with a dot");
  expect_refused(std::string(256, 'x'), "the name is over 255 bytes long", ENAMETOOLONG);
}

Test(name, allows_a_leading_dot_only_when_asked_to) {
  cr_expect(check_name(".profile", true).has_value());
  cr_expect(check_name("...", true).has_value());
  cr_expect(!check_name(".", true));
  cr_expect(!check_name("..", true));
  cr_expect(!check_name(".a\nb", true));
}

Test(name, keeps_the_names_of_unfinished_files_to_itself) {
  const auto result = check_name(".sluice-0123456789abcdef.part", true);
  cr_assert(!result);
  cr_expect(result.error().operation == "the name is kept for unfinished files"s);
}

Test(name, knows_the_names_of_unfinished_files) {
  cr_expect(is_temporary_name(".sluice-0123456789abcdef.part"));
  cr_expect(is_temporary_name(".sluice-0123456789abcdef0123456789abcdef.part"));
  for (const char* other :
       {"", ".sluice-.part", ".sluice-0123456789abcde.part", ".sluice-0123456789ABCDEF.part",
        "sluice-0123456789abcdef.part", ".sluice-0123456789abcdef.par", ".sluice-.par", ".sluice-",
        ".part", ".sluice-0123456789abcdef0.part", ".sluice-0123456789abcdeg.part"}) {
    cr_expect(!is_temporary_name(other), "%s", other);
  }
}

Test(name, lets_a_component_be_whatever_the_disk_can_hold) {
  cr_expect(check_component("two\nlines").has_value());
  cr_expect(check_component(".hidden").has_value());
  cr_expect(!check_component("a/b"));
  cr_expect(!check_component(".."));
  cr_expect(!check_component(""));
  cr_expect(!check_component("a\0b"s));
}
