#include "protocols/video/rtp_jpeg.h"
#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::video {
namespace {

/// The address without the zone, which means something on this machine only.
std::string address_type(const Address& to) {
  const std::string host = to.unmapped().host();
  return concat(to.unmapped().family() == AF_INET6 ? "IP6 " : "IP4 ",
                host.substr(0, host.find('%')));
}

}  // namespace

std::string rtp_session_description(const Address& to, std::string_view name, int ttl) {
  const bool v4_group = to.unmapped().family() == AF_INET && to.is_multicast();
  const bool v6 = to.unmapped().family() == AF_INET6;
  // A name is one line, and not empty (RFC 8866, section 5.3).
  return concat("v=0\r\no=- 0 0 IN ", v6 ? "IP6 ::1" : "IP4 127.0.0.1",
                "\r\ns=", name.empty() ? "-" : printable(name), "\r\nc=IN ", address_type(to),
                v4_group ? concat('/', ttl) : "", "\r\nt=0 0\r\nm=video ", to.port(), " RTP/AVP ",
                rtp::kJpegPayload, "\r\na=rtpmap:", rtp::kJpegPayload, " JPEG/", rtp::kClock,
                "\r\n");
}

}  // namespace sluice::video
