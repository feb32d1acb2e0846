#pragma once

#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "reactor/datagram.h"
#include "reactor/limits.h"

namespace sluice {

/// Where recvmmsg(2) puts a batch: the memory and the headers that all Datagrams of a Reactor
/// share, so that an idle socket owns none. Pages that nothing was ever written to take no memory.
class DatagramSlots {
 public:
  static constexpr std::size_t kControlBytes = 160;  // of all that Options ask for at once

  /// Null when there is no memory.
  static std::unique_ptr<DatagramSlots> make() {
    void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    return std::unique_ptr<DatagramSlots>(new DatagramSlots(static_cast<std::byte*>(memory)));
  }
  DatagramSlots(const DatagramSlots&) = delete;
  DatagramSlots& operator=(const DatagramSlots&) = delete;
  ~DatagramSlots() { munmap(memory_, kBytes); }

  /// Headers for `count` datagrams of up to `bytes` each.
  std::span<mmsghdr> prepare(std::size_t count, std::size_t bytes, bool control) {
    const std::size_t stride = bytes + kStagger;
    for (std::size_t i = 0; i < count; ++i) {
      pieces_[i] = {memory_ + i * stride, bytes};
      msghdr& header = headers_[i].msg_hdr;
      header.msg_name = received[i].from.to_fill();
      header.msg_namelen = Address::kIpBytes;
      header.msg_iov = &pieces_[i];
      header.msg_iovlen = 1;
      header.msg_control = control ? controls_[i].bytes : nullptr;
      header.msg_controllen = control ? kControlBytes : 0;
    }
    return {headers_.data(), count};
  }

  std::array<Received, limits::kDatagramBatch> received;

 private:
  /// Datagrams as large as they may be do not all begin in the same lines of the cache.
  static constexpr std::size_t kStagger = 128;
  static constexpr std::size_t kBytes =
      limits::kDatagramBatch * (limits::kDatagramBytes + kStagger);
  struct Control {
    alignas(cmsghdr) std::byte bytes[kControlBytes];
  };

  explicit DatagramSlots(std::byte* memory) : memory_(memory) {}

  std::byte* memory_;
  std::array<mmsghdr, limits::kDatagramBatch> headers_{};
  std::array<iovec, limits::kDatagramBatch> pieces_;
  std::array<Control, limits::kDatagramBatch> controls_;
};

}  // namespace sluice
