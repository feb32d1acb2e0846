#include "protocols/http/request.h"

#include <algorithm>

#include "protocols/http/host.h"
#include "protocols/http/letters.h"
#include "protocols/http/limits.h"
#include "reactor/text.h"

namespace sluice::http {
namespace {

int hex_value(char letter) {
  if (is_digit(letter)) return letter - '0';
  const char low = lowered(letter);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

bool is_visible(char letter) {
  return letter > ' ' && letter < '\x7f';
}

/// Of a value: bytes from 0x80 on may be there, whatever they mean (RFC 9110, section 5.5).
bool is_control(char letter) {
  return (static_cast<unsigned char>(letter) < ' ' && letter != '\t') || letter == '\x7f';
}

}  // namespace

const std::string* Request::find(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &Header::name);
  return found == headers.end() ? nullptr : &found->value;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

bool lists(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (lowered(trimmed(list.substr(0, comma))) == token) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// --- lines ---------------------------------------------------------------------------------------

RequestReader::Fed RequestReader::feed(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && progress() == Progress::more) {
    const std::string_view rest = bytes.substr(taken);
    if (step_ == Step::body) {
      const std::size_t size = std::min<std::uint64_t>(missing_, rest.size());
      missing_ -= size;
      taken += size;
      if (missing_ == 0) step_ = Step::done;
    } else {
      taken += take_line(rest);
    }
  }
  return {taken, progress()};
}

RequestReader::Progress RequestReader::progress() const {
  if (step_ == Step::done) return Progress::request;
  return step_ == Step::refused ? Progress::refused : Progress::more;
}

void RequestReader::refuse(int status, std::string_view why) {
  step_ = Step::refused;
  refusal_ = {status, why};
}

/// A line, or as much of one as is there and may be.
std::size_t RequestReader::take_line(std::string_view bytes) {
  const std::size_t newline = bytes.find('\n');
  const std::size_t size = newline == bytes.npos ? bytes.size() : newline + 1;
  const bool first = step_ == Step::request_line;
  const std::size_t room =
      std::min(limits::kHeadBytes - size_, first ? limits::kLineBytes - line_.size() : SIZE_MAX);
  if (first && line_.empty() && bytes[0] == '\x16') {
    refuse(400, "this looks like TLS, which is not spoken here: use http://");
    return 0;
  }
  line_ += bytes.substr(0, std::min(size, room));
  size_ += std::min(size, room);
  if (size > room) {
    first ? refuse(414, "the request line is too long") : refuse(431, "the header is too long");
    return room;
  }
  if (newline != bytes.npos) end_line();
  return size;
}

void RequestReader::end_line() {
  std::string_view line = line_;
  line.remove_suffix(line.ends_with("\r\n") ? 2 : 1);
  if (std::ranges::any_of(line, is_control)) {
    refuse(400, "there is a control character in the header");
  } else if (step_ == Step::headers) {
    line.empty() ? end_head() : read_header(line);
  } else if (line.empty()) {  // passed over before a request (section 2.2)
    size_ = 0;
  } else {
    read_request_line(line);
  }
  line_.clear();
}

// --- the request line ----------------------------------------------------------------------------

void RequestReader::read_request_line(std::string_view line) {
  const std::size_t first = line.find(' '), last = line.rfind(' ');
  if (first == line.npos || first == last) {
    return refuse(400, "the request line is not METHOD TARGET VERSION");
  }
  step_ = Step::headers;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (!is_token(method)) return refuse(400, "the method is no word");
  request_.method = method;
  read_version(line.substr(last + 1));
  if (step_ != Step::refused) read_target(target);
}

void RequestReader::read_version(std::string_view version) {
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7])) {
    return refuse(400, "the version is not of the form HTTP/1.1");
  }
  if (version[5] != '1') return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  request_.minor = version[7] == '0' ? 0 : 1;
}

/// Its four forms: RFC 9112, section 3.2.
void RequestReader::read_target(std::string_view target) {
  if (target.empty() || !std::ranges::all_of(target, is_visible) || target.contains('#')) {
    return refuse(400, "there is a character in the target that must not be there");
  }
  if (request_.method == "CONNECT") {
    if (!is_host(target)) return refuse(400, "the target of CONNECT is not HOST:PORT");
    request_.host = target;
  } else if (target == "*" && request_.method == "OPTIONS") {
    request_.path = target;
  } else if (target.starts_with('/')) {
    read_path(target);
  } else {
    read_absolute(target);
  }
}

void RequestReader::read_absolute(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (lowered(target.substr(0, kScheme.size())) != kScheme) {
    return refuse(400, "the target is neither a path nor begins with http://");
  }
  target.remove_prefix(kScheme.size());
  const std::size_t end = std::min(target.find_first_of("/?"), target.size());
  request_.host = target.substr(0, end);
  if (request_.host.empty() || !is_host(request_.host)) {
    return refuse(400, "the host in the target is no host");
  }
  target.remove_prefix(end);
  read_path(target.starts_with('/') ? std::string(target) : concat('/', target));
}

void RequestReader::read_path(std::string_view target) {
  const std::size_t mark = std::min(target.find('?'), target.size());
  auto path = percent_decoded(target.substr(0, mark));
  if (!path) return refuse(400, "a percent sign in the path begins no valid escape");
  request_.path = std::move(*path);
  request_.query = target.substr(std::min(mark + 1, target.size()));
}

// --- headers -------------------------------------------------------------------------------------

void RequestReader::read_header(std::string_view line) {
  if (line.starts_with(' ') || line.starts_with('\t')) {
    return refuse(400, "a header line is folded");
  }
  const std::size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) {
    return refuse(400, "a header line is not NAME: VALUE");
  }
  if (request_.headers.size() == limits::kHeaders) {
    return refuse(431, "there are too many header lines");
  }
  request_.headers.push_back(
      {lowered(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))});
}

void RequestReader::end_head() {
  check_host();
  if (step_ != Step::refused) check_framing();
  if (step_ != Step::refused) check_connection();
  if (step_ == Step::refused) return;
  missing_ = request_.expects_continue ? 0 : request_.body;
  step_ = missing_ == 0 ? Step::done : Step::body;
}

void RequestReader::check_host() {
  const auto count = std::ranges::count(request_.headers, "host", &Header::name);
  if (count > 1) return refuse(400, "there is more than one Host");
  const std::string* host = request_.find("host");
  if (!host) {
    if (request_.minor != 0) refuse(400, "HTTP/1.1 needs a Host");
  } else if (!is_host(*host)) {
    refuse(400, "the Host is no host");
  } else if (request_.host.empty()) {
    request_.host = *host;
  }
}

/// RFC 9112, section 6.3.
void RequestReader::check_framing() {
  const std::string* length = request_.find("content-length");
  if (request_.find("transfer-encoding")) {
    if (length) return refuse(400, "there are both a Content-Length and a Transfer-Encoding");
    if (request_.minor == 0) return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
    return refuse(501, "no Transfer-Encoding is understood here");
  }
  if (!length) return;
  if (std::ranges::count(request_.headers, "content-length", &Header::name) > 1) {
    return refuse(400, "there is more than one Content-Length");
  }
  if (length->empty() || !std::ranges::all_of(*length, is_digit)) {
    return refuse(400, "the Content-Length is no number");
  }
  const auto size = parse_number<std::uint64_t>(*length);
  if (!size || *size > limits::kBodyBytes) return refuse(413, "the body is too large");
  request_.body = *size;
}

/// RFC 9112, section 9.3.
void RequestReader::check_connection() {
  request_.keep_alive = request_.minor != 0;
  for (const Header& header : request_.headers) {
    if (header.name != "connection") continue;
    if (lists(header.value, "close")) {
      request_.keep_alive = false;
      break;
    }
    if (lists(header.value, "keep-alive")) request_.keep_alive = true;
  }
  const std::string* expect = request_.find("expect");
  if (!expect || request_.minor == 0) return;
  if (lowered(*expect) != "100-continue") return refuse(417, "only 100-continue may be expected");
  if (request_.body == 0) return;
  // The client is answered before its body: whether that still comes, only it knows.
  request_.expects_continue = true;
  request_.keep_alive = false;
}

}  // namespace sluice::http
