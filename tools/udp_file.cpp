#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocols/files/name.h"
#include "protocols/udpfile/receiver.h"
#include "protocols/udpfile/sender.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/client.h"
#include "tools/progress.h"
#include "tools/run_loop.h"

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kName = "udp-file";
constexpr std::string_view kDefaultAt = "127.0.0.1:5006";
constexpr auto kProgressEvery = 100ms;
constexpr auto kForEver = std::chrono::hours(24 * 365 * 30);

std::string digest_text(const files::Sha256::Digest& digest) {
  return concat("SHA-256 ", files::to_hex(digest));
}

struct Source {
  Fd file;
  std::string name;
  std::uint64_t size = 0;
};

Outcome<Source> open_source(std::string_view path) {
  const std::string name(path);
  const auto wrong = [&](int error) {
    return trouble(concat("cannot read ", name, ": ", std::strerror(error)),
                   error == ENOENT ? kNoSuchFile : kFailed);
  };
  Source source{Fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)), {}, 0};
  struct stat status{};
  if (!source.file || ::fstat(source.file.get(), &status) != 0) return wrong(errno);
  if (S_ISDIR(status.st_mode)) return wrong(EISDIR);
  if (!S_ISREG(status.st_mode)) {
    return trouble(concat("cannot send ", name, ": not a regular file"));
  }
  source.name = name.substr(name.rfind('/') + 1);
  source.size = static_cast<std::uint64_t>(status.st_size);
  return source;
}

/// Why it failed, for a person.
std::string failure_text(const udpfile::Sender& sender, std::string_view peer) {
  using Failure = udpfile::Sender::Failure;
  switch (sender.failure()) {
    case Failure::refused:
      return concat(peer, ": connection refused: nobody receives on that port");
    case Failure::unanswered:
      return concat(peer, ": no OK came for the name",
                    sender.other_answer().empty() ? "" : ", but: ", sender.other_answer());
    case Failure::gone:
      return concat(peer, ": the receiver went away after ", sender.bytes(), " bytes were sent");
    case Failure::unreadable:
      return concat("cannot read on after ", sender.bytes(),
                    " bytes: ", std::strerror(sender.error().code));
    default:
      return concat(peer, ": ", std::strerror(sender.error().code));
  }
}

/// One file to one address, from the start to the end of its loop. `another` becomes true when
/// nothing was sent, so that another address of the same host may do.
Outcome<void> send_to(Source& source, const udpfile::Sender::Options& options,
                      std::string_view shown, bool& another) {
  using Failure = udpfile::Sender::Failure;
  Reactor reactor;
  Fd file(::fcntl(source.file.get(), F_DUPFD_CLOEXEC, 0));
  if (!file) return trouble(std::strerror(errno));
  udpfile::Sender sender(reactor, std::move(file), options);
  if (auto started = sender.start([&reactor] { reactor.stop(); }); !started) {
    another = true;
    return trouble(concat(shown, ": ", std::strerror(started.error().code)), kNetwork);
  }
  Progress progress(printable(source.name), source.size);
  std::uint64_t drawn = 0;
  const Timer draw = reactor.every(kProgressEvery, [&] {
    progress.add(sender.bytes() - drawn);
    drawn = sender.bytes();
  });
  const auto ended = run_loop(reactor);
  progress.clear();
  if (!ended) return trouble(ended.error());
  if (*ended == Ended::signal) {
    return trouble(concat("interrupted after ", sender.bytes(), " bytes"));
  }
  if (sender.state() == udpfile::Sender::State::done) {
    return put_line(concat(printable(source.name), ": sent ", sender.bytes(), " bytes in ",
                           sender.datagrams(), " datagrams, ", digest_text(sender.digest())));
  }
  another = sender.failure() == Failure::refused ||
            (sender.failure() == Failure::unreachable && sender.bytes() == 0);
  return trouble(failure_text(sender, shown),
                 sender.failure() == Failure::unreadable ? kFailed : kNetwork);
}

int send(const Arguments& arguments) {
  const auto& operands = arguments.operands;
  if (operands.size() < 3) return misused(kName, "send FILE HOST:PORT: an argument is missing");
  if (operands.size() > 3) return misused(kName, "too many arguments");
  udpfile::Sender::Options options;
  const auto size =
      number_option(arguments, "--size", options.datagram, 16, udpfile::kMaxDatagramBytes);
  if (!size) return misused(kName, size.error());
  const auto rate = number_option(arguments, "--rate", options.rate, 0, UINT64_MAX);
  if (!rate) return misused(kName, rate.error());
  if (*rate != 0 && *rate < udpfile::Sender::kMinRate) {
    return misused(kName, concat("--rate takes 0 or at least ", udpfile::Sender::kMinRate));
  }
  options.datagram = *size;
  options.rate = *rate;
  const auto addresses = resolve(operands[2]);
  if (!addresses) {
    const bool usage = addresses.error().code == EINVAL;
    return report(kName, {concat(printable(operands[2]), ": ", addresses.error().operation),
                          usage ? kWrongUsage : kNetwork, true});
  }
  auto source = open_source(operands[1]);
  if (!source) return report(kName, source.error());
  options.name = source->name;
  Outcome<void> done = trouble("no address", kNetwork);
  for (const Address& address : *addresses) {
    options.peer = address;
    bool another = false;
    done = send_to(*source, options, operands[2], another);
    if (!another) break;
  }
  return done ? kOk : report(kName, done.error());
}

bool is_full(int code) {
  return code == ENOSPC || code == EDQUOT;
}

/// Says what came, and what of it nobody can know.
class FileReceiver final : public udpfile::ReceiverHandler {
 public:
  FileReceiver(Reactor& reactor, std::optional<std::uint64_t> expected, bool forever)
      : reactor_(&reactor), expected_(expected), forever_(forever) {}

  void on_file(const udpfile::Outcome& file) noexcept override {
    status_ = tell(file);
    ended_ = true;
    if (!forever_) reactor_->stop();
  }

  void on_refused(const Address& from, std::string_view name,
                  std::string_view why) noexcept override {
    // Whatever it was, a person reads a line of it.
    complain(kName, concat("refused ", name.substr(0, 100), name.size() > 100 ? "…" : "", " from ",
                           from, ": ", why));
  }

  bool ended() const { return ended_; }
  int status() const { return status_; }

 private:
  int tell(const udpfile::Outcome& file) const {
    const std::string name = printable(file.name);
    if (file.error) {
      complain(kName, concat(name, ": ", std::strerror(file.error.code), " after ", file.bytes,
                             " bytes; nothing was saved"));
      return is_full(file.error.code) ? kDiskFull : kFailed;
    }
    if (!file.saved) {
      return complain(kName, concat(name, ": ", file.bytes, " bytes came and not ",
                                    expected_.value_or(0), "; nothing was saved"));
    }
    if (print(concat(name, ": ", file.bytes, " bytes in ", file.datagrams, " datagrams, ",
                     digest_text(file.digest), '\n')) != kOk) {
      return kFailed;
    }
    if (file.renamed > 0 && !expected_) {
      complain(kName, concat(name, ": ", file.renamed,
                             " datagrams read like the name and were taken for it"));
    }
    if (file.looks_whole) return kOk;
    if (file.dropped > 0) {
      complain(kName, concat(name, ": ", file.dropped,
                             " datagrams were dropped here: it came faster than it was read"));
    }
    if (!file.end_seen) complain(kName, concat(name, ": its end was not seen"));
    return complain(kName, concat(name, ": saved, but nobody can know that it is whole"));
  }

  Reactor* reactor_;
  std::optional<std::uint64_t> expected_;
  bool forever_;
  bool ended_ = false;
  int status_ = kOk;
};

int receive_at(const Address& at, const Arguments& arguments, std::uint64_t wait,
               std::optional<std::uint64_t> expected) {
  auto directory = files::Directory::open(".");
  auto writable = directory ? directory->check_writable() : std::unexpected(directory.error());
  if (!writable) {
    complain(kName, concat("cannot write here: ", std::strerror(writable.error().code)));
    return is_full(writable.error().code) ? kDiskFull : kFailed;
  }
  // What an earlier run left when it was ended by force.
  (void)files::clean_stale(*directory, kForEver);
  const bool forever = arguments.has("--forever");
  Reactor reactor;
  FileReceiver handler(reactor, expected, forever);
  udpfile::Receiver::Options options{.address = at,
                                     .replace = arguments.has("--force"),
                                     .hidden = arguments.has("--hidden"),
                                     .expected = expected};
  udpfile::Receiver receiver(reactor, handler, *directory, std::move(options));
  if (auto opened = receiver.open(); !opened) {
    const std::string hint = opened.error().code == EADDRINUSE ? bind_hint(at) : std::string();
    complain(kName, concat(opened.error().message(at.to_string()), hint.empty() ? "" : "; ", hint));
    return kFailed;
  }
  bool in_vain = false;
  Timer patience;
  if (wait > 0) {
    patience = reactor.after(std::chrono::seconds(wait), [&] {
      if (receiver.receiving() || handler.ended()) return;
      in_vain = true;
      reactor.stop();
    });
  }
  const std::string announce = concat("listening on ", receiver.address());
  const auto ended = run_loop(reactor, {.at_most = {}, .announce = announce});
  if (!ended) return complain(kName, ended.error());
  if (in_vain) {
    complain(kName, concat("no file came within ", wait, " s"));
    return kNetwork;
  }
  if (*ended == Ended::signal) {
    if (receiver.receiving()) {
      return complain(kName, concat("interrupted after ", receiver.bytes(), " bytes of ",
                                    receiver.name(), "; nothing of it was saved"));
    }
    return forever ? kOk : complain(kName, "interrupted");
  }
  return handler.status();
}

int receive(const Arguments& arguments) {
  if (arguments.operands.size() > 2) return misused(kName, "too many arguments");
  const std::string_view text = arguments.operands.size() == 2 ? arguments.operands[1] : kDefaultAt;
  const auto at = Address::parse(text);
  if (!at) return misused(kName, concat(text, ": ", at.error().operation));
  if (at->family() == AF_UNIX) return misused(kName, concat(text, " is no address of UDP"));
  std::optional<std::uint64_t> expected;
  if (arguments.has("--expect")) {
    const auto bytes = number_option(arguments, "--expect", 0, 0, UINT64_MAX);
    if (!bytes) return misused(kName, bytes.error());
    expected = *bytes;
  }
  const auto wait = number_option(arguments, "--wait", 0, 1, 1'000'000'000);
  if (!wait) return misused(kName, wait.error());
  return receive_at(*at, arguments, *wait, expected);
}

int run(const Arguments& arguments) {
  constexpr std::string_view kOfSend[] = {"--size", "--rate"};
  constexpr std::string_view kOfReceive[] = {"--force", "--hidden", "--forever", "--expect",
                                             "--wait"};
  if (arguments.operands.empty()) return misused(kName, "send or receive?");
  const std::string_view verb = arguments.operands[0];
  if (verb != "send" && verb != "receive") {
    return misused(kName, concat("send or receive, not ", verb));
  }
  const bool sends = verb == "send";
  const std::span<const std::string_view> others =
      sends ? std::span<const std::string_view>(kOfReceive) : kOfSend;
  for (const std::string_view other : others) {
    if (arguments.has(other)) {
      return misused(kName, concat(other, " goes with ", sends ? "receive" : "send"));
    }
  }
  return sends ? send(arguments) : receive(arguments);
}

constexpr Option kOptions[] = {
    {"--size", "BYTES", "send so many in a datagram (1024, which the lecture's receiver takes)"},
    {"--rate", "BYTES", "send so many a second (4000000); 0: as fast as the kernel takes them"},
    {"--force", "", "receive a file although there is one of its name"},
    {"--hidden", "", "receive names with a leading dot"},
    {"--expect", "BYTES", "receive so many or save nothing"},
    {"--wait", "SECONDS", "end, with status 5, when no file has begun by then"},
    {"--forever", "", "receive one file after the other, until ^C"},
    {"", "", "Nothing in this protocol shows a loss. When the end of a file is not seen, or"},
    {"", "", "datagrams were dropped here, it is saved, and the status is 1: nobody can know"},
    {"", "", "that it is whole. Compare the SHA-256 at both ends; tftp and drop do better."},
};

}  // namespace

const Command kUdpFile{"udp-file", "udp-file send FILE HOST:PORT | udp-file receive [ADDRESS:PORT]",
                       "Sends a file as bare datagrams, or receives one into this directory.",
                       kOptions, run};

}  // namespace sluice::tools
