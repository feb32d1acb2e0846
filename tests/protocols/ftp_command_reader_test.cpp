#include "protocols/ftp/command_reader.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/printable.h"
#include "reactor/text.h"

using namespace sluice::ftp;
using sluice::as_bytes;
using sluice::printable;
using namespace std::string_literals;

namespace {

using Kind = CommandReader::Kind;

/// Each line's text; "<too long>" and "<bad bytes>" stand for those that have none.
std::vector<std::string> lines_of(CommandReader& reader, std::string_view bytes,
                                  std::size_t piece = std::string::npos) {
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    const std::size_t taken = reader.feed(as_bytes(bytes.substr(0, piece)));
    cr_assert_gt(taken, 0);
    bytes.remove_prefix(taken);
    if (!reader.has_line()) continue;
    const auto line = reader.line();
    cr_expect(line.kind == Kind::command || line.text.empty());
    lines.emplace_back(line.kind == Kind::too_long    ? "<too long>"
                       : line.kind == Kind::bad_bytes ? "<bad bytes>"
                                                      : line.text);
  }
  return lines;
}

/// Whole, in halves and byte by byte.
void expect_lines(std::string_view bytes, const std::vector<std::string>& expected) {
  for (const std::size_t piece : {bytes.size(), bytes.size() / 2 + 1, std::size_t{1}}) {
    CommandReader reader;
    const auto lines = lines_of(reader, bytes, piece);
    const auto [got, wanted] = std::ranges::mismatch(lines, expected);
    cr_expect(got == lines.end() && wanted == expected.end(),
              "pieces of %zu: line %td of %zu is \"%s\", expected \"%s\"", piece,
              got - lines.begin(), lines.size(),
              got == lines.end() ? "(none)" : printable(*got).c_str(),
              wanted == expected.end() ? "(none)" : printable(*wanted).c_str());
  }
}

}  // namespace

Test(ftp_command_reader, ends_lines_at_crlf_and_at_lf) {
  expect_lines("USER anonymous\r\nPASS x\nQUIT\r\n", {"USER anonymous", "PASS x", "QUIT"});
}

Test(ftp_command_reader, takes_an_empty_line_for_an_empty_command) {
  expect_lines("\r\n\nNOOP\r\n\r\n", {"", "", "NOOP", ""});
}

Test(ftp_command_reader, gives_no_line_before_its_end) {
  CommandReader reader;
  cr_expect_not(reader.has_line());
  cr_expect_eq(reader.feed(as_bytes("NOOP\r")), 5);
  cr_expect_not(reader.has_line());
  cr_expect_eq(reader.feed({}), 0);
  cr_expect_not(reader.has_line());
  cr_expect_eq(reader.feed(as_bytes("\n")), 1);
  cr_expect(reader.has_line());
  cr_expect(reader.line().text == "NOOP");
}

Test(ftp_command_reader, takes_no_more_than_one_line) {
  CommandReader reader;
  cr_expect_eq(reader.feed(as_bytes("A\r\nB\r\n")), 3);
  cr_expect(reader.line().text == "A");
  cr_expect_eq(reader.feed(as_bytes("B\r\n")), 3);
  cr_expect(reader.line().text == "B");
}

Test(ftp_command_reader, does_not_copy_a_line_that_came_whole) {
  CommandReader reader;
  const std::string bytes = "RETR name\r\n";
  reader.feed(as_bytes(bytes));
  cr_expect(reader.line().text.data() == bytes.data());
}

Test(ftp_command_reader, forgets_a_line_when_told_and_when_fed) {
  CommandReader reader;
  for (const bool told : {true, false}) {
    reader.feed(as_bytes("NO"));
    reader.feed(as_bytes("OP\n"));
    cr_expect(reader.has_line());
    told ? reader.forget_line() : static_cast<void>(reader.feed({}));
    cr_expect_not(reader.has_line());
  }
  reader.feed(as_bytes("QU"));
  reader.forget_line();  // of the line under way nothing is lost
  reader.feed(as_bytes("IT\n"));
  cr_expect(reader.line().text == "QUIT");
}

Test(ftp_command_reader, keeps_spaces_and_bytes_of_names) {
  expect_lines("CWD  a b \r\nCWD gr\xc3\xbc\xc3\x9f\t\x01\x7f\r\n",
               {"CWD  a b ", "CWD gr\xc3\xbc\xc3\x9f\t\x01\x7f"});
}

Test(ftp_command_reader, calls_a_nul_or_a_lone_cr_bad_bytes_and_goes_on) {
  expect_lines("a\0b\r\nOK\r\n"s, {"<bad bytes>", "OK"});
  expect_lines("\0\nOK\r\n"s, {"<bad bytes>", "OK"});
  expect_lines("RETR a\rb\r\nOK\r\n", {"<bad bytes>", "OK"});
  expect_lines("RETR a\r\r\nOK\r\n", {"<bad bytes>", "OK"});
  expect_lines("\rRETR a\r\nOK\r\n", {"<bad bytes>", "OK"});
  expect_lines("RETR a\r\0\r\nOK\r\n"s, {"<bad bytes>", "OK"});
  expect_lines("a\0b\n\n"s, {"<bad bytes>", ""});
}

Test(ftp_command_reader, takes_a_line_of_the_bound_and_not_a_byte_more) {
  const std::string longest(kMaxLine, 'x');
  for (const std::string end : {"\r\n", "\n"}) {
    expect_lines(longest + end + longest + end, {longest, longest});
    expect_lines(longest + "x" + end + "OK" + end, {"<too long>", "OK"});
  }
  expect_lines(std::string(100'000, 'x') + "\r\nOK\r\n", {"<too long>", "OK"});
}

Test(ftp_command_reader, says_too_long_before_bad_bytes) {
  expect_lines("\0"s + std::string(kMaxLine, 'x') + "\r\n", {"<too long>"});
  expect_lines("\0"s + std::string(kMaxLine - 1, 'x') + "\r\n", {"<bad bytes>"});
  // Each CR but the last one counts.
  expect_lines(std::string(kMaxLine + 2, '\r') + "\n", {"<too long>"});
  expect_lines(std::string(kMaxLine + 1, '\r') + "\n", {"<bad bytes>"});
}

Test(ftp_command_reader, takes_telnet_commands_out) {
  expect_lines(
      "\xff\xf4\xff\xf2"
      "ABOR\r\n",
      {"ABOR"});                                               // IP, DM
  expect_lines("NO\xff\xf1OP\r\xff\xf1\n\xff\xf6", {"NOOP"});  // NOP, also before LF
  expect_lines(
      "\xff\xfb\x01US\xff\xfd\x0a\xff\xfc\x0d\xff\xfe\xff"
      "ER\r\n",
      {"USER"});
  expect_lines(
      "A\xff\xfa\x18\x01\r\n\xff\xff\xff\xf1\0\xff\xf0"
      "B\r\n"s,
      {"AB"});  // SB … SE
}

Test(ftp_command_reader, takes_two_iac_for_one_byte) {
  expect_lines("CWD \xff\xff.\xff\xff\xff\xff\r\n", {"CWD \xff.\xff\xff"});
  expect_lines("\xff\xff\xf2\r\n", {"\xff\xf2"});
}

Test(ftp_command_reader, survives_that_the_urgent_byte_is_lost) {
  expect_lines(
      "\xff\xf4\xff"
      "ABOR\r\n",
      {"ABOR"});  // the DM
  expect_lines(
      "\xff\xf4\xf2"
      "ABOR\r\n",
      {"ABOR"});  // the IAC before it
  expect_lines("\xf2\r\nSTAT\r\n", {"", "STAT"});
  expect_lines("CWD \xf2\r\n", {"CWD \xf2"});  // elsewhere it is part of a name
  expect_lines("NOOP\xff\r\nNOOP\r\xff\n", {"NOOP", "NOOP"});
}

Test(ftp_command_reader, answers_will_with_dont_and_do_with_wont) {
  CommandReader reader;
  cr_expect(reader.take_telnet_answer().empty());
  lines_of(reader, "\xff\xfb\x01\xff\xfd\x03\xff\xfc\x01\xff\xfe\x03", 1);
  cr_expect(reader.take_telnet_answer() == "\xff\xfe\x01\xff\xfc\x03");
  cr_expect(reader.take_telnet_answer().empty());
}

Test(ftp_command_reader, bounds_the_answers_it_keeps) {
  CommandReader reader;
  for (int i = 0; i < 1000; ++i) reader.feed(as_bytes("\xff\xfb\x01"));
  const auto answer = reader.take_telnet_answer();
  cr_expect_leq(answer.size(), 64);
  cr_expect_eq(answer.size() % 3, 0);
  cr_expect_gt(answer.size(), 0);
  reader.feed(as_bytes("\xff\xfd\x02"));
  cr_expect(reader.take_telnet_answer() == "\xff\xfc\x02");
}

Test(ftp_command_reader, cuts_a_command_after_its_verb) {
  const auto expect = [](std::string_view line, std::string_view verb, std::string_view argument) {
    const Command command = parse_command(line);
    cr_expect(command.verb == verb, "%s: %s", printable(line).c_str(), command.verb.c_str());
    cr_expect(command.argument == argument, "%s", printable(line).c_str());
  };
  expect("noop", "NOOP", "");
  expect("NoOp ", "NOOP", "");
  expect("retr  a b ", "RETR", " a b ");
  expect("", "", "");
  expect(" USER x", "", "USER x");
  expect("cwd \xc3\xa4", "CWD", "\xc3\xa4");
  expect("c\xc3\xa4[`{d", "C\xc3\xa4[`{D", "");
  expect("abcdefghijklmnopqrstuvwxyz x", "ABCDEFGHIJKLMNOP", "x");
}

Test(ftp_command_reader, knows_the_beginnings_of_http) {
  for (const char* line : {"GET / HTTP/1.1", "post /upload", "Head /", "PUT /x", "DELETE /",
                           "PATCH /", "OPTIONS *", "CONNECT a:21", "TRACE /", "PRI * HTTP/2.0"})
    cr_expect(is_http(line), "%s", line);
  for (const char* line : {"", "GET", "GETX /", "DELE x", "OPTS UTF8 ON", "HELP", "PWD", "PASV",
                           " GET /", "PRI x", "PRI * HTTP/2", "USER GET /"})
    cr_expect_not(is_http(line), "%s", line);
}
