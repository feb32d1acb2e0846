#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/ftp/client.h"
#include "reactor/address.h"
#include "reactor/reactor.h"
#include "tools/client.h"
#include "tools/ftp/url.h"
#include "tools/path.h"

/// What the commands `ftp`, `get` and `put` have in common around a ftp::Client.
namespace sluice::tools {

/// The most that one pattern may name: what a server sends is held until it is sorted.
inline constexpr std::size_t kMaxMatches = 1'000'000;

/// Runs the loop until `begin(done)` has called its `done`, and returns what it was called with.
/// For programs that do one thing at a time: never from inside a callback.
template <class T, class Begin>
ftp::Answer<T> wait_for(Reactor& reactor, Begin&& begin) {
  // Shared, as after a failure of the loop itself `done` may be called later than this returns.
  const auto answer = std::make_shared<std::optional<ftp::Answer<T>>>();
  std::forward<Begin>(begin)([answer](ftp::Answer<T> came) { answer->emplace(std::move(came)); });
  while (!*answer) {
    if (auto turned = reactor.run_once(); !turned) {
      return std::unexpected(ftp::Failure{ftp::Failure::Kind::local, turned.error()});
    }
  }
  return std::move(**answer);
}

/// The sentence and the exit status of a failure; `what` is what it is about: a path, the host.
Trouble trouble_of(std::string_view what, const ftp::Failure& failure);

/// The same of something at a URL: what keeps a session from being is about the server.
Trouble trouble_at(const FtpUrl& url, std::string_view path, const ftp::Failure& failure);

/// A server and who logs in there.
struct Site {
  std::vector<Address> addresses;
  ftp::Client::Login login;
};

/// Looks the host up, which may block, and asks for a password that is missing, on the terminal.
ftp::Answer<Site> site_of(const FtpUrl& url);

/// Connects and logs in; `done` with the reply to the log-in. `client` outlives it; `site` is read
/// inside the call only.
void begin_session(ftp::Client& client, const Site& site, ftp::Client::OnReply done);

/// All of it, waiting: the reply to the log-in. Anonymous when the URL names no user. May be called
/// for a Client that has lost its connection only if the Client takes a second connect().
ftp::Answer<ftp::ServerReply> open_session(Reactor& reactor, ftp::Client& client,
                                           const FtpUrl& url);

}  // namespace sluice::tools
