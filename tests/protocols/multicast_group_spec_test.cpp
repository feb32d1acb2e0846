#include "protocols/multicast/group_spec.h"

#include <criterion/criterion.h>

#include "reactor/text.h"

using namespace sluice;
using namespace sluice::multicast;

namespace {

/// What it is made of, with a blank between: group, source and interface, `-` where there is none.
std::string parts(std::string_view text) {
  const auto spec = parse_group_spec(text);
  cr_assert(spec, "%s", spec ? "" : spec.error().c_str());
  return concat(spec->group, ' ', spec->source ? spec->source->host() : "-", ' ',
                spec->interface.empty() ? "-" : spec->interface);
}

std::string error_of(std::string_view text) {
  const auto spec = parse_group_spec(text);
  cr_assert(!spec, "%s", std::string(text).c_str());
  return spec.error();
}

}  // namespace

Test(multicast_group_spec, is_a_group_and_a_port) {
  cr_expect(parts("239.1.1.1:5007") == "239.1.1.1:5007 - -");
  cr_expect(parts("224.0.0.0:1") == "224.0.0.0:1 - -");
  cr_expect(parts("239.255.255.255:65535") == "239.255.255.255:65535 - -");
  cr_expect(parts("[ff15::1]:5007") == "[ff15::1]:5007 - -");
}

Test(multicast_group_spec, may_be_a_url_with_source_and_interface) {
  cr_expect(parts("udp://239.1.1.1:5007") == "239.1.1.1:5007 - -");
  cr_expect(parts("udp://@239.1.1.1:5007") == "239.1.1.1:5007 - -");
  cr_expect(parts("udp://10.0.0.1@232.1.1.1:5007%eth0") == "232.1.1.1:5007 10.0.0.1 eth0");
  cr_expect(parts("10.0.0.1@232.1.1.1:5007") == "232.1.1.1:5007 10.0.0.1 -");
  cr_expect(parts("239.1.1.1:5007%192.168.1.2") == "239.1.1.1:5007 - 192.168.1.2");
}

Test(multicast_group_spec, takes_an_ipv6_interface_as_a_zone_or_behind_the_port) {
  cr_expect(parts("[ff02::1%eth7]:5007") == "[ff02::1]:5007 - eth7");
  cr_expect(parts("[ff02::1]:5007%eth7") == "[ff02::1]:5007 - eth7");
  cr_expect(parts("udp://[fd00::1]@[ff35::1]:5007") == "[ff35::1]:5007 fd00::1 -");
  cr_expect(parts("udp://fd00::1@[ff35::1]:5007%lo") == "[ff35::1]:5007 fd00::1 lo");
  cr_expect(error_of("[ff02::1%a]:5007%b").ends_with("two interfaces"));
}

Test(multicast_group_spec, refuses_what_is_no_group_by_name) {
  cr_expect(error_of("10.0.0.1:5007").starts_with("10.0.0.1 is no multicast group"));
  cr_expect(error_of("223.255.255.255:5").starts_with("223.255.255.255 is no multicast group"));
  cr_expect(error_of("240.0.0.0:5").starts_with("240.0.0.0 is no multicast group"));
  cr_expect(error_of("[fe80::1]:5").starts_with("fe80::1 is no multicast group"));
  cr_expect(error_of(":5007").starts_with("0.0.0.0 is no multicast group"));
  cr_expect(error_of("unix:/tmp/x").find("is no multicast group") != std::string::npos);
}

Test(multicast_group_spec, refuses_what_cannot_be_read) {
  for (const std::string_view wrong : {"",
                                       "239.1.1.1",
                                       "239.1.1.1:",
                                       "239.1.1.1:65536",
                                       "239.1.1.1:-1",
                                       "239.1.1.1:5007x",
                                       "239.1.1.1:5007%",
                                       "name:5007",
                                       "[ff15::1]",
                                       "ff15::1:5007",
                                       "udp://",
                                       "@",
                                       "%",
                                       "x@239.1.1.1:5007",
                                       "10.0.0.1:7@239.1.1.1:5007",
                                       "239.1.1.2@239.1.1.1:5007",
                                       "0.0.0.0@239.1.1.1:5007",
                                       "[::1]@239.1.1.1:5007",
                                       "10.0.0.1@[ff15::1]:5007",
                                       "[ff15::1:5007",
                                       "]",
                                       "[%]",
                                       "[ff15::1%]x:5"}) {
    cr_expect(!parse_group_spec(wrong), "%s", std::string(wrong).c_str());
  }
}

Test(multicast_group_spec, shows_no_control_characters_in_its_errors) {
  cr_expect(error_of("\x1b[2J:5007").find('\x1b') == std::string::npos);
}

Test(multicast_group_spec, names_itself_with_its_source) {
  cr_expect(parse_group_spec("239.1.1.1:5007%lo")->to_string() == "239.1.1.1:5007");
  cr_expect(parse_group_spec("10.0.0.1@232.1.1.1:7")->to_string() == "10.0.0.1@232.1.1.1:7");
}

Test(multicast_contradiction, is_a_ttl_for_routers_and_a_group_that_none_passes_on) {
  const Address local = parse_group_spec("224.0.0.255:5007")->group;
  const Address wide = parse_group_spec("224.0.1.0:5007")->group;
  cr_expect(contradiction(local, 2).find("224.0.0.255 is link-local") == 0);
  cr_expect(contradiction(local, 1).empty());
  cr_expect(contradiction(local, 0).empty());
  cr_expect(contradiction(wide, 255).empty());
  cr_expect(!contradiction(parse_group_spec("[ff02::1]:5")->group, 2).empty());
  cr_expect(contradiction(parse_group_spec("[ff05::1]:5")->group, 2).empty());
}

Test(multicast_contradiction, is_a_group_for_use_with_a_source_without_one) {
  cr_expect(!contradiction(*parse_group_spec("232.1.1.1:5007")).empty());
  cr_expect(!contradiction(*parse_group_spec("[ff3e::1]:5007")).empty());
  cr_expect(contradiction(*parse_group_spec("10.0.0.1@232.1.1.1:5007")).empty());
  cr_expect(contradiction(*parse_group_spec("239.1.1.1:5007")).empty());
}
