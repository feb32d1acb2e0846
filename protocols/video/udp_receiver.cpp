#include "protocols/video/datagram_receiver.h"
#include "protocols/video/udp_chunks.h"
#include "reactor/text.h"

namespace sluice::video {
namespace {

constexpr auto kSilence = std::chrono::seconds(1);

class UdpReceiver final : public DatagramReceiver {
 public:
  /// A byte more than there should be, to see those that are too long.
  UdpReceiver(Reactor& reactor, const Address& at)
      : DatagramReceiver(reactor, at, {}, chunks::kDatagramBytes + 1) {}

  std::string name() const override { return concat("udp ", address()); }
  Encoding encoding() const override { return Encoding::bgr; }

 private:
  void take(const Received& datagram) noexcept override {
    // Chunks do not say of which frame they are, and those of two senders would be mixed.
    if (datagram.from != sender_ && now() - heard_ < kSilence) {
      ++counters_.refused;
      return;
    }
    const std::uint64_t dropped = assembler_.dropped();
    switch (assembler_.take(datagram.bytes)) {
      case ChunkAssembler::Taken::refused:
        ++counters_.refused;
        return;
      case ChunkAssembler::Taken::frame:
        deliver({.bytes = SharedBytes(assembler_.picture()),
                 .encoding = Encoding::bgr,
                 .width = chunks::kWidth,
                 .height = chunks::kHeight});
        break;
      default:
        break;
    }
    counters_.lost += assembler_.dropped() - dropped;
    sender_ = datagram.from;
    heard_ = now();
  }

  ChunkAssembler assembler_;
  Address sender_;
  TimePoint heard_{};
};

}  // namespace

std::unique_ptr<Receiver> make_udp_receiver(Reactor& reactor, const Address& at) {
  return std::make_unique<UdpReceiver>(reactor, at);
}

}  // namespace sluice::video
