#include "protocols/video/sender_socket.h"

#include "reactor/multicast.h"
#include "reactor/text.h"

namespace sluice::video {
namespace {

constexpr std::size_t kSendBuffer = 1 << 20;  // bytes: more than a frame

}  // namespace

Started open_to(Datagram& socket, const Address& to, int hops, std::string_view interface) {
  const int family = to.family();
  if (family != AF_INET && family != AF_INET6) {
    return std::unexpected(concat("video cannot be sent to ", to));
  }
  if (to.port() == 0) return std::unexpected(concat("to which port of ", to.host(), "?"));
  const Address any = family == AF_INET6 ? *Address::parse("[::]:0") : Address::any_v4(0);
  auto done = socket.open(any, {.max_bytes = 1, .send_buffer = kSendBuffer});
  if (done && to.is_multicast()) {
    done = set_multicast_hops(socket.fd(), family, hops);
    if (done && !interface.empty()) {
      const auto found = find_interface(interface);
      if (!found) return std::unexpected(concat("there is no network interface ", interface));
      done = set_multicast_interface(socket.fd(), family, found->index);
    }
  }
  if (done) done = socket.connect(to);
  if (!done) return std::unexpected(done.error().message(to.to_string()));
  return {};
}

}  // namespace sluice::video
