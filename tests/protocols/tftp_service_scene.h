#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocols/tftp/tftp_service.h"
#include "reactor/log.h"
#include "tests/protocols/temp_directory.h"
#include "tests/protocols/tftp_peer.h"
#include "tests/support/fake_clock.h"

/// A server whose clients are played by hand. Time stands still unless the test turns the clock.
struct TftpServiceScene {
  explicit TftpServiceScene(sluice::tftp::TftpService::Options options = {}) {
    sluice::set_log_level(sluice::LogLevel::error);
    if (options.address.family() == AF_UNSPEC) options.address = sluice::Address::loopback_v4(0);
    options.directory = directory.path();
    service.emplace(reactor, options);
    const auto started = service->start();
    cr_assert(started, "%s", started ? "" : started.error().c_str());
    server = *sluice::Address::parse(service->address());
  }
  std::string ask(Peer& client, std::string_view packet) {
    client.send(server, packet);
    return client.get(reactor);
  }
  std::string ask(std::string_view packet) { return ask(peer, packet); }
  std::string answer(std::string_view packet) {
    peer.answer(packet);
    return peer.get(reactor);
  }
  bool runs_until_idle() {
    return run_until(reactor, [this] { return service->active() == 0; });
  }
  /// Stores `contents` in blocks of 512 bytes, or as many of them as `blocks`.
  void store(std::string_view contents, std::size_t blocks = SIZE_MAX) {
    for (std::size_t block = 1; block <= contents.size() / 512 + 1 && block <= blocks; ++block) {
      const auto number = static_cast<unsigned>(block);
      cr_assert(answer(wire::data(number, contents.substr((block - 1) * 512, 512))) ==
                wire::ack(number));
    }
  }

  FakeClock clock;
  sluice::Reactor reactor{{.clock = &clock}};
  TempDirectory directory;
  std::optional<sluice::tftp::TftpService> service;
  sluice::Address server;
  Peer peer;
};
