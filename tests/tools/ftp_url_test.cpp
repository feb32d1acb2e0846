#include "tools/ftp/url.h"

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

using Parsed = std::expected<FtpUrl, std::string>;

/// "user|password|host_port|path|a"
std::string shown(const Parsed& parsed) {
  if (!parsed) return "wrong: " + parsed.error();
  return concat(parsed->user, '|', parsed->password.value_or("(none)"), '|', parsed->host_port, '|',
                parsed->path, '|', parsed->ascii ? 'a' : 'i');
}

void expect_text(std::string_view text, const std::string& got, std::string_view expected) {
  cr_expect(got == expected, "\"%s\" is \"%s\", expected \"%s\"", printable(text).c_str(),
            printable(got).c_str(), std::string(expected).c_str());
}

void expect_url(std::string_view text, std::string_view expected) {
  expect_text(text, shown(parse_ftp_url(text)), expected);
}

void expect_site(std::string_view text, std::string_view expected) {
  expect_text(text, shown(parse_ftp_site(text)), expected);
}

void expect_error(const Parsed& parsed, std::string_view text, std::string_view about) {
  cr_assert(!parsed, "\"%s\" was taken: %s", printable(text).c_str(), shown(parsed).c_str());
  cr_expect(parsed.error().find(about) != std::string::npos, "\"%s\": %s", printable(text).c_str(),
            parsed.error().c_str());
  cr_expect(printable(parsed.error()) == parsed.error());
}

void expect_wrong_url(std::string_view text, std::string_view about) {
  expect_error(parse_ftp_url(text), text, about);
}

bool same(const FtpUrl& left, const FtpUrl& right) {
  return left.user == right.user && left.host_port == right.host_port && left.path == right.path &&
         left.ascii == right.ascii;
}

bool has_forbidden(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos;
}

/// Whatever is taken has nothing that could forge a command, and is read again as it is shown.
void check_any(const Parsed& parsed) {
  if (!parsed) {
    cr_assert(!parsed.error().empty());
    cr_assert(printable(parsed.error()) == parsed.error());
    return;
  }
  cr_assert(!parsed->host_port.empty());
  for (const auto& part :
       {parsed->user, parsed->password.value_or(""), parsed->host_port, parsed->path})
    cr_assert(!has_forbidden(part), "%s", printable(part).c_str());
  const std::string again = shown_url(*parsed);
  cr_assert(printable(again) == again);
  const bool unchanged = printable(parsed->user + parsed->path) == parsed->user + parsed->path &&
                         printable(parsed->host_port) == parsed->host_port;
  if (!unchanged) return;
  const auto reread = parse_ftp_url(again);
  cr_assert(reread && same(*reread, *parsed), "%s", again.c_str());
}

}  // namespace

Test(ftp_url, has_a_host_and_a_path) {
  expect_url("ftp://host/dir/file", "|(none)|host:21|dir/file|i");
  expect_url("FTP://host", "|(none)|host:21||i");
  expect_url("ftp://host/", "|(none)|host:21||i");
  expect_url("ftp://host/dir/", "|(none)|host:21|dir/|i");
  expect_url("ftp://host/a?b#c@d:e", "|(none)|host:21|a?b#c@d:e|i");
}

Test(ftp_url, leads_to_the_root_where_its_path_begins_with_a_slash) {
  expect_url("ftp://host//dir/file", "|(none)|host:21|/dir/file|i");
  expect_url("ftp://host/%2Fdir/file", "|(none)|host:21|/dir/file|i");
}

Test(ftp_url, has_a_port) {
  expect_url("ftp://host:2121/f", "|(none)|host:2121|f|i");
  expect_url("ftp://host:/f", "|(none)|host:21|f|i");
  expect_url("ftp://10.0.0.1:021/f", "|(none)|10.0.0.1:21|f|i");
}

Test(ftp_url, takes_ipv6_in_brackets) {
  expect_url("ftp://[::1]/f", "|(none)|[::1]:21|f|i");
  expect_url("ftp://me@[::1]:2121/f", "me|(none)|[::1]:2121|f|i");
  expect_url("ftp://[fe80::1%25lo]/f", "|(none)|[fe80::1%lo]:21|f|i");
  expect_url("ftp://[fe80::1%lo]/f", "|(none)|[fe80::1%lo]:21|f|i");
  expect_wrong_url("ftp://::1/f", "brackets");
}

Test(ftp_url, has_a_user_and_a_password) {
  expect_url("ftp://me@host/f", "me|(none)|host:21|f|i");
  expect_url("ftp://me:@host/f", "me||host:21|f|i");
  expect_url("ftp://me:pa:ss@host/f", "me|pa:ss|host:21|f|i");
  expect_url("ftp://me@home:pa@ss@host/f", "me@home|pa@ss|host:21|f|i");
  expect_url("ftp://a%3Ab:p%2F%40@host/f", "a:b|p/@|host:21|f|i");
}

Test(ftp_url, is_percent_decoded) {
  expect_url("ftp://h%6Fst/a%20b%25%c3%A4", "|(none)|host:21|a b%\xc3\xa4|i");
}

Test(ftp_url, has_a_type) {
  expect_url("ftp://host/f;type=a", "|(none)|host:21|f|a");
  expect_url("ftp://host/f;TYPE=I", "|(none)|host:21|f|i");
  expect_url("ftp://host;type=A", "|(none)|host:21||a");
  expect_url("ftp://host/f;v=1;type=a", "|(none)|host:21|f;v=1|a");
  expect_url("ftp://host/f%3Btype=a", "|(none)|host:21|f;type=a|i");
  expect_url("ftp://u:p;type=x@host/f", "u|p;type=x|host:21|f|i");
  expect_wrong_url("ftp://host/f;type=d", "type");
  expect_wrong_url("ftp://host/f;type=", "type");
}

Test(ftp_url, is_refused_with_another_scheme_or_none) {
  expect_wrong_url("http://host/f", "http://");
  expect_wrong_url("ftps://host/f", "ftps://");
  expect_wrong_url("host/f", "ftp://");
  expect_wrong_url("", "ftp://");
  expect_wrong_url("\x1b[2J://host/f", "\\x1b");
}

Test(ftp_url, is_refused_without_a_host) {
  for (const char* text : {"ftp://", "ftp:///f", "ftp://me@/f", "ftp://:21/f", "ftp://me:pw@:21/"})
    expect_wrong_url(text, "no host");
  for (const char* text :
       {"ftp://ho st/f", "ftp://ho%2Fst/f", "ftp://[::1/f", "ftp://a]/f", "ftp://ho%40st/f",
        "ftp://ho\x01st/f", "ftp://[]/f", "ftp://[fe80::1%]/f"})
    expect_wrong_url(text, "");
}

Test(ftp_url, is_refused_with_a_port_that_is_none) {
  for (const char* text : {"ftp://host:0/f", "ftp://host:65536/f", "ftp://host:x/f",
                           "ftp://host:-1/f", "ftp://host: 21/f", "ftp://[::1]:x/f"})
    expect_wrong_url(text, "port");
}

Test(ftp_url, is_refused_with_a_bad_percent) {
  for (const char* text : {"ftp://host/a%", "ftp://host/a%2", "ftp://host/%zz", "ftp://u%@host/f",
                           "ftp://u:%1@host/f", "ftp://h%xst/f"})
    expect_wrong_url(text, "%25");
}

Test(ftp_url, is_refused_with_a_line_end_or_nul_wherever_it_stands) {
  for (const auto& bad : {"\r"s, "\n"s, "\0"s, "%0d"s, "%0A"s, "%00"s})
    for (const auto& text :
         {concat("ftp://host/a", bad, "DELE b"), concat("ftp://u", bad, "@host/f"),
          concat("ftp://u:p", bad, "@host/f"), concat("ftp://ho", bad, "st/f")})
      expect_wrong_url(text, "line's end");
}

Test(ftp_url, does_not_tell_its_password_when_it_is_wrong) {
  for (const char* text :
       {"ftp://u:secret/x@host/f", "ftp://u:secret%@host/f", "ftp://u:secret;type=x@/f",
        "ftp://u:p/;type=secret@host", "u:secret@host/a://", "ftp://u:secret@ho st:21/f"}) {
    const auto parsed = parse_ftp_url(text);
    cr_assert(!parsed, "%s", text);
    cr_expect(parsed.error().find("secret") == std::string::npos, "%s", parsed.error().c_str());
  }
}

Test(ftp_url, never_names_the_path_of_a_unix_socket) {
  expect_url("ftp://unix/f", "|(none)|UNIX:21|f|i");
  expect_site("unix:2121", "|(none)|UNIX:2121||i");
}

Test(ftp_site, is_a_host_with_a_user_or_without) {
  expect_site("host", "|(none)|host:21||i");
  expect_site("host:2121", "|(none)|host:2121||i");
  expect_site("me@host", "me|(none)|host:21||i");
  expect_site("me:pw@host:2121", "me|pw|host:2121||i");
  expect_site("[::1]:2121", "|(none)|[::1]:2121||i");
}

Test(ftp_site, is_taken_literally_without_ftp_before) {
  expect_site("me@home:p%40/@:x@host", "me@home|p%40/@:x|host:21||i");
  expect_site("me:p%zz@host/a%20b;type=a", "me|p%zz|host:21|a%20b;type=a|i");
}

Test(ftp_site, may_have_a_path) {
  expect_site("host/pub/f", "|(none)|host:21|pub/f|i");
  expect_site("host//pub", "|(none)|host:21|/pub|i");
  expect_site("host/a@b", "|(none)|host:21|a@b|i");
}

Test(ftp_site, may_be_a_url) {
  expect_site("ftp://me:p%40@host/a%20b", "me|p@|host:21|a b|i");
  expect_error(parse_ftp_site("http://host"), "http://host", "http://");
}

Test(ftp_site, is_refused_where_it_is_none) {
  for (const auto& text : {""s, "me@"s, ":21"s, "host:x"s, "::1"s, "ho\nst"s, "u\r@host"s,
                           "u:\0@host"s, "host/a\nb"s, "ho st"s})
    expect_error(parse_ftp_site(text), text, "");
}

Test(ftp_shown_url, has_neither_password_nor_port_21) {
  const auto shown_of = [](std::string_view text) { return shown_url(*parse_ftp_url(text)); };
  expect_text("a", shown_of("ftp://me:pw@host:21/d/f"), "ftp://me@host/d/f");
  expect_text("b", shown_of("ftp://host:2121//d/f;type=a"), "ftp://host:2121//d/f;type=a");
  expect_text("c", shown_of("ftp://[fe80::1%25lo]"), "ftp://[fe80::1%25lo]");
  expect_text("d", shown_of("ftp://a%40b@host/x%20y%3Bz"), "ftp://a%40b@host/x%20y%3Bz");
}

Test(ftp_shown_url, is_fit_for_a_terminal) {
  const auto url = parse_ftp_url("ftp://u%1b@host/%1b[2J\xff\xe2\x80\xae\xea\xb0\x80");
  cr_assert(url);
  expect_text("url", shown_url(*url), "ftp://u%1B@host/%1B[2J\\xff\\xe2\\x80\\xae\xea\xb0\x80");
}

Test(ftp_url, holds_with_any_bytes) {
  std::mt19937 random(20261121);
  constexpr std::string_view kLetters =
      "ftp://ab@:@:%%//;type=ai[]2500\r\n\0\xff\xc3\xa4 \x1b?#1"sv;
  constexpr std::string_view kBeginnings[] = {"", "ftp://", "ftp://u:p@h/", "u@h",
                                              "ftp://[fe80::1%"};
  for (int i = 0; i < 200'000; ++i) {
    std::string text(kBeginnings[random() % std::size(kBeginnings)]);
    for (auto left = random() % 24; left > 0; --left) {
      const bool any = random() % 16 == 0;
      text += any ? static_cast<char>(random()) : kLetters[random() % kLetters.size()];
    }
    check_any(parse_ftp_url(text));
    check_any(parse_ftp_site(text));
  }
}
