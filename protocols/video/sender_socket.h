#pragma once

#include <string_view>

#include "protocols/service.h"
#include "reactor/datagram.h"

namespace sluice::video {

/// Opens a socket that sends to one place only, host or group, and hears nobody else. `hops` and
/// `interface` ("": the one that the routing table names) are for groups.
Started open_to(Datagram& socket, const Address& to, int hops, std::string_view interface);

}  // namespace sluice::video
