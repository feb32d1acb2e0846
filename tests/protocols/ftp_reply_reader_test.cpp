#include "protocols/ftp/reply_reader.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/printable.h"
#include "reactor/text.h"

using namespace sluice::ftp;
using sluice::as_bytes;
using sluice::concat;
using sluice::printable;
using namespace std::string_literals;

namespace {

using Trouble = ReplyReader::Trouble;

/// "220 first|second": the code and the lines.
std::string shown(const ServerReply& reply) {
  std::string text = concat(reply.code, ' ');
  for (std::size_t i = 0; i < reply.lines.size(); ++i) {
    if (i > 0) text += '|';
    text += reply.lines[i];
  }
  return text;
}

std::vector<std::string> replies_of(ReplyReader& reader, std::string_view bytes,
                                    std::size_t piece = std::string::npos) {
  std::vector<std::string> replies;
  while (!bytes.empty()) {
    reader.feed(as_bytes(bytes.substr(0, piece)));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    while (const auto reply = reader.next()) replies.push_back(shown(*reply));
  }
  return replies;
}

/// Whole, in halves and byte by byte.
void expect_replies(std::string_view bytes, const std::vector<std::string>& expected,
                    Trouble trouble = Trouble::none) {
  for (const std::size_t piece : {bytes.size(), bytes.size() / 2 + 1, std::size_t{1}}) {
    ReplyReader reader;
    const auto replies = replies_of(reader, bytes, piece);
    const auto [got, wanted] = std::ranges::mismatch(replies, expected);
    cr_expect(got == replies.end() && wanted == expected.end(),
              "pieces of %zu: reply %td of %zu is \"%s\", expected \"%s\"", piece,
              got - replies.begin(), replies.size(),
              got == replies.end() ? "(none)" : printable(*got).c_str(),
              wanted == expected.end() ? "(none)" : printable(*wanted).c_str());
    cr_expect(reader.trouble() == trouble, "pieces of %zu: trouble %d", piece,
              static_cast<int>(reader.trouble()));
  }
}

}  // namespace

Test(ftp_reply_reader, ends_lines_at_crlf_and_at_lf) {
  expect_replies("220 ready\r\n331 password?\n230 in\r\n",
                 {"220 ready", "331 password?", "230 in"});
}

Test(ftp_reply_reader, takes_a_code_without_text) {
  expect_replies("200\r\n226 \r\n", {"200 ", "226 "});
}

Test(ftp_reply_reader, ends_a_multi_line_reply_at_its_code_and_a_space) {
  expect_replies("211-Features:\r\n MDTM\r\n SIZE\r\n211 End\r\n221 bye\r\n",
                 {"211 Features:| MDTM| SIZE|End", "221 bye"});
}

Test(ftp_reply_reader, ends_a_multi_line_reply_at_its_code_alone) {
  expect_replies("211-Features:\n MDTM\n211\n221 bye\n", {"211 Features:| MDTM|", "221 bye"});
}

Test(ftp_reply_reader, keeps_any_line_within_a_multi_line_reply_as_it_is) {
  expect_replies("220-a\n220-b\n221 c\n\n 220 d\n2200\n22\n220e\n220 f\n",
                 {"220 a|220-b|221 c|| 220 d|2200|22|220e|f"});
}

Test(ftp_reply_reader, gives_the_text_of_the_last_line) {
  ReplyReader reader;
  reader.feed(as_bytes("230-welcome\r\n230 you are in\r\n"));
  const auto reply = reader.next();
  cr_assert(reply);
  cr_expect(reply->positive() && !reply->preliminary() && !reply->intermediate());
  cr_expect(reply->text() == "you are in");
}

Test(ftp_reply_reader, passes_over_empty_lines_between_replies) {
  expect_replies("\r\n\n220 a\r\n\r\n230 b\r\n", {"220 a", "230 b"});
}

Test(ftp_reply_reader, drops_nuls_and_the_crs_before_a_line_end) {
  expect_replies("220 a\r\0b\0\r\r\n"s, {"220 a\rb"});
}

Test(ftp_reply_reader, takes_telnet_commands_out) {
  expect_replies("\xff\xfb\x01\xff\xfe\x18\x32\x32\x30\xff\xf1 a\xff\xfa\x18\nx\xff\xff\xff\xf0z\n",
                 {"220 az"});
}

Test(ftp_reply_reader, makes_one_byte_of_an_iac_twice) {
  expect_replies("220 \xff\xff\n", {"220 \xff"});
}

Test(ftp_reply_reader, keeps_what_follows_an_iac_and_is_no_telnet_command) {
  expect_replies("220 a\xff\x62\xff\n230 c\n", {"220 ab", "230 c"});
}

Test(ftp_reply_reader, waits_for_the_end_of_a_line) {
  ReplyReader reader;
  reader.feed(as_bytes("220 rea"));
  cr_expect(!reader.next());
  reader.feed(as_bytes("dy\r"));
  cr_expect(!reader.next());
  reader.feed(as_bytes("\n"));
  cr_expect(reader.next());
  cr_expect(!reader.next());
}

Test(ftp_reply_reader, sees_what_is_no_reply) {
  for (const char* line : {"SSH-2.0-OpenSSH_9.2", "HTTP/1.1 400 Bad Request", "22", "099 a",
                           "600 a", "220a", "2200 a", " 220 a", "-20 a", "+22 a", "22\xc2 a"}) {
    expect_replies(concat("220 a\n", line, "\r\n230 b\n"), {"220 a"}, Trouble::not_a_reply);
    ReplyReader reader;
    reader.feed(as_bytes(concat("220 a\n", line, "\r\n230 b\n")));
    cr_expect(reader.offence() == line, "%s: %s", line, printable(reader.offence()).c_str());
  }
}

Test(ftp_reply_reader, shows_no_more_than_80_bytes_of_an_offence) {
  ReplyReader reader;
  reader.feed(as_bytes(std::string(100, 'x') + "\n"));
  cr_expect(reader.offence() == std::string(80, 'x'));
}

Test(ftp_reply_reader, stays_in_trouble) {
  ReplyReader reader;
  reader.feed(as_bytes("220 a\nhello\n"));
  reader.feed(as_bytes("\n230 b\n"));
  cr_expect(reader.next()->text() == "a");
  cr_expect(!reader.next());
  cr_expect(reader.offence() == "hello");
}

Test(ftp_reply_reader, takes_a_line_of_the_greatest_length_and_no_longer_one) {
  const std::string longest = "220 " + std::string(ReplyReader::kMaxLineBytes - 4, 'x');
  expect_replies(longest + "\r\n", {longest});
  expect_replies(longest + "x\r\n", {}, Trouble::too_long);
  expect_replies(longest + "x\n", {}, Trouble::too_long);
}

Test(ftp_reply_reader, does_not_wait_for_the_end_of_a_line_that_is_too_long) {
  ReplyReader reader;
  reader.feed(as_bytes(std::string(ReplyReader::kMaxLineBytes + 2, '2')));
  cr_expect(reader.trouble() == Trouble::too_long);
  cr_expect(reader.offence() == std::string(80, '2'));
}

Test(ftp_reply_reader, takes_long_multi_line_replies) {
  std::string bytes = "211-begin\r\n";
  for (int i = 0; i < 1500; ++i) bytes += " " + std::string(99, 'x') + "\r\n";
  ReplyReader reader;
  const auto replies = replies_of(reader, bytes + "211 end\r\n", 1000);
  cr_assert_eq(replies.size(), 1);
  cr_expect(replies[0].ends_with("|end"));
}

Test(ftp_reply_reader, stops_at_a_reply_that_never_ends) {
  for (const std::string& line : {std::string(1000, 'x') + "\n", "\n"s}) {
    ReplyReader reader;
    reader.feed(as_bytes("211-begin\n"));
    std::size_t fed = 0;
    while (reader.trouble() == Trouble::none && fed < 2 * ReplyReader::kMaxReplyBytes) {
      reader.feed(as_bytes(line));
      fed += line.size();
    }
    cr_expect(reader.trouble() == Trouble::too_long);
    cr_expect_lt(fed, ReplyReader::kMaxReplyBytes + 1000);
  }
}

Test(ftp_reply_reader, stops_at_replies_that_nobody_takes) {
  ReplyReader reader;
  std::string bytes;
  for (int i = 0; i < 1'000'000; ++i) bytes += "200\n";
  reader.feed(as_bytes(bytes));
  cr_expect(reader.trouble() == Trouble::too_long);
  std::size_t count = 0;
  while (reader.next()) ++count;
  cr_expect_gt(count, 1000);
  cr_expect_lt(count, 10'000);
}

Test(ftp_reply_reader, reads_any_number_of_replies_that_are_taken) {
  ReplyReader reader;
  std::size_t count = 0;
  for (int i = 0; i < 100'000; ++i) {
    reader.feed(as_bytes("226-done\r\n226 ok\r\n"));
    while (reader.next()) ++count;
  }
  cr_expect_eq(count, 100'000);
  cr_expect(reader.trouble() == Trouble::none);
}

Test(ftp_quoted_path, is_what_stands_between_the_quotes) {
  cr_expect(parse_quoted_path("\"/home/me\" is the current directory") == "/home/me");
  cr_expect(parse_quoted_path("Created: \"/a b\"") == "/a b");
  cr_expect(parse_quoted_path("\"/a\" and \"/b\"") == "/a");
}

Test(ftp_quoted_path, has_its_doubled_quotes_made_one) {
  cr_expect(parse_quoted_path(R"("/a""b" is)") == "/a\"b");
  cr_expect(parse_quoted_path(R"("/a""")") == "/a\"");
  cr_expect(parse_quoted_path(R"("""" is)") == "\"");
}

Test(ftp_quoted_path, is_none_without_its_quotes) {
  for (const char* text : {"", "/home/me", "\"/home", "\"", "\"\"", "\"\" is", "\"/a\"\""})
    cr_expect(!parse_quoted_path(text), "%s", text);
}

Test(ftp_quoted_path, is_none_that_could_forge_a_command) {
  for (const auto& text : {"\"/a\rDELE b\""s, "\"/a\nDELE b\""s, "\"/a\0b\""s})
    cr_expect(!parse_quoted_path(text));
}
