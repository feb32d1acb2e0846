#include "tools/tftp/link.h"

#include <algorithm>

#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/live_line.h"
#include "tools/path.h"
#include "tools/retry.h"

namespace sluice::tools {
namespace {

using tftp::Ended;
using Kind = Ended::Kind;

/// RFC 1350's own words for its error codes, RFC 2347's for the last.
constexpr std::string_view kWords[] = {"it does not say why",    "File not found",
                                       "Access violation",       "Disk full or allocation exceeded",
                                       "Illegal TFTP operation", "Unknown transfer ID",
                                       "File already exists",    "No such user",
                                       "Options refused"};

std::string refusal(const Ended& ended) {
  const std::size_t known = std::min<std::size_t>(ended.code, std::size(kWords));
  std::string words = printable(ended.text);
  if (words.empty()) words = known < std::size(kWords) ? kWords[known] : kWords[0];
  return concat("the server refuses: ", words, " (error ", ended.code, ")");
}

int exit_of_refusal(std::uint16_t code) {
  if (code == static_cast<std::uint16_t>(tftp::ErrorCode::not_found)) return kNoSuchFile;
  return code == static_cast<std::uint16_t>(tftp::ErrorCode::disk_full) ? kDiskFull : kFailed;
}

int exit_of_local(int code) {
  if (code == ENOENT) return kNoSuchFile;
  return code == ENOSPC || code == EDQUOT || code == EFBIG ? kDiskFull : kFailed;
}

std::string local_sentence(const Ended& ended) {
  if (!ended.text.empty()) return printable(ended.text);
  if (ended.error.code == EWOULDBLOCK) return "another program is fetching it";
  return ended.error.message();
}

bool is_of_the_network(const Ended& ended) {
  return ended.kind == Kind::silent || ended.kind == Kind::unreachable;
}

}  // namespace

Trouble trouble_of(const TftpUrl& url, const Ended& ended) {
  const auto told = [&](std::string_view sentence, int exit) {
    return Trouble{concat(shown_url(url), ": ", sentence), exit, true};
  };
  switch (ended.kind) {
    case Kind::refused:
      return told(refusal(ended), exit_of_refusal(ended.code));
    case Kind::silent:
      return told(ended.bytes > 0 ? "the server has fallen silent" : "no answer", kNetwork);
    case Kind::unreachable:
      return told(std::strerror(ended.error.code), kNetwork);
    case Kind::local:
      return told(local_sentence(ended), exit_of_local(ended.error.code));
    case Kind::nonsense:
      return told(concat("the server does not keep to the protocol: ", printable(ended.text)),
                  kFailed);
    default:
      return told("interrupted", kFailed);
  }
}

Ended TftpLink::run_once(const TftpUrl& url, const Address& server, TftpJob& job) {
  tftp::Client::Options options{.server = server, .file = url.file, .mode = url.mode};
  options.block_size = choices_.block_size;
  if (choices_.window) options.window = *choices_.window;
  if (choices_.patience) options.patience = *choices_.patience;
  if (url.mode == tftp::Mode::octet) options.size = job.size();
  std::optional<Ended> ended;
  tftp::Client client(reactor_, std::move(options), [&ended](const Ended& how) { ended = how; });
  interrupts_.on_signal([&client] { client.abort(); });
  const LiveLine shown(reactor_, [&] {
    return Transfer{job.name(), client.bytes(), job.size() ? job.size() : client.total(), 0,
                    std::chrono::steady_clock::now() - start_};
  });
  job.begin(client);
  while (!ended) {
    if (auto turned = reactor_.run_once(); !turned) {
      ended = Ended{.kind = Kind::local, .error = turned.error()};
    }
  }
  interrupts_.on_signal({});
  if (ended->kind == Kind::local) ended->text = job.fault();
  if (ended->kind != Kind::whole && interrupts_.came()) ended->kind = Kind::aborted;
  return std::move(*ended);
}

Ended TftpLink::run_at_any(const TftpUrl& url, std::vector<Address>& servers, TftpJob& job) {
  for (std::size_t i = 0;; ++i) {
    Ended ended = run_once(url, servers[i], job);
    const bool answered = !is_of_the_network(ended) || ended.bytes > 0;
    if (answered) servers = {Address(servers[i])};
    if (answered || i + 1 == servers.size() || !job.undo()) return ended;
  }
}

Outcome<Transfer> TftpLink::run(const TftpUrl& url, TftpJob& job) {
  auto servers = resolve(url.host_port);
  if (!servers) {
    // The operation is a sentence already: see resolve().
    return std::unexpected(
        Trouble{concat(shown_url(url), ": ", servers.error().operation), kNetwork, true});
  }
  for (unsigned failed = 0;;) {
    if (interrupts_.came()) return std::unexpected(trouble_of(url, {.kind = Kind::aborted}));
    start_ = std::chrono::steady_clock::now();
    const Ended ended = run_at_any(url, *servers, job);
    if (ended.kind == Kind::whole) {
      return Transfer{job.name(), ended.bytes, std::nullopt, 0,
                      std::chrono::steady_clock::now() - start_};
    }
    const Trouble why = trouble_of(url, ended);
    const bool passing = is_of_the_network(ended) && ended.bytes > 0;
    if (!job.undo() || !passing || failed == choices_.retry) return std::unexpected(why);
    const auto time = pause_after(failed++);
    complain(choices_.command, concat(why.text, "; trying again in ", time.count(), " s"));
    pause(time);
  }
}

void TftpLink::pause(std::chrono::seconds time) {
  bool over = false;
  const Timer timer = reactor_.after(time, [&over] { over = true; });
  while (!over && !interrupts_.came() && reactor_.run_once()) {
  }
}

}  // namespace sluice::tools
