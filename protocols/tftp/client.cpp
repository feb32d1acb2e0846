#include "protocols/tftp/client.h"

#include <algorithm>

#include "protocols/tftp/text_ends.h"

namespace sluice::tftp {
namespace {

/// What passes through every tunnel on the way, too.
constexpr std::uint16_t kSafeBlock = 1428;

std::uint16_t fitting_block(const Address& server) {
  const std::uint16_t largest = largest_block(server);
  return largest == kMaxBlock ? largest : std::min(largest, kSafeBlock);
}

/// Old servers that take options for a mistake say so by one of these.
bool refuses_options(const Ended& ended) {
  return ended.kind == Ended::Kind::refused && ended.bytes == 0 &&
         (ended.code == static_cast<std::uint16_t>(ErrorCode::bad_option) ||
          ended.code == static_cast<std::uint16_t>(ErrorCode::illegal));
}

}  // namespace

struct Client::Running {
  Running(Reactor& on, Options with, OnDone then)
      : reactor(&on),
        options(std::move(with)),
        done(std::move(then)),
        later(on.timer([this] { tell(); })) {}

  void start(bool with_options);
  Result<void> ask(bool with_options);
  void ended(Transfer& which);
  std::optional<Terms> accept(const tftp::Options& granted);
  void tell() {
    if (done) std::exchange(done, {})(outcome);
  }

  Reactor* reactor;
  Options options;
  OnDone done;
  Timer later;
  Source* source = nullptr;
  Sink* sink = nullptr;
  std::optional<TextSource> text_source{};
  std::optional<TextSink> text_sink{};
  tftp::Options asked{};
  Ended outcome{};
  Terms terms{};
  std::optional<std::uint64_t> total{};
  std::unique_ptr<Transfer> transfer{};
};

void Client::Running::start(bool with_options) {
  if (auto begun = ask(with_options); !begun) {
    outcome.kind = Ended::Kind::unreachable;
    outcome.error = begun.error();
    later.start(Duration(0));
  }
}

Result<void> Client::Running::ask(bool with_options) {
  Terms most;
  asked = {};
  if (with_options) {
    most.block_size = std::clamp(options.block_size.value_or(0), kMinBlock, kMaxBlock);
    if (!options.block_size) most.block_size = fitting_block(options.server);
    most.window = bounded_window(options.window, most.block_size);
  }
  Address local =
      options.server.family() == AF_INET6 ? *Address::parse("[::]:0") : Address::any_v4(0);
  Transfer::Options with{.local = local,
                         .peer = options.server,
                         .most = most,
                         .accept = [this](const tftp::Options& granted) { return accept(granted); },
                         .patience = options.patience};
  const auto on_end = [this](Transfer& which) { ended(which); };
  reactor->retire(std::move(transfer));
  transfer = source ? std::make_unique<Transfer>(*reactor, std::move(with), *source, on_end)
                    : std::make_unique<Transfer>(*reactor, std::move(with), *sink, on_end);
  if (auto opened = transfer->open(); !opened) return opened;
  if (with_options) {
    if (sink) most.window = bounded_window(most.window, most.block_size, transfer->receive_room());
    if (most.block_size != kDefaultBlock) asked.block_size = most.block_size;
    if (most.window > 1) asked.window = most.window;
    asked.size = sink ? 0 : options.size;
  }
  std::vector<std::byte> packet;
  put_request(packet, {source != nullptr, options.file, options.mode, asked});
  return transfer->begin(most, std::move(packet));
}

/// The terms, when the server grants no more than was asked for (RFC 2347; RFC 2348: what cannot be
/// is refused, as the server would go by it).
std::optional<Terms> Client::Running::accept(const tftp::Options& granted) {
  const bool unasked = (granted.block_size && !asked.block_size) ||
                       (granted.window && !asked.window) || (granted.size && !asked.size) ||
                       granted.timeout || granted.rollover || granted.strange;
  if (unasked || (granted.block_size && *granted.block_size > *asked.block_size) ||
      (granted.window && *granted.window > *asked.window)) {
    return std::nullopt;
  }
  terms = {granted.block_size.value_or(kDefaultBlock), granted.window.value_or(1), 0};
  if (sink) total = granted.size;
  return terms;
}

void Client::Running::ended(Transfer& which) {
  if (&which != transfer.get() || !done) return;
  outcome = which.ended();
  if (asked.any() && refuses_options(outcome)) {
    outcome = {};
    return start(false);
  }
  tell();
}

Client::Client(Reactor& reactor, Options options, OnDone done)
    : running_(std::make_unique<Running>(reactor, std::move(options), std::move(done))) {}

Client::~Client() = default;

void Client::fetch(Sink& sink) {
  running_->sink = &sink;
  if (running_->options.mode == Mode::netascii) {
    running_->sink = &running_->text_sink.emplace(sink);
  }
  running_->start(true);
}

void Client::store(Source& source) {
  running_->source = &source;
  if (running_->options.mode == Mode::netascii) {
    running_->source = &running_->text_source.emplace(source);
    running_->options.size.reset();  // that of the turned text is not known
  }
  running_->start(true);
}

void Client::abort() {
  if (!running_->done) return;
  if (running_->transfer && !running_->transfer->has_ended()) {
    return running_->transfer->abort(ErrorCode::undefined, "aborted");
  }
  if (running_->later.armed()) return;
  running_->outcome.kind = Ended::Kind::aborted;
  running_->later.start(Duration(0));
}

std::uint64_t Client::bytes() const {
  return running_->transfer ? running_->transfer->bytes() : 0;
}

std::optional<std::uint64_t> Client::total() const {
  return running_->total;
}

const Terms& Client::terms() const {
  return running_->terms;
}

}  // namespace sluice::tftp
