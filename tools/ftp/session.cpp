#include "tools/ftp/session.h"

#include <strings.h>

#include <cerrno>

#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/terminal/password.h"

namespace sluice::tools {
namespace {

using Kind = ftp::Failure::Kind;

bool is_full(int code) {
  return code == ENOSPC || code == EDQUOT || code == EFBIG;
}

int exit_of(const ftp::Failure& failure) {
  switch (failure.kind) {
    case Kind::login:
      return kLoginRefused;
    case Kind::not_found:
      return kNoSuchFile;
    case Kind::network:
      return kNetwork;
    case Kind::remote_full:
      return kDiskFull;
    case Kind::local:
      if (failure.error.code == ENOENT) return kNoSuchFile;
      return is_full(failure.error.code) ? kDiskFull : kFailed;
    default:
      return kFailed;
  }
}

}  // namespace

Trouble trouble_of(std::string_view what, const ftp::Failure& failure) {
  return {concat(printable(what), ": ", failure.sentence()), exit_of(failure), true};
}

Trouble trouble_at(const FtpUrl& url, std::string_view path, const ftp::Failure& failure) {
  const bool of_session = failure.kind == Kind::login || failure.kind == Kind::network;
  return trouble_of(of_session ? shown_url(url) : path, failure);
}

ftp::Answer<Site> site_of(const FtpUrl& url) {
  auto addresses = resolve(url.host_port);
  if (!addresses) {
    // The operation is a sentence already: see resolve().
    return std::unexpected(
        ftp::Failure{.kind = Kind::network, .text = addresses.error().operation});
  }
  Site site{std::move(*addresses), {}};
  if (url.user.empty()) return site;
  site.login.user = url.user;
  // An anonymous one gives no password but what it likes.
  const bool anonymous = ::strcasecmp(url.user.c_str(), "anonymous") == 0 || url.user == "ftp";
  if (url.password) {
    site.login.password = *url.password;
  } else if (!anonymous) {
    auto password = ask_password(
        concat("Password for ", printable(url.user), " at ", printable(url.host_port), ": "));
    if (!password) {
      return std::unexpected(ftp::Failure{.kind = Kind::login, .text = password.error()});
    }
    site.login.password = std::move(*password);
  }
  return site;
}

void begin_session(ftp::Client& client, const Site& site, ftp::Client::OnReply done) {
  // Both in one place, so that a closure holds no more than it has room for.
  struct Steps {
    ftp::Client::Login login;
    ftp::Client::OnReply done;
  };
  auto steps = std::make_unique<Steps>(site.login, std::move(done));
  client.connect(site.addresses,
                 [&client, steps = std::move(steps)](ftp::Answer<ftp::ServerReply> greeting) {
                   if (!greeting) return steps->done(std::move(greeting));
                   client.login(std::move(steps->login), std::move(steps->done));
                 });
}

ftp::Answer<ftp::ServerReply> open_session(Reactor& reactor, ftp::Client& client,
                                           const FtpUrl& url) {
  const auto site = site_of(url);
  if (!site) return std::unexpected(site.error());
  return wait_for<ftp::ServerReply>(
      reactor, [&](auto done) { begin_session(client, *site, std::move(done)); });
}

}  // namespace sluice::tools
