#include "protocols/ftp/ascii.h"

#include <criterion/criterion.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/text.h"

using namespace sluice;

namespace {

std::string to_network(std::initializer_list<std::string_view> pieces) {
  ftp::ToNetwork converter;
  std::vector<std::byte> out;
  for (const std::string_view piece : pieces) converter.convert(as_bytes(piece), out);
  return std::string(as_text(out));
}

/// Also tells what was held back until the end: "text|rest".
std::string from_network(std::initializer_list<std::string_view> pieces) {
  ftp::FromNetwork converter;
  std::vector<std::byte> out;
  for (const std::string_view piece : pieces) converter.convert(as_bytes(piece), out);
  const std::size_t before = out.size();
  converter.finish(out);
  std::string text(as_text(out));
  return text.insert(before, "|");
}

void expect(const std::string& got, std::string_view wanted) {
  cr_expect(got == wanted, "got \"%s\"", got.c_str());
}

}  // namespace

Test(ftp_ascii, a_line_feed_goes_out_with_a_carriage_return) {
  expect(to_network({"one\ntwo\n\nthree"}), "one\r\ntwo\r\n\r\nthree");
}

Test(ftp_ascii, a_line_that_ends_right_already_goes_out_as_it_is) {
  expect(to_network({"one\r\ntwo\r\r\n"}), "one\r\ntwo\r\r\n");
}

Test(ftp_ascii, a_line_end_cut_in_two_gets_no_second_carriage_return) {
  expect(to_network({"one\r", "\ntwo"}), "one\r\ntwo");
  expect(to_network({"one\r", "", "\ntwo"}), "one\r\ntwo");
}

Test(ftp_ascii, a_carriage_return_of_a_line_before_counts_no_more) {
  expect(to_network({"\r\n", "\n"}), "\r\n\r\n");
  expect(to_network({"\r", "a", "\n"}), "\ra\r\n");
}

Test(ftp_ascii, a_line_end_comes_in_as_a_line_feed) {
  expect(from_network({"one\r\ntwo\r\n\r\nthree\n"}), "one\ntwo\n\nthree\n|");
}

Test(ftp_ascii, a_carriage_return_alone_comes_in_as_it_is) {
  expect(from_network({"a\rb\r\r\nc"}), "a\rb\r\nc|");
  expect(from_network({"\r", "a"}), "\ra|");
  expect(from_network({"\r", "\r", "\n"}), "\r\n|");
}

Test(ftp_ascii, a_line_end_cut_in_two_comes_in_as_a_line_feed) {
  expect(from_network({"one\r", "\ntwo"}), "one\ntwo|");
  expect(from_network({"one\r", "", "\ntwo"}), "one\ntwo|");
}

Test(ftp_ascii, a_carriage_return_that_comes_last_is_kept_until_the_end) {
  expect(from_network({"one\r"}), "one|\r");
  expect(from_network({"one\r\n"}), "one\n|");
}

Test(ftp_ascii, after_the_end_it_is_as_new) {
  ftp::FromNetwork converter;
  std::vector<std::byte> out;
  converter.convert(as_bytes("\r"), out);
  converter.finish(out);
  converter.convert(as_bytes("\n"), out);
  converter.finish(out);
  expect(std::string(as_text(out)), "\r\n");
}

Test(ftp_ascii, bytes_are_appended_to_what_is_there) {
  std::vector<std::byte> out{std::byte{'>'}};
  ftp::ToNetwork().convert(as_bytes("a\n"), out);
  ftp::FromNetwork().convert(as_bytes("b\r\n"), out);
  expect(std::string(as_text(out)), ">a\r\nb\n");
}
