// Feeds HTTP requests as arbitrary bytes, whole and in pieces, which must agree; what comes out
// must hold nothing that a handler, a log or the next program could stumble over.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/http/escape.h"
#include "protocols/http/host.h"
#include "protocols/http/letters.h"
#include "protocols/http/limits.h"
#include "protocols/http/request.h"
#include "protocols/http/response.h"
#include "reactor/check.h"
#include "reactor/text.h"

using namespace sluice;
using namespace sluice::http;

namespace {

using Progress = RequestReader::Progress;

struct Outcome {
  std::vector<Request> requests;
  int refused = 0;
  std::size_t taken = 0;

  bool operator==(const Outcome&) const = default;
};

bool is_clean(std::string_view text) {
  return std::ranges::none_of(text, [](char letter) {
    return (static_cast<unsigned char>(letter) < ' ' && letter != '\t') || letter == '\x7f';
  });
}

void check(const Request& request) {
  SLUICE_CHECK(is_token(request.method));
  SLUICE_CHECK(request.path.starts_with('/') || request.path == "*" ||
               (request.path.empty() && request.method == "CONNECT"));
  SLUICE_CHECK(!request.path.contains('\0'));
  SLUICE_CHECK(is_clean(request.query) && is_host(request.host));
  SLUICE_CHECK(request.minor == 0 || request.minor == 1);
  SLUICE_CHECK(request.body <= http::limits::kBodyBytes);
  SLUICE_CHECK(request.headers.size() <= http::limits::kHeaders);
  SLUICE_CHECK(!request.find("transfer-encoding"));
  std::size_t size = request.method.size() + request.path.size() + request.query.size();
  for (const Header& header : request.headers) {
    SLUICE_CHECK(is_token(header.name) && lowered(header.name) == header.name);
    SLUICE_CHECK(is_clean(header.value) && trimmed(header.value) == header.value);
    size += header.name.size() + header.value.size();
  }
  SLUICE_CHECK(size <= http::limits::kHeadBytes);
}

/// Without `cuts` whole; else each says how long a piece is.
Outcome read(std::string_view bytes, std::string_view cuts) {
  Outcome outcome;
  RequestReader reader;
  for (std::size_t i = 0; !bytes.empty() && outcome.refused == 0; ++i) {
    const auto length =
        cuts.empty() ? bytes.size() : static_cast<unsigned char>(cuts[i % cuts.size()]) + 1U;
    const std::string piece(bytes.substr(0, length));
    std::size_t used = 0;
    while (used < piece.size() && outcome.refused == 0) {
      const auto fed = reader.feed(std::string_view(piece).substr(used));
      SLUICE_CHECK(fed.taken <= piece.size() - used);
      SLUICE_CHECK(fed.taken != 0 || fed.progress == Progress::refused);
      used += fed.taken;
      if (fed.progress == Progress::refused) {
        outcome.refused = reader.refusal().status;
        SLUICE_CHECK(reason(outcome.refused) != "Unknown");
        SLUICE_CHECK(is_clean(reader.refusal().why) && !reader.refusal().why.empty());
      } else if (fed.progress == Progress::request) {
        check(reader.request());
        outcome.requests.push_back(reader.request());
        reader.next();
        SLUICE_CHECK(!reader.begun());
      } else {
        SLUICE_CHECK(used == piece.size());
      }
    }
    outcome.taken += used;
    bytes.remove_prefix(piece.size());
  }
  return outcome;
}

void escapes(std::string_view text) {
  const std::string html = html_escaped(text);
  SLUICE_CHECK(is_clean(html) && html.find_first_of("<>\"'") == html.npos);
  const std::string json = json_escaped(text);
  SLUICE_CHECK(is_clean(json));
  for (std::size_t i = 0; i < json.size(); ++i) {
    SLUICE_CHECK(json[i] != '"');
    if (json[i] != '\\') continue;
    ++i;
    SLUICE_CHECK(i < json.size() && (json[i] == '"' || json[i] == '\\'));
  }
  if (const auto decoded = percent_decoded(text)) SLUICE_CHECK(decoded->size() <= text.size());
  if (is_host(text)) SLUICE_CHECK(text.starts_with(without_port(text)));
  (void)is_local_name(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t count = std::min<std::size_t>(data[0] % 16, size - 1);
  const std::string_view cuts = all.substr(1, count), bytes = all.substr(1 + count);
  SLUICE_CHECK(read(bytes, {}) == read(bytes, cuts));
  SLUICE_CHECK(read(bytes, {}) == read(bytes, std::string_view("\0", 1)));
  escapes(bytes);
  return 0;
}
