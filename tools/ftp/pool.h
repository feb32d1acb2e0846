#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "protocols/ftp/client.h"
#include "reactor/reactor.h"
#include "tools/ftp/choices.h"
#include "tools/ftp/session.h"

namespace sluice::tools {

/// A piece of work over one session. The Pool owns it.
class PoolJob {
 public:
  virtual ~PoolJob() = default;

  using Outcome = std::optional<ftp::Failure>;  ///< nothing: it is done
  struct Calls {
    Function<void(Outcome)> done;  ///< once, never from inside start()
    Callback free;  ///< may be called before: nothing but replies is waited for any more
  };
  /// Begins, or begins again after the network has failed.
  virtual void start(ftp::Client& client, Calls calls) = 0;
  /// It came to nothing, for good. Else done() was.
  virtual void failed(const ftp::Failure& failure) = 0;
  virtual void done() = 0;
  /// Bytes of a file so far, and whether the latest try moved some.
  virtual std::uint64_t bytes() const { return 0; }
  virtual bool moved() const { return false; }

  unsigned failures = 0;  ///< of the network, in a row: the Pool's
};

/// Up to `choices.parallel` sessions with one site, all on the one thread, and the jobs that wait
/// for one. The first connects at the first job; others once that has logged in and there is work
/// for them.
///
///     off ──▶ connecting ──▶ ready ◀──▶ busy
///      ▲          │            └── lost ──┐
///      └─ pause ◀─┴───────────────────────┘
///
/// A session that the server does not want retires while another lives. When the network fails the
/// jobs of that session are queued again, at most `choices.retry` times in a row without a byte,
/// and the session made anew after 1, 2, 4, … seconds. When no session is left, over() says why.
/// Not movable.
class Pool {
 public:
  Pool(Reactor& reactor, const Choices& choices, Site site);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  enum class Kind : bool { transfer, directory };
  /// Directories go first as long as few transfers wait.
  void add(Kind kind, std::unique_ptr<PoolJob> job);

  /// All done, or over().
  bool finished() const;
  const std::optional<ftp::Failure>& over() const { return over_; }
  /// Ends all sessions; what waits is thrown away. Not from inside a job's start().
  void stop(ftp::Failure why);

  std::size_t waiting() const { return transfers_.size() + directories_.size(); }
  /// Of the jobs that run.
  std::uint64_t bytes() const;

 private:
  struct Running {
    std::unique_ptr<PoolJob> job;
    Kind kind;
  };
  struct Worker {
    enum class State : std::uint8_t { off, connecting, ready, busy, lost, retired };
    State state = State::off;
    std::unique_ptr<ftp::Client> client;
    std::vector<std::unique_ptr<Running>> running;  // the last may be busy, others wait for replies
    unsigned failures = 0;                          // in a row
    ftp::Failure why{};                             // it was lost
    Timer pause;
  };

  void turn();
  void connect(Worker& worker);
  void on_session(Worker& worker, const ftp::Answer<ftp::ServerReply>& answer);
  void start(Worker& worker);
  void on_done(Worker& worker, Running* which, PoolJob::Outcome outcome);
  void on_free(Worker& worker, const Running* which);
  void settle(std::unique_ptr<Running> running, const ftp::Failure& failure);
  void make_anew(Worker& worker, const ftp::Failure& failure);
  void retire(Worker& worker, const ftp::Failure& failure);
  void drop(Worker& worker);
  std::unique_ptr<Running> next();
  std::size_t living() const;

  Reactor& reactor_;
  const Choices& choices_;
  Site site_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::deque<std::unique_ptr<PoolJob>> transfers_, directories_;
  std::optional<ftp::Failure> over_;
  bool stood_ = false;    // a session
  bool turning_ = false;  // turn() is running
};

}  // namespace sluice::tools
