#include "protocols/http/response.h"

#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::http {
namespace {

constexpr struct {
  int status;
  std::string_view reason;
} kReasons[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {431, "Request Header Fields Too Large"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

}  // namespace

std::string_view reason(int status) {
  for (const auto& known : kReasons) {
    if (known.status == status) return known.reason;
  }
  return "Unknown";
}

std::string http_date(std::time_t time) {
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::tm parts{};
  gmtime_r(&time, &parts);
  return concat(kDays.substr(parts.tm_wday * 3U, 3), ", ", ZeroPadded(parts.tm_mday, 2), ' ',
                kMonths.substr(parts.tm_mon * 3U, 3), ' ', parts.tm_year + 1900, ' ',
                ZeroPadded(parts.tm_hour, 2), ':', ZeroPadded(parts.tm_min, 2), ':',
                ZeroPadded(parts.tm_sec, 2), " GMT");
}

std::string encode_head(const Response& response, const Framing& framing) {
  std::string head =
      concat("HTTP/1.1 ", response.status, ' ', reason(response.status),
             "\r\nDate: ", http_date(framing.date), "\r\nContent-Type: ", response.type, "\r\n");
  if (!framing.endless) head += concat("Content-Length: ", response.body.size(), "\r\n");
  if (framing.close || framing.endless) {
    head += "Connection: close\r\n";
  } else if (framing.minor == 0) {
    head += "Connection: keep-alive\r\n";
  }
  for (const Header& header : response.headers) {
    head += concat(header.name, ": ", header.value, "\r\n");
  }
  head += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n";
  return head;
}

Response sentence(int status, std::string_view why) {
  return {.status = status,
          .body = concat(status, ' ', reason(status), ": ", printable(why), '\n')};
}

}  // namespace sluice::http
