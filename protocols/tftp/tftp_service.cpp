#include "protocols/tftp/tftp_service.h"

#include <algorithm>

#include "protocols/tftp/failure.h"
#include "protocols/tftp/serving.h"
#include "reactor/log.h"
#include "reactor/printable.h"

namespace sluice::tftp {
namespace {

/// The same request again within so long of the last sign of life is one that the network has
/// doubled or delayed; later its sender has given up and begins anew from the same port.
constexpr Duration kLateDouble = std::chrono::seconds(1);

/// Who dallies costs a socket.
constexpr std::size_t kMaxDallying = 256;

}  // namespace

TftpService::TftpService(Reactor& reactor, Options options)
    : reactor_(&reactor), options_(std::move(options)), socket_(reactor, *this) {}

TftpService::~TftpService() = default;

Started TftpService::start() {
  auto tree = files::Tree::open(options_.directory);
  if (!tree) return std::unexpected(tree.error().message(options_.directory));
  if (options_.writable) {
    const auto place = tree->place_of("/x");
    const auto checked =
        place ? place->directory.check_writable() : Result<void>(std::unexpected(place.error()));
    if (!checked) return std::unexpected(checked.error().message(options_.directory));
  }
  auto opened = socket_.open(options_.address, {.max_bytes = kMaxRequest + 1, .destination = true});
  if (!opened) {
    std::string why = opened.error().message(options_.address.to_string());
    if (opened.error().code == EADDRINUSE) {
      if (const std::string hint = bind_hint(options_.address); !hint.empty()) why += "; " + hint;
    }
    return std::unexpected(why);
  }
  tree_.emplace(std::move(*tree));
  closed_ = false;
  return {};
}

std::string TftpService::address() const {
  return socket_.address().to_string();
}

void TftpService::on_datagrams(Datagram&, std::span<const Received> batch) noexcept {
  for (const Received& received : batch) {
    if (received.to_many() || received.from.port() == 0) continue;
    const auto packet = parse(received.bytes);
    if (packet && std::holds_alternative<Request>(*packet) && !received.truncated) {
      request(std::get<Request>(*packet), received);
    } else if (packet && !std::holds_alternative<Request>(*packet)) {
      // An ERROR is never answered, lest two servers talk for ever.
      if (std::holds_alternative<Failed>(*packet)) continue;
      refuse(received, {ErrorCode::unknown_transfer, "a request goes before a transfer"});
    } else if (is_request(received.bytes)) {
      refuse(received, {ErrorCode::illegal, packet ? "a request is too long" : packet.error()});
    }
  }
}

void TftpService::request(const Request& request, const Received& received) {
  const Address from = received.from.unmapped();
  if (const auto place = running_.find(from); place != running_.end()) {
    const Transfer& transfer = *place->second->transfer;
    const bool lives = !transfer.has_ended();
    const bool same = place->second->request == as_text(received.bytes);
    const bool stale = transfer.answered() && transfer.quiet() > kLateDouble;
    if (lives && same && !stale) return;
    if (lives) {
      log(LogLevel::info, name(), from, ' ', place->second->what(), " given up for a new request");
      ++counters_.failures;
      remove(place);
    } else {
      ended(*place->second);
    }
  }
  ++counters_.connections;
  auto refusal = too_many(from);
  auto running = std::make_unique<Serving>();
  running->request = as_text(received.bytes);
  running->peer = from;
  if (!refusal) refusal = prepare(*running, request);
  if (!refusal) {
    if (auto begun = begin(*running, request, received); !begun) {
      refusal = Refusal{ErrorCode::undefined, begun.error().message()};
    }
  }
  if (refusal) return refuse(received, *refusal);
  log(LogLevel::debug, name(), from, ' ', running->what(), " begins");
  running_.insert_or_assign(from, std::move(running));
}

std::optional<Refusal> TftpService::too_many(const Address& from) const {
  if (running_.size() >= options_.max_transfers) {
    return Refusal{ErrorCode::undefined, "too many transfers at once, try again later"};
  }
  if (from.is_loopback() && !options_.bound_loopback) return std::nullopt;
  Address first = from;
  first.set_port(0);
  std::size_t count = 0;
  for (auto at = running_.lower_bound(first); at != running_.end() && at->first.same_host(from);
       ++at) {
    ++count;
  }
  if (count < options_.max_per_address) return std::nullopt;
  return Refusal{ErrorCode::undefined, "too many transfers from this address, try again later"};
}

std::optional<Refusal> TftpService::prepare(Serving& running, const Request& request) {
  running.write = request.write;
  running.path = request.file;
  if (request.write && !options_.writable) {
    return Refusal{ErrorCode::access,
                   concat("files are only read here: ", printable(request.file))};
  }
  const FileSink::Options sink{.replace = options_.may_replace,
                               .max_size = options_.max_size,
                               .expected = request.options.size.value_or(0),
                               .sync = options_.sync};
  const auto opened = request.write ? running.open_sink(*tree_, request, sink)
                                    : running.open_source(*tree_, request);
  if (opened) return std::nullopt;
  const Error& error = opened.error();
  if (error.code == EFBIG) {
    return Refusal{ErrorCode::disk_full, concat(printable(request.file), " is larger than the ",
                                                options_.max_size, " bytes that files may have")};
  }
  return Refusal{code_for(error), text_for(error, request.file)};
}

Result<void> TftpService::begin(Serving& running, const Request& request,
                                const Received& received) {
  const tftp::Options& asked = request.options;
  Terms terms;
  if (asked.block_size) {
    terms.block_size = std::min(*asked.block_size, options_.max_block);
    if (!running.peer.is_loopback()) {
      terms.block_size = std::min(terms.block_size, largest_block(running.peer));
    }
  }
  terms.rollover = asked.rollover.value_or(0);
  if (asked.window) {
    terms.window = bounded_window(std::min(*asked.window, options_.max_window), terms.block_size);
  }
  // Bound to the host that was asked, so that the answers come from there and nowhere else.
  Address local = (received.to.family() == AF_UNSPEC ? socket_.address() : received.to).unmapped();
  local.set_port(0);
  // Who asks for a long `timeout` may be silent for as long.
  const Duration patience =
      std::max<Duration>(options_.patience, std::chrono::seconds(2 * asked.timeout.value_or(0)));
  Serving* serving = &running;
  running.make_transfer(*reactor_,
                        {.local = local, .peer = running.peer, .most = terms, .patience = patience},
                        [this, serving](Transfer&) { ended(*serving); });
  if (auto opened = running.transfer->open(); !opened) return opened;
  if (request.write) {
    terms.window = bounded_window(terms.window, terms.block_size, running.transfer->receive_room());
  }
  return running.transfer->begin(terms, running.opening(request, terms));
}

void TftpService::refuse(const Received& received, const Refusal& refusal) {
  ++counters_.failures;
  log(LogLevel::info, name(), received.from, " refused: ", refusal.text);
  put_error(packet_, refusal.code, refusal.text);
  const bool known = received.to.family() != AF_UNSPEC;
  (void)socket_.send({packet_, &received.from, known ? &received.to : nullptr});
}

void TftpService::ended(Serving& running) {
  if (running.gone) return;
  if (running.dallies) {
    if (running.transfer->state() == Transfer::State::dallying) return;  // known already
    const auto place = std::ranges::find(dallying_, &running, &std::unique_ptr<Serving>::get);
    running.gone = true;
    reactor_->retire(std::move(*place));
    dallying_.erase(place);
    return;
  }
  const Ended& how = running.transfer->ended();
  (running.write ? counters_.bytes_in : counters_.bytes_out) += how.bytes;
  const bool whole = how.kind == Ended::Kind::whole;
  if (!whole) ++counters_.failures;
  log(how.kind == Ended::Kind::local ? LogLevel::warning : LogLevel::info, name(), running.peer,
      ' ', running.what(), ": ", how.bytes, " bytes, ", how.resent, " packets again",
      whole ? "" : "; ended: ", whole ? "" : how.sentence());
  const auto place = running_.find(running.peer);
  if (running.transfer->state() == Transfer::State::dallying) {
    running.let_go_of_files();
    running.dallies = true;
    dallying_.push_back(std::move(place->second));
    running_.erase(place);
    if (dallying_.size() > kMaxDallying) {
      dallying_.front()->gone = true;
      reactor_->retire(std::move(dallying_.front()));
      dallying_.pop_front();
    }
  } else {
    remove(place);
  }
  tell_finished();
}

void TftpService::remove(Table::iterator place) {
  place->second->gone = true;
  reactor_->retire(std::move(place->second));
  running_.erase(place);
}

void TftpService::tell_finished() {
  if (finished() && on_finished_) reactor_->post(std::exchange(on_finished_, {}));
}

bool TftpService::finished() const {
  return closed_ && running_.empty();
}

void TftpService::on_finished(Callback callback) {
  on_finished_ = std::move(callback);
}

void TftpService::drain() {
  closed_ = true;
  socket_.close();
  tell_finished();
}

void TftpService::abort() {
  closed_ = true;
  socket_.close();
  while (!running_.empty()) {
    running_.begin()->second->transfer->abort(ErrorCode::undefined, "the server ends");
    ended(*running_.begin()->second);
  }
  for (auto& serving : dallying_) {
    serving->gone = true;
    reactor_->retire(std::move(serving));
  }
  dallying_.clear();
  tell_finished();
}

}  // namespace sluice::tftp
