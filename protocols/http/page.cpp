#include "protocols/http/page.h"

#include "protocols/files/sha256.h"
#include "protocols/http/escape.h"
#include "protocols/http/page_texts.h"
#include "reactor/text.h"

namespace sluice::http {
namespace {

/// As a Content-Security-Policy names what stands in the page itself.
std::string source_of(std::string_view text) {
  files::Sha256 digest;
  digest.update(as_bytes(text));
  return concat("'sha256-", base64(as_text(digest.finish())), '\'');
}

void add_row(std::string& text, const ServiceState& service) {
  const ServiceCounters& counters = service.counters;
  text += concat("<tr data-service=\"", html_escaped(service.name), "\"><th scope=\"row\">",
                 html_escaped(service.name), "<small>", html_escaped(service.address),
                 "</small><small class=\"trouble\">", html_escaped(service.trouble),
                 "</small></th><td>", counters.connections, "</td><td>", counters.failures,
                 "</td><td title=\"", counters.bytes_in, "\">", human_bytes(counters.bytes_in),
                 "</td><td title=\"", counters.bytes_out, "\">", human_bytes(counters.bytes_out),
                 "</td></tr>\n");
}

/// Without a script it moves, too; with one it rests while nobody sees the page.
void add_picture(std::string& text, const PictureState& picture) {
  text += concat("<figure data-picture=\"", html_escaped(picture.path), "\"><img src=\"",
                 html_escaped(picture.path), "\" alt=\"", html_escaped(picture.alt),
                 "\"><figcaption>", html_escaped(picture.note), "</figcaption></figure>\n");
}

}  // namespace

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return concat(bytes, " B");
  std::uint64_t unit = 1000;
  std::size_t power = 0;
  constexpr std::string_view kPrefixes = "kMGTPE";
  // Up to the unit in which it stays below 1000 when rounded to a tenth.
  while (power + 1 < kPrefixes.size() && bytes >= unit * 1000 - unit / 20) {
    unit *= 1000;
    ++power;
  }
  const std::uint64_t tenths = bytes / unit * 10 + (bytes % unit + unit / 20) / (unit / 10);
  return concat(Decimal(tenths, 1), ' ', kPrefixes[power], 'B');
}

Page::Page()
    : policy_(concat("default-src 'none'; connect-src 'self'; img-src 'self' data:; style-src ",
                     source_of(kPageStyle), "; script-src ", source_of(kPageScript),
                     "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")) {}

Response Page::show(const Overview& overview) const {
  std::string text = concat(kPageTop, "<style>", kPageStyle, "</style>\n", kPageBegin);
  for (const PictureState& picture : overview.pictures) add_picture(text, picture);
  text += kPageTable;
  for (const ServiceState& service : overview.services) add_row(text, service);
  text += concat(kPageEnd, "<script>", kPageScript, "</script>\n</body>\n</html>\n");
  return {.body = std::move(text),
          .type = "text/html; charset=utf-8",
          .headers = {{"Content-Security-Policy", policy_}}};
}

}  // namespace sluice::http
