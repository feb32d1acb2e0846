#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/files/tree.h"
#include "protocols/service.h"
#include "protocols/tftp/serving.h"
#include "protocols/tftp/transfer.h"
#include "reactor/address.h"
#include "reactor/datagram.h"
#include "reactor/reactor.h"

namespace sluice::tftp {

/// A TFTP server on one address, for the files of one directory. See protocols/tftp/README.md.
class TftpService final : public Service, private DatagramHandler {
 public:
  struct Options {
    Address address{};
    std::string directory{};
    bool writable = false;                ///< takes new files
    bool may_replace = false;             ///< and, with `writable`, files in the place of others
    std::uint64_t max_size = UINT64_MAX;  ///< of a file that is written, bytes
    std::size_t max_transfers = 1000;     ///< at once
    std::size_t max_per_address = 100;    ///< but for loopback, unless `bound_loopback`
    bool bound_loopback = false;
    std::uint16_t max_block = kMaxBlock;  ///< larger ones that are asked for become this
    std::uint16_t max_window = 64;
    Duration patience = std::chrono::seconds(25);  ///< without a word before a client has gone
    bool sync = false;
  };

  TftpService(Reactor& reactor, Options options);
  ~TftpService() override;

  std::string_view name() const override { return "tftp"; }
  Started start() override;
  std::string address() const override;
  /// Waits for what is transferred, not for who only dallies.
  void drain() override;
  void abort() override;
  bool finished() const override;
  void on_finished(Callback callback) override;

  /// Transfers that run.
  std::size_t active() const { return running_.size(); }

 private:
  using Table = std::map<Address, std::unique_ptr<Serving>>;  // by the client's transfer id

  void on_datagrams(Datagram& socket, std::span<const Received> batch) noexcept override;
  void request(const Request& request, const Received& received);
  std::optional<Refusal> too_many(const Address& from) const;
  std::optional<Refusal> prepare(Serving& running, const Request& request);
  Result<void> begin(Serving& running, const Request& request, const Received& received);
  void refuse(const Received& received, const Refusal& refusal);
  void ended(Serving& running);
  void remove(Table::iterator place);
  void tell_finished();

  Reactor* reactor_;
  Options options_;
  std::optional<files::Tree> tree_;
  Datagram socket_;
  Table running_;
  std::deque<std::unique_ptr<Serving>> dallying_;
  std::vector<std::byte> packet_;
  bool closed_ = true;
  Callback on_finished_;
};

}  // namespace sluice::tftp
