#include "tools/tftp/url.h"

#include <criterion/criterion.h>

#include <random>
#include <string>
#include <string_view>

#include "reactor/printable.h"
#include "reactor/text.h"

using namespace sluice;
using namespace sluice::tools;
using namespace std::literals;

namespace {

/// "host_port|file|o", with a * behind what is a pattern.
std::string shown(const std::expected<TftpUrl, std::string>& parsed) {
  if (!parsed) return "wrong: " + parsed.error();
  return concat(parsed->host_port, '|', parsed->file, '|',
                parsed->mode == tftp::Mode::octet ? 'o' : 'n', parsed->pattern ? "*" : "");
}

void expect_text(std::string_view text, const std::string& got, std::string_view expected) {
  cr_expect(got == expected, "\"%s\" is \"%s\", expected \"%s\"", printable(text).c_str(),
            printable(got).c_str(), std::string(expected).c_str());
}

void expect_url(std::string_view text, std::string_view expected) {
  expect_text(text, shown(parse_tftp_url(text)), expected);
}

void expect_wrong(std::string_view text, std::string_view about) {
  const auto parsed = parse_tftp_url(text);
  cr_assert(!parsed, "\"%s\" was taken: %s", printable(text).c_str(), shown(parsed).c_str());
  cr_expect(parsed.error().find(about) != std::string::npos, "\"%s\": %s", printable(text).c_str(),
            parsed.error().c_str());
  cr_expect(printable(parsed.error()) == parsed.error());
}

bool has_forbidden(std::string_view text) {
  return text.find_first_of("\r\n\0"sv) != text.npos;
}

/// Whatever is taken has nothing that could end a name early, and is read again as it is shown.
void check_any(const std::expected<TftpUrl, std::string>& parsed) {
  if (!parsed) {
    cr_assert(!parsed.error().empty());
    cr_assert(printable(parsed.error()) == parsed.error());
    return;
  }
  cr_assert(!parsed->host_port.empty());
  cr_assert(!has_forbidden(parsed->host_port) && !has_forbidden(parsed->file));
  const std::string again = shown_url(*parsed);
  cr_assert(printable(again) == again);
  const std::string all = parsed->host_port + parsed->file;
  if (printable(all) != all) return;
  const auto reread = parse_tftp_url(again);
  cr_assert(reread && reread->host_port == parsed->host_port && reread->file == parsed->file &&
                reread->mode == parsed->mode,
            "%s", again.c_str());
}

}  // namespace

Test(tftp_url, has_a_host_and_a_file) {
  expect_url("tftp://host/file", "host:69|file|o");
  expect_url("TFTP://host/dir/file", "host:69|dir/file|o");
  expect_url("tftp://host//dir/file", "host:69|/dir/file|o");
  expect_url("tftp://host/%2Fdir/file", "host:69|/dir/file|o");
  expect_url("tftp://host/a#b@c:d", "host:69|a#b@c:d|o");
}

Test(tftp_url, may_name_a_directory) {
  expect_url("tftp://host", "host:69||o");
  expect_url("tftp://host/", "host:69||o");
  expect_url("tftp://host/dir/", "host:69|dir/|o");
}

Test(tftp_url, has_a_port) {
  expect_url("tftp://host:6969/f", "host:6969|f|o");
  expect_url("tftp://host:/f", "host:69|f|o");
  for (const char* text : {"tftp://host:0/f", "tftp://host:65536/f", "tftp://host:x/f"})
    expect_wrong(text, "port");
}

Test(tftp_url, takes_ipv6_in_brackets) {
  expect_url("tftp://[::1]/f", "[::1]:69|f|o");
  expect_url("tftp://[fe80::1%25lo]:6969/f", "[fe80::1%lo]:6969|f|o");
  expect_wrong("tftp://::1/f", "brackets");
}

Test(tftp_url, is_percent_decoded) {
  expect_url("tftp://h%6Fst/a%20b%25%c3%A4%2A", "host:69|a b%\xc3\xa4*|o");
  for (const char* text : {"tftp://host/a%", "tftp://host/%zz", "tftp://h%xst/f"})
    expect_wrong(text, "%25");
}

Test(tftp_url, has_a_mode) {
  expect_url("tftp://host/f;mode=netascii", "host:69|f|n");
  expect_url("tftp://host/f;MODE=Octet", "host:69|f|o");
  expect_url("tftp://host/f;v=1;mode=NETASCII", "host:69|f;v=1|n");
  expect_url("tftp://host/f%3Bmode=netascii", "host:69|f;mode=netascii|o");
  expect_url("tftp://host/f;type=a", "host:69|f;type=a|o");
  for (const char* text : {"tftp://host/f;mode=mail", "tftp://host/f;mode=",
                           "tftp://host/f;mode=octet2", "tftp://host/f;mode=%6Fctet"})
    expect_wrong(text, "mode");
}

Test(tftp_url, tells_what_the_user_means_as_a_pattern) {
  expect_url("tftp://host/a*", "host:69|a*|o*");
  expect_url("tftp://host/a?/b", "host:69|a?/b|o*");
  expect_url("tftp://host/%5Bab%5D%3F", "host:69|[ab]?|o");
}

Test(tftp_url, has_no_user_and_does_not_tell_a_password) {
  for (const char* text : {"tftp://me@host/f", "tftp://me:secret@host/f", "tftp://@host/f"}) {
    expect_wrong(text, "no users");
    cr_expect(parse_tftp_url(text).error().find("secret") == std::string::npos);
  }
}

Test(tftp_url, is_refused_with_another_scheme_none_or_no_host) {
  expect_wrong("ftp://host/f", "ftp://");
  expect_wrong("http://host/f", "http://");
  expect_wrong("host/f", "tftp://");
  expect_wrong("", "tftp://");
  expect_wrong("\x1b[2J://host/f", "\\x1b");
  for (const char* text : {"tftp://", "tftp:///f", "tftp://:69/f"}) expect_wrong(text, "no host");
}

Test(tftp_url, is_refused_with_a_line_end_or_nul_wherever_it_stands) {
  for (const auto& bad : {"\r"s, "\n"s, "\0"s, "%0d"s, "%0A"s, "%00"s})
    for (const auto& text : {concat("tftp://host/a", bad, "octet"), concat("tftp://ho", bad, "/f")})
      expect_wrong(text, "line's end");
}

Test(tftp_url, never_names_the_path_of_a_unix_socket) {
  expect_url("tftp://unix/f", "UNIX:69|f|o");
}

Test(tftp_shown_url, has_no_port_69_and_is_fit_for_a_terminal) {
  const auto shown_of = [](std::string_view text) { return shown_url(*parse_tftp_url(text)); };
  expect_text("a", shown_of("tftp://host:69/d/f"), "tftp://host/d/f");
  expect_text("b", shown_of("tftp://[::1]:6969//f;mode=netascii"),
              "tftp://[::1]:6969//f;mode=netascii");
  expect_text("c", shown_of("tftp://host/x%20y%3Bz%1b"), "tftp://host/x%20y%3Bz%1B");
  expect_text("d", shown_of("tftp://host/\xff"), "tftp://host/\\xff");
}

Test(tftp_url, holds_with_any_bytes) {
  std::mt19937 random(20261121);
  constexpr std::string_view kLetters =
      "tftp://ab@::%%//;mode=octet*?[]69\r\n\0\xff\xc3\xa4 \x1b#"sv;
  constexpr std::string_view kBeginnings[] = {"", "tftp://", "tftp://h/", "tftp://[fe80::1%",
                                              "tftp://h/f;mode=netasci"};
  for (int i = 0; i < 100'000; ++i) {
    std::string text(kBeginnings[random() % std::size(kBeginnings)]);
    for (auto left = random() % 24; left > 0; --left) {
      const bool any = random() % 16 == 0;
      text += any ? static_cast<char>(random()) : kLetters[random() % kLetters.size()];
    }
    check_any(parse_tftp_url(text));
  }
}
