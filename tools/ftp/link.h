#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tools/ftp/choices.h"
#include "tools/ftp/session.h"
#include "tools/progress.h"
#include "tools/retry.h"

namespace sluice::tools {

/// The session of a command that does one thing at a time: made when it is first needed, used for
/// all URLs of one site, made again when the network fails. Each call waits. Not movable.
class Link {
 public:
  Link(Reactor& reactor, const Choices& choices) : reactor_(reactor), choices_(choices) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { drop(); }

  /// A session with the URL's site that has logged in.
  ftp::Answer<ftp::Client*> client(const FtpUrl& url);
  void drop();

  /// One try at a transfer.
  struct Try {
    ftp::Answer<Transfer> answer;
    bool moved = false;      ///< bytes came or went
    bool repeatable = true;  ///< what was read can be read again
  };

  /// Calls `attempt(client)` until it succeeds, fails for good, or the network has failed --retry
  /// times in a row without a byte: after 1, 2, 4, … seconds each. A server that was never there is
  /// not tried again. `what` is named in the complaints.
  template <class Attempt>
  ftp::Answer<Transfer> repeat(const FtpUrl& url, std::string_view what, Attempt attempt) {
    for (unsigned failed = 0;;) {
      auto open = client(url);
      if (!open && !stood_) return std::unexpected(open.error());
      Try tried = open ? attempt(**open) : Try{.answer = std::unexpected(open.error())};
      if (tried.answer || !tried.repeatable || !is_passing(tried.answer.error())) {
        return std::move(tried.answer);
      }
      if (tried.moved) failed = 0;
      if (failed >= choices_.retry) return std::move(tried.answer);
      wait_to_retry(what, tried.answer.error(), failed++);
    }
  }

 private:
  bool is_passing(const ftp::Failure& failure) const {
    return failure.kind == ftp::Failure::Kind::network;
  }
  void wait_to_retry(std::string_view what, const ftp::Failure& failure, unsigned failed);

  Reactor& reactor_;
  const Choices& choices_;
  std::unique_ptr<ftp::Client> client_;
  std::string site_;           // of client_
  std::optional<Site> known_;  // of site_, so that nobody is asked twice for a password
  bool stood_ = false;         // a session with it
};

}  // namespace sluice::tools
