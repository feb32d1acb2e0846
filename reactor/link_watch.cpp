#include "reactor/link_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

// The macros of netlink(3) and rtnetlink(3) are C.
#pragma GCC diagnostic ignored "-Wold-style-cast"

namespace sluice {
namespace {

LinkWatch::Change change_of(nlmsghdr* message) {
  auto* link = static_cast<ifinfomsg*>(NLMSG_DATA(message));
  LinkWatch::Change change;
  change.event =
      message->nlmsg_type == RTM_DELLINK ? LinkWatch::Event::removed : LinkWatch::Event::changed;
  change.index = static_cast<unsigned>(link->ifi_index);
  change.up = (link->ifi_flags & IFF_UP) != 0;
  auto left = static_cast<int>(IFLA_PAYLOAD(message));
  for (rtattr* attribute = IFLA_RTA(link); RTA_OK(attribute, left);
       attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type != IFLA_IFNAME) continue;
    const auto* name = static_cast<const char*>(RTA_DATA(attribute));
    change.name.assign(name, strnlen(name, RTA_PAYLOAD(attribute)));
  }
  return change;
}

}  // namespace

Result<void> LinkWatch::start() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return fail("socket(AF_NETLINK)");
  ::sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (bind(socket.get(), reinterpret_cast<::sockaddr*>(&address), sizeof address) != 0) {
    return fail("bind(RTMGRP_LINK)");
  }
  auto watch = reactor_->watch(socket.get(), Interest::read, *this);
  if (!watch) return std::unexpected(watch.error());
  watch_.reset();
  socket_ = std::move(socket);
  watch_ = std::move(*watch);
  return {};
}

void LinkWatch::on_readable() noexcept {
  alignas(nlmsghdr) std::array<std::byte, 32 * 1024> buffer;
  ::sockaddr_nl from{};
  iovec piece{buffer.data(), buffer.size()};
  msghdr header{};
  header.msg_name = &from;
  header.msg_namelen = sizeof from;
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  const ssize_t size = recvmsg(socket_.get(), &header, MSG_DONTWAIT);
  if (size < 0) {
    if (errno == ENOBUFS) on_change_(Change{});
    return;
  }
  if (from.nl_pid != 0) return;  // not from the kernel: any process may write to it
  auto left = static_cast<unsigned>(size);
  for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
       message = NLMSG_NEXT(message, left)) {
    if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) continue;
    // A bridge tells in the same way of a port that leaves it.
    if (static_cast<ifinfomsg*>(NLMSG_DATA(message))->ifi_family != AF_UNSPEC) continue;
    on_change_(change_of(message));
  }
}

}  // namespace sluice
