#pragma once

#include "protocols/tcp_service.h"

namespace sluice::words {

/// The English word for a whole number from 1 to 10, blanks around it allowed; for anything else
/// the sentence `error: expected a whole number from 1 to 10`.
std::string_view answer(std::string_view request);

/// Answers numbers with their words. Requests need no terminator (see GapFramer); an answer ends in
/// a newline exactly when its request did. The connection stays open until the client ends it.
class WordsService final : public TcpService {
 public:
  /// `gap`: how long nothing more must come for a request without a newline to be complete.
  WordsService(Reactor& reactor, const Address& address,
               Duration gap = std::chrono::milliseconds(50))
      : TcpService(reactor, {.address = address}), gap_(gap) {}
  std::string_view name() const override { return "words"; }
  Duration gap() const { return gap_; }

 protected:
  std::unique_ptr<Session> make_session(Fd socket, const Address& peer) override;

 private:
  Duration gap_;
};

}  // namespace sluice::words
