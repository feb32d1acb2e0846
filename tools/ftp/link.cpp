#include "tools/ftp/link.h"

#include "reactor/text.h"

namespace sluice::tools {
namespace {

/// What two URLs have in common that one session serves; a NUL is in none of the parts.
std::string site_name(const FtpUrl& url) {
  constexpr char kNul = '\0';
  return concat(url.host_port, kNul, url.user, kNul, url.password.value_or(""));
}

}  // namespace

ftp::Answer<ftp::Client*> Link::client(const FtpUrl& url) {
  const std::string name = site_name(url);
  if (name != site_) {
    drop();
    auto site = site_of(url);
    if (!site) return std::unexpected(site.error());
    known_ = std::move(*site);
    site_ = name;
    stood_ = false;
  }
  if (client_ && client_->connected()) return client_.get();
  drop();
  client_ = std::make_unique<ftp::Client>(reactor_, choices_.client);
  const auto opened = wait_for<ftp::ServerReply>(
      reactor_, [&](auto done) { begin_session(*client_, *known_, std::move(done)); });
  if (!opened) {
    drop();
    return std::unexpected(opened.error());
  }
  stood_ = true;
  return client_.get();
}

void Link::drop() {
  if (client_) client_->close();
  client_.reset();
}

void Link::wait_to_retry(std::string_view what, const ftp::Failure& failure, unsigned failed) {
  drop();
  const auto pause = pause_after(failed);
  complain(choices_.command,
           concat(trouble_of(what, failure).text, "; trying again in ", pause.count(), " s"));
  bool over = false;
  const Timer timer = reactor_.after(pause, [&over] { over = true; });
  while (!over && reactor_.run_once()) {
  }
}

}  // namespace sluice::tools
