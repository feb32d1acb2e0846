#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/http/request.h"

namespace sluice::http {

inline constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

/// An answer that is whole. Its texts are ours: nothing that came from a client belongs into `type`
/// or `headers`.
struct Response {
  int status = 200;
  std::string body = {};
  std::string type{kPlainText};
  std::vector<Header> headers = {};  ///< beside those that every answer has
};

/// What the connection makes of an answer.
struct Framing {
  int minor = 1;         ///< of the request
  bool close = false;    ///< the connection ends with this answer
  bool endless = false;  ///< the answer ends with the connection: its length is not known
  std::time_t date = 0;  ///< now
};

/// Status line and headers, with the empty line at their end. Beside those of `response` they are
/// Date, Content-Type, Content-Length, Connection where it has to be said, Cache-Control: no-store
/// and X-Content-Type-Options: nosniff.
std::string encode_head(const Response& response, const Framing& framing);

/// `404 Not Found: there is no /x`, made printable; a newline at the end.
Response sentence(int status, std::string_view why);

/// `Not Found`; `Unknown` for what is never sent here.
std::string_view reason(int status);

/// `Sat, 21 Nov 2026 08:04:00 GMT` (RFC 9110, section 5.6.7), whatever the locale.
std::string http_date(std::time_t time);

}  // namespace sluice::http
