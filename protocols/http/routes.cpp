#include "protocols/http/routes.h"

#include <algorithm>

#include "reactor/text.h"

namespace sluice::http {
namespace {

/// Methods that are known, so that the answer is that they are of no use here (RFC 9110, section
/// 15.6.2).
constexpr std::string_view kOthers[] = {"POST",    "PUT",     "DELETE", "PATCH",
                                        "OPTIONS", "CONNECT", "TRACE"};

}  // namespace

void Routes::add(std::string path, Handler handler) {
  handlers_.insert_or_assign(std::move(path), std::move(handler));
}

Answer Routes::answer(const Request& request) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (!reads && std::ranges::find(kOthers, request.method) == std::end(kOthers)) {
    return sentence(501, concat("the method ", request.method, " is not known here"));
  }
  const auto found = handlers_.find(request.path);
  const bool everything = request.path == "*" || request.method == "CONNECT";
  if (found == handlers_.end() && !everything) {
    return sentence(404, concat("there is no ", request.path));
  }
  if (reads) return found->second(request);
  Response refused = sentence(405, concat(request.method, " is not for this, only GET and HEAD"));
  refused.headers.push_back({"Allow", "GET, HEAD"});
  return refused;
}

}  // namespace sluice::http
