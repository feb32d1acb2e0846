#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocols/tftp/client.h"
#include "reactor/address.h"
#include "reactor/reactor.h"
#include "tools/client.h"
#include "tools/interrupts.h"
#include "tools/progress.h"
#include "tools/tftp/choices.h"
#include "tools/tftp/url.h"

namespace sluice::tools {

/// One file of a command: what a tftp::Client fetches into or stores from, as often as it is tried.
class TftpJob {
 public:
  virtual ~TftpJob() = default;
  virtual std::string name() const = 0;  ///< for the line of progress
  virtual std::optional<std::uint64_t> size() const { return std::nullopt; }  ///< to be told
  virtual void begin(tftp::Client& client) = 0;
  /// It was no success. Whether it can be begun anew.
  virtual bool undo() = 0;
  /// What the job itself found wrong, while the Client is there; mostly empty.
  virtual std::string fault() const { return {}; }
};

/// The loop of a command, and a tftp::Client for one file after another. Each call waits. ^C ends
/// the transfer, the server is told, and no other one begins. Not movable.
class TftpLink {
 public:
  explicit TftpLink(const TftpChoices& choices) : choices_(choices), interrupts_(reactor_) {}
  TftpLink(const TftpLink&) = delete;
  TftpLink& operator=(const TftpLink&) = delete;

  /// Every address of the host is tried until one answers; what has moved and then lost its server
  /// is begun anew --retry times, after 1, 2, 4, … seconds.
  Outcome<Transfer> run(const TftpUrl& url, TftpJob& job);

  Interrupts& interrupts() { return interrupts_; }

 private:
  tftp::Ended run_once(const TftpUrl& url, const Address& server, TftpJob& job);
  tftp::Ended run_at_any(const TftpUrl& url, std::vector<Address>& servers, TftpJob& job);
  void pause(std::chrono::seconds time);

  const TftpChoices& choices_;
  Reactor reactor_;
  Interrupts interrupts_;
  TimePoint start_{};
};

/// The sentence and the exit status of a transfer that failed.
Trouble trouble_of(const TftpUrl& url, const tftp::Ended& ended);

}  // namespace sluice::tools
