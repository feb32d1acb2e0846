#include "protocols/video/datagram_receiver.h"
#include "protocols/video/rtp_jpeg.h"
#include "reactor/text.h"

namespace sluice::video {
namespace {

class RtpReceiver final : public DatagramReceiver {
 public:
  RtpReceiver(Reactor& reactor, const Address& at, std::string interface)
      : DatagramReceiver(reactor, at, std::move(interface), limits::kDatagramBytes) {}

  std::string name() const override { return concat("rtp ", address()); }
  Encoding encoding() const override { return Encoding::jpeg; }

 private:
  void take(const Received& datagram) noexcept override {
    const auto taken = depacketizer_.take(datagram.bytes);
    counters_.refused = depacketizer_.refused();
    counters_.lost = depacketizer_.dropped();
    if (taken != RtpDepacketizer::Taken::frame) return;
    deliver({.bytes = SharedBytes(depacketizer_.picture()),
             .width = depacketizer_.width(),
             .height = depacketizer_.height()});
  }

  RtpDepacketizer depacketizer_;
};

}  // namespace

std::unique_ptr<Receiver> make_rtp_receiver(Reactor& reactor, const Address& at,
                                            std::string interface) {
  return std::make_unique<RtpReceiver>(reactor, at, std::move(interface));
}

}  // namespace sluice::video
