#pragma once

#include <string>

#include "protocols/video/receivers.h"
#include "reactor/datagram.h"

namespace sluice::video {

/// What both receivers of datagrams have in common: the socket, the groups, the numbers.
class DatagramReceiver : public Receiver, private DatagramHandler {
 public:
  DatagramReceiver(Reactor& reactor, const Address& at, std::string interface,
                   std::size_t max_bytes);

  Started start(FrameSink& sink) override;
  ReceiverCounters counters() const override { return counters_; }
  std::string address() const override { return socket_.address().to_string(); }

 protected:
  /// One datagram; its bytes are gone on return.
  virtual void take(const Received& datagram) noexcept = 0;
  /// Gives `frame` its number and time, and hands it on.
  void deliver(Frame frame);
  TimePoint now() const { return reactor_->now(); }

  ReceiverCounters counters_;

 private:
  void on_datagrams(Datagram& socket, std::span<const Received> batch) noexcept override;
  Started join();

  Reactor* reactor_;
  Address at_;
  std::string interface_;
  std::size_t max_bytes_;
  FrameSink* sink_ = nullptr;
  Datagram socket_;
};

}  // namespace sluice::video
