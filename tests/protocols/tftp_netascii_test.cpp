#include "protocols/tftp/netascii.h"

#include <criterion/criterion.h>

#include <string>
#include <string_view>
#include <vector>

#include "reactor/text.h"

using namespace sluice;
using namespace sluice::tftp;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

std::string to_wire(std::string_view bytes) {
  ToNetascii turner;
  std::vector<std::byte> out;
  turner.turn(as_bytes(bytes), out);
  return std::string(as_text(out));
}

std::string from_wire(std::string_view first, std::string_view second = {}) {
  FromNetascii turner;
  std::vector<std::byte> out;
  turner.turn(as_bytes(first), out);
  turner.turn(as_bytes(second), out);
  turner.finish(out);
  return std::string(as_text(out));
}

/// Every text of `letters` up to `length` of them.
std::vector<std::string> texts_of(std::string_view letters, std::size_t length) {
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; i < texts.size() && texts[i].size() < length; ++i) {
    for (const char letter : letters) texts.push_back(texts[i] + letter);
  }
  return texts;
}

constexpr std::string_view kLetters = "\r\n\0x"sv;

}  // namespace

Test(tftp_netascii, ends_lines_in_cr_lf_on_the_wire) {
  cr_expect(to_wire("one\ntwo\n") == "one\r\ntwo\r\n");
  cr_expect(to_wire("\n\n") == "\r\n\r\n");
  cr_expect(to_wire("") == "");
  cr_expect(to_wire("no end") == "no end");
}

Test(tftp_netascii, has_a_bare_cr_as_cr_nul_on_the_wire) {
  cr_expect(to_wire("a\rb") == "a\r\0b"s);
  cr_expect(to_wire("a\r\nb") == "a\r\0\r\nb"s, "it comes back as it was");
  cr_expect(to_wire("\r") == "\r\0"s);
  cr_expect(to_wire("\0"s) == "\0"s);
}

Test(tftp_netascii, ends_lines_in_lf_here) {
  cr_expect(from_wire("one\r\ntwo\r\n") == "one\ntwo\n");
  cr_expect(from_wire("a\r\0b"sv) == "a\rb");
  cr_expect(from_wire("a\nb") == "a\nb", "a peer that does not know better");
  cr_expect(from_wire("\0"sv) == "\0"s);
}

Test(tftp_netascii, keeps_a_cr_with_something_else_behind_it_and_that) {
  cr_expect(from_wire("a\rb") == "a\rb");
  cr_expect(from_wire("\r\r\n") == "\r\n");
  cr_expect(from_wire("\r\r\0"sv) == "\r\r");
  cr_expect(from_wire("\r\r\r") == "\r\r\r");
}

Test(tftp_netascii, keeps_a_cr_that_comes_last) {
  cr_expect(from_wire("end\r") == "end\r");
  cr_expect(from_wire("\r", "") == "\r");
}

Test(tftp_netascii, is_as_new_once_it_is_finished) {
  FromNetascii turner;
  std::vector<std::byte> out;
  turner.turn(as_bytes("\r"), out);
  cr_expect(out.empty(), "it may be the half of something");
  turner.finish(out);
  turner.finish(out);
  turner.turn(as_bytes("\n"), out);
  cr_expect(as_text(out) == "\r\n");
}

Test(tftp_netascii, appends) {
  std::vector<std::byte> out{std::byte{'>'}};
  ToNetascii().turn(as_bytes("a\n"), out);
  FromNetascii().turn(as_bytes("b\r\n"), out);
  cr_expect(as_text(out) == ">a\r\nb\n");
}

Test(tftp_netascii, comes_back_as_it_went_whatever_it_is) {
  for (const std::string& text : texts_of(kLetters, 6)) {
    cr_assert(from_wire(to_wire(text)) == text);
    cr_assert_leq(to_wire(text).size(), 2 * text.size());
  }
}

Test(tftp_netascii, may_be_cut_anywhere) {
  for (const std::string& text : texts_of(kLetters, 6)) {
    const std::string_view view = text;
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      cr_assert(from_wire(view.substr(0, cut), view.substr(cut)) == from_wire(text));
      cr_assert(to_wire(view.substr(0, cut)) + to_wire(view.substr(cut)) == to_wire(text));
    }
    cr_assert_leq(from_wire(text).size(), text.size());
  }
}
