#include "protocols/ftp/host_port.h"

#include <criterion/criterion.h>

#include <string>
#include <string_view>

using namespace sluice::ftp;
using sluice::Address;
using namespace std::string_literals;

namespace {

std::string text_of(const std::optional<Address>& address) {
  return address ? address->to_string() : "nothing";
}

std::string text_of(const std::expected<Address, EprtError>& address) {
  if (address) return address->to_string();
  return address.error() == EprtError::syntax ? "syntax" : "protocol";
}

void expect_text(const std::string& text, std::string_view argument, const std::string& expected) {
  cr_expect(text == expected, "%.*s gives %s", static_cast<int>(argument.size()), argument.data(),
            text.c_str());
}

void expect_port(std::string_view argument, const std::string& expected) {
  expect_text(text_of(parse_port(argument)), argument, expected);
}

void expect_eprt(std::string_view argument, const std::string& expected) {
  expect_text(text_of(parse_eprt(argument)), argument, expected);
}

void expect_pasv(std::string_view reply, const std::string& expected) {
  expect_text(text_of(parse_pasv_reply(reply)), reply, expected);
}

void expect_epsv(std::string_view reply, const std::string& expected) {
  const auto port = parse_epsv_reply(reply);
  expect_text(port ? std::to_string(*port) : "nothing", reply, expected);
}

}  // namespace

Test(ftp_host_port, reads_six_numbers) {
  expect_port("127,0,0,1,4,1", "127.0.0.1:1025");
  expect_port("0,0,0,0,0,0", "0.0.0.0:0");
  expect_port("255,255,255,255,255,255", "255.255.255.255:65535");
  expect_port(" \t10,0,0,2,0,21 \t", "10.0.0.2:21");
  expect_port("127,000,000,001,004,001", "127.0.0.1:1025");
}

Test(ftp_host_port, refuses_all_else) {
  for (const std::string_view argument :
       {"", " ", "127,0,0,1,4", "127,0,0,1,4,1,1", "127,0,0,1,4,256", "256,0,0,1,4,1", "1,2,3,4,5,",
        ",1,2,3,4,5", "1,2,,4,5,6", "127, 0,0,1,4,1", "127,0,0,1,4,-1", "127,0,0,1,4,+1",
        "127,0,0,1,4,0001", "127,0,0,1,4,0x1", "127.0.0.1,4,1", "(127,0,0,1,4,1)",
        "127,0,0,1,4,1 x", "127,0,0,1,4,99999999999999999999"})
    expect_port(argument, "nothing");
  expect_port("127,0,0,1,4,1\0"s, "nothing");
}

Test(ftp_host_port, writes_what_it_reads) {
  cr_expect(format_pasv(*Address::parse("127.0.0.1:1025")) == "(127,0,0,1,4,1)");
  cr_expect(format_pasv(*Address::parse("255.254.0.9:65535")) == "(255,254,0,9,255,255)");
  cr_expect(format_pasv(*Address::parse("[::ffff:10.0.0.1]:256")) == "(10,0,0,1,1,0)");
}

Test(ftp_host_port, reads_addresses_of_both_protocols) {
  expect_eprt("|1|132.235.1.2|6275|", "132.235.1.2:6275");
  expect_eprt("|2|1080::8:800:200C:417A|5282|", "[1080::8:800:200c:417a]:5282");
  expect_eprt("!1!127.0.0.1!0!", "127.0.0.1:0");
  expect_eprt("~2~::1~65535~", "[::1]:65535");
  expect_eprt("a2a::1a1a", "[::1]:1");
}

Test(ftp_host_port, names_a_protocol_that_is_none_of_both) {
  expect_eprt("|3|127.0.0.1|21|", "protocol");
  expect_eprt("|0|x|y|", "protocol");
  expect_eprt("|99999999999999999999|127.0.0.1|21|", "protocol");
}

Test(ftp_host_port, refuses_an_eprt_that_is_not_well_formed) {
  for (const std::string_view argument : {"",
                                          "|",
                                          "||||",
                                          "|1|127.0.0.1|21",
                                          "1|127.0.0.1|21|",
                                          "|1|127.0.0.1|21||",
                                          "|1|127.0.0.1|21| ",
                                          " |1|127.0.0.1|21|",
                                          "|1|127.0.0.1|21!",
                                          " 1 127.0.0.1 21 ",
                                          "\1771\177127.0.0.1\17721\177",
                                          "|x|127.0.0.1|21|",
                                          "||127.0.0.1|21|",
                                          "|-1|127.0.0.1|21|",
                                          "|1||21|",
                                          "|1|127.0.0.1||",
                                          "|1|127.0.0.1|65536|",
                                          "|1|127.0.0.1|-1|",
                                          "|1|127.0.0.1|+1|",
                                          "|1|127.0.0.1| 1|",
                                          "|1|127.0.1|21|",
                                          "|1|localhost|21|",
                                          "|1|::1|21|",
                                          "|2|127.0.0.1|21|",
                                          "|2|[::1]|21|",
                                          "|2|fe80::1%lo|21|",
                                          "|2|fe80::1%1|21|",
                                          "|1|127.0.0.1 |21|",
                                          ".1.127.0.0.1.21."})
    expect_eprt(argument, "syntax");
  expect_eprt("|1|127.0.0.1\0x|21|"s, "syntax");
}

Test(ftp_host_port, finds_the_numbers_of_a_227_among_other_text) {
  expect_pasv("227 Entering Passive Mode (127,0,0,1,4,1)", "127.0.0.1:1025");
  expect_pasv("Entering Passive Mode (127,0,0,1,4,1).\r\n", "127.0.0.1:1025");
  expect_pasv("=127,0,0,1,4,1", "127.0.0.1:1025");
  expect_pasv("227 Passive mode, 127,0,0,1,4,1, ok", "127.0.0.1:1025");
  expect_pasv("try 2, of 3,4: 127,0,0,1,4,1", "127.0.0.1:1025");
  expect_pasv("(127,0,0,1,4,256) or (127,0,0,1,4,1)", "127.0.0.1:1025");
  for (const std::string_view reply : {"", "227", "227 Entering Passive Mode", "(1,2,3,4,5)",
                                       "(1,2,3,4,5,6,7)", "(1,2,3,4,5,256)"})
    expect_pasv(reply, "nothing");
}

Test(ftp_host_port, finds_the_port_of_a_229) {
  expect_epsv("229 Entering Extended Passive Mode (|||6446|)", "6446");
  expect_epsv("ok (!!!65535!) .", "65535");
  expect_epsv("(EPSV) (a) (|||1|)", "1");
  for (const std::string_view reply :
       {"", "(", "(|||", "(|||1", "(|||1|", "(|||1)", "(||1|)", "(||||)", "(|||65536|)", "(|||-1|)",
        "(|||1| )", "(|!|1|)", "(   1 )", "|||1|"})
    expect_epsv(reply, "nothing");
}
