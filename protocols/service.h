#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "reactor/callback.h"

namespace sluice {

/// Nothing, or a sentence for a person that says what could not be had and why.
using Started = std::expected<void, std::string>;

/// What a service has done since it started.
struct ServiceCounters {
  std::uint64_t connections = 0;  ///< accepted
  std::uint64_t failures = 0;     ///< of them, ended by an error, the peer's or ours
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;  ///< sent, or queued to be
};

/// One network service of a process: what `sluice serve` starts, lists, drains and ends, and what
/// an embedding program makes with the options of its kind. The Reactor must outlive it.
class Service {
 public:
  virtual ~Service() = default;
  virtual std::string_view name() const = 0;

  /// Takes its address and its files; serves from the next turn on. Called once.
  virtual Started start() = 0;
  /// Where it listens, with the port that was chosen.
  virtual std::string address() const = 0;

  /// Reads its files anew that an administrator may have changed; as it stands, it has none.
  virtual void reload() {}

  /// Takes no more clients, lets those in the middle of something finish, ends the others.
  virtual void drain() = 0;
  /// Ends all at once. Unfinished files stay as partials or vanish; none gets its final name.
  virtual void abort() = 0;
  /// True when it takes no clients any more and the last one has gone.
  virtual bool finished() const = 0;
  /// `callback` is called when finished() becomes true.
  virtual void on_finished(Callback callback) = 0;

  const ServiceCounters& counters() const { return counters_; }

 protected:
  ServiceCounters counters_;
};

}  // namespace sluice
