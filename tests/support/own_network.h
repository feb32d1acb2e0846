#pragma once

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "reactor/fd.h"

/// A network that only this test sees: the process, which is the test's own, moves there for good.
/// Nothing is in it but lo. Skips the test where the system does not allow it.
class OwnNetwork {
 public:
  OwnNetwork() {
    if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
      cr_skip("no network of one's own is allowed here: unshare: %s", std::strerror(errno));
    }
    control_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    cr_assert(control_);
    set_up("lo", true);
  }

  /// Two interfaces joined by a wire, both of them down. Skips the test where the kernel has none.
  void add_pair(std::string_view name, std::string_view other) {
    Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    request.put(IFLA_IFNAME, name);
    const std::size_t info = request.open(IFLA_LINKINFO);
    request.put(IFLA_INFO_KIND, "veth");
    const std::size_t data = request.open(IFLA_INFO_DATA);
    const std::size_t peer = request.open(VETH_INFO_PEER);
    request.skip(sizeof(ifinfomsg));
    request.put(IFLA_IFNAME, other);
    request.close(peer);
    request.close(data);
    request.close(info);
    const int error = request.send();
    if (error == EOPNOTSUPP) cr_skip("this kernel has no veth(4)");
    cr_assert_eq(error, 0, "%s", std::strerror(error));
  }
  void remove(std::string_view name) {
    Request request(RTM_DELLINK, 0);
    request.link.ifi_index = static_cast<int>(::if_nametoindex(name.data()));
    const int error = request.send();
    cr_assert_eq(error, 0, "%s", std::strerror(error));
  }
  void set_up(std::string_view name, bool up) {
    ifreq request = named(name);
    cr_assert(::ioctl(control_.get(), SIOCGIFFLAGS, &request) == 0);
    const int flags = up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP;
    request.ifr_flags = static_cast<short>(flags);
    cr_assert(::ioctl(control_.get(), SIOCSIFFLAGS, &request) == 0);
  }
  /// An IPv4 address; `name` may have a label behind it, as in "wire:1". The network around it is
  /// that of its class: /8 for 10.x.
  void set_address(std::string_view name, const char* host) {
    ifreq request = named(name);
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    cr_assert(::inet_pton(AF_INET, host, &address.sin_addr) == 1);
    std::memcpy(&request.ifr_addr, &address, sizeof address);
    cr_assert(::ioctl(control_.get(), SIOCSIFADDR, &request) == 0, "%s", std::strerror(errno));
  }

 private:
  /// One message of rtnetlink(7) about a link.
  struct Request {
    Request(int type, int flags) {
      header.nlmsg_type = static_cast<std::uint16_t>(type);
      header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
      header.nlmsg_len = NLMSG_LENGTH(sizeof link);
    }
    void put(int type, std::string_view value) {
      const std::size_t start = open(type);
      std::memcpy(attributes + start + RTA_LENGTH(0), value.data(), value.size());
      header.nlmsg_len += static_cast<unsigned>(RTA_ALIGN(value.size() + 1));
      rtattr attribute{static_cast<std::uint16_t>(RTA_LENGTH(value.size() + 1)),
                       static_cast<std::uint16_t>(type)};
      std::memcpy(attributes + start, &attribute, sizeof attribute);
    }
    std::size_t open(int type) {
      const std::size_t start = header.nlmsg_len - NLMSG_LENGTH(sizeof link);
      const rtattr attribute{0, static_cast<std::uint16_t>(type)};
      std::memcpy(attributes + start, &attribute, sizeof attribute);
      header.nlmsg_len += static_cast<unsigned>(RTA_LENGTH(0));
      return start;
    }
    void skip(std::size_t size) { header.nlmsg_len += static_cast<unsigned>(RTA_ALIGN(size)); }
    void close(std::size_t start) {
      rtattr attribute;
      std::memcpy(&attribute, attributes + start, sizeof attribute);
      attribute.rta_len =
          static_cast<std::uint16_t>(header.nlmsg_len - NLMSG_LENGTH(sizeof link) - start);
      std::memcpy(attributes + start, &attribute, sizeof attribute);
    }
    /// The kernel's errno; 0: done.
    int send() {
      const sluice::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
      cr_assert(::send(socket.get(), this, header.nlmsg_len, 0) > 0);
      struct {
        nlmsghdr header;
        nlmsgerr error;
        char rest[4096];
      } answer{};
      cr_assert(::recv(socket.get(), &answer, sizeof answer, 0) > 0);
      cr_assert(answer.header.nlmsg_type == NLMSG_ERROR);
      return -answer.error.error;
    }

    nlmsghdr header{};
    ifinfomsg link{};
    alignas(4) char attributes[256]{};
  };

  static ifreq named(std::string_view name) {
    ifreq request{};
    name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    return request;
  }

  sluice::Fd control_;
};
