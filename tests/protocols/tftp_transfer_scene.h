#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/tftp/transfer.h"
#include "tests/protocols/tftp_peer.h"
#include "tests/support/fake_clock.h"

/// A transfer whose peer is played by hand. Time stands still unless the test turns the clock.
struct TransferScene {
  void open(sluice::tftp::Terms terms, std::vector<std::byte> opening) {
    transfer_options.local = sluice::Address::loopback_v4(0);
    transfer_options.peer = peer.self();
    transfer_options.most = terms;
    const auto on_end = [this](sluice::tftp::Transfer& which) {
      states.push_back(which.state());
      cr_assert(&which == transfer.get());
    };
    transfer = source ? std::make_unique<sluice::tftp::Transfer>(
                            reactor, std::move(transfer_options), *source, on_end)
                      : std::make_unique<sluice::tftp::Transfer>(
                            reactor, std::move(transfer_options), sink, on_end);
    cr_assert(transfer->open());
    cr_assert(transfer->begin(terms, std::move(opening)));
  }
  void send_file(std::string contents, sluice::tftp::Terms terms = {}) {
    source.emplace(std::move(contents));
    open(terms, {});
  }
  void receive_file(sluice::tftp::Terms terms = {}) {
    std::vector<std::byte> opening;
    sluice::tftp::put_ack(opening, 0);
    open(terms, opening);
    cr_assert(peer.get(reactor) == wire::ack(0));
  }
  void answer(std::string_view packet) { peer.answer(packet); }
  bool runs_until_ended() {
    return run_until(reactor, [this] { return !states.empty(); });
  }
  const sluice::tftp::Ended& ended() const { return transfer->ended(); }

  FakeClock clock;
  sluice::Reactor reactor{{.clock = &clock}};
  Peer peer;
  std::optional<StringSource> source;
  StringSink sink;
  sluice::tftp::Transfer::Options transfer_options;
  std::vector<sluice::tftp::Transfer::State> states;
  std::unique_ptr<sluice::tftp::Transfer> transfer;
};
