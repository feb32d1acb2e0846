#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocols/multicast/receiver.h"
#include "protocols/multicast/sink.h"
#include "protocols/service.h"

namespace sluice::multicast {

/// Receives what is sent to groups, and hands it on: to a file, a program, a chat room, or, where
/// none of these is asked for, the log. See protocols/multicast/README.md.
class MulticastService final : public Service {
 public:
  struct Options {
    Receiver::Options receiver = {};
    bool may_fail = false;             ///< what cannot be joined is a warning
    std::string file = {};             ///< datagrams are appended to it, as they are
    std::string program = {};          ///< a shell command that reads them
    Framing framing = Framing::lines;  ///< for the program
    CallSink::Say say = {};            ///< called with the text of each
  };

  MulticastService(Reactor& reactor, Options options);
  ~MulticastService() override;

  std::string_view name() const override { return "multicast"; }
  Started start() override;
  /// The groups, with a comma between.
  std::string address() const override;
  void drain() override;
  void abort() override;
  bool finished() const override;
  void on_finished(Callback callback) override { on_finished_ = std::move(callback); }

  Receiver& receiver() { return receiver_; }

 private:
  Started make_sinks();
  void arrived(std::span<const Received> batch);
  void stop();

  Reactor* reactor_;
  Options options_;
  Receiver receiver_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  bool stopped_ = false;
  Callback on_finished_;
};

}  // namespace sluice::multicast
