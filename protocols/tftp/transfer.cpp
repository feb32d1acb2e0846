#include "protocols/tftp/transfer.h"

#include <algorithm>

#include "protocols/tftp/failure.h"

namespace sluice::tftp {
namespace {

/// Room for every packet but DATA: acknowledgements of options and errors with a long text.
constexpr std::size_t kSmallPacket = 1024;

/// What a socket holds for reading unless more is asked for.
constexpr std::size_t kUsualBuffer = 200 * 1024;

bool means_unreachable(int code) {
  return code == ECONNREFUSED || code == EHOSTUNREACH || code == ENETUNREACH || code == EACCES;
}

}  // namespace

Transfer::Transfer(Reactor& reactor, Options options, Source& source, OnEnd on_end)
    : reactor_(&reactor),
      options_(std::move(options)),
      source_(&source),
      on_end_(std::move(on_end)),
      socket_(reactor, *this),
      timer_(reactor.timer([this] { on_timer(); })) {}

Transfer::Transfer(Reactor& reactor, Options options, Sink& sink, OnEnd on_end)
    : reactor_(&reactor),
      options_(std::move(options)),
      sink_(&sink),
      on_end_(std::move(on_end)),
      socket_(reactor, *this),
      timer_(reactor.timer([this] { on_timer(); })) {}

Result<void> Transfer::open() {
  Datagram::Options socket{.max_bytes = kSmallPacket, .errors = true};
  if (sink_) {
    const Terms& most = options_.most;
    socket.max_bytes = std::max(kSmallPacket, most.block_size + kDataHeader);
    if (most.window > 1) {
      socket.coalesce = true;
      socket.max_bytes = limits::kDatagramBytes;
      const std::size_t window = most.window * (most.block_size + 2 * kSmallPacket);
      if (window > kUsualBuffer) socket.receive_buffer = window;
    }
  }
  return socket_.open(options_.local, socket);
}

Result<void> Transfer::begin(const Terms& terms, std::vector<std::byte> opening) {
  terms_ = terms;
  opening_ = std::move(opening);
  awaits_id_ = static_cast<bool>(options_.accept);
  progress_at_ = reactor_->now();
  if (opening_.empty()) {
    begin_sending();
    return {};
  }
  send_opening();
  if (!trouble_) return {};
  state_ = State::over;
  told_ = true;
  timer_.stop();
  socket_.close();
  return std::unexpected(trouble_);
}

std::uint64_t Transfer::bytes() const {
  if (has_ended()) return ended_.bytes;
  return sending_ ? sending_->buffer.contents(sending_->window.acked()) : bytes_;
}

void Transfer::on_datagrams(Datagram&, std::span<const Received> batch) noexcept {
  for (const Received& received : batch) {
    if (received.segment == 0) {
      take(received.bytes, received);
      continue;
    }
    for (auto rest = received.bytes; !rest.empty() && state_ != State::over;) {
      const std::size_t size = std::min<std::size_t>(received.segment, rest.size());
      take(rest.first(size), received);
      rest = rest.subspan(size);
    }
  }
}

void Transfer::take(std::span<const std::byte> bytes, const Received& received) {
  if (state_ == State::over) return;
  const Address& peer = options_.peer;
  if (awaits_id_ ? !received.from.same_host(peer) : received.from != peer) {
    return answer_stranger(bytes, received.from);
  }
  const auto packet = parse(bytes);
  if (awaits_id_) {
    // Whoever answers a request has the port that counts from now on.
    if (!packet || std::holds_alternative<Request>(*packet)) return;
    const auto* data = std::get_if<Data>(&*packet);
    const auto* ack = std::get_if<Ack>(&*packet);
    if ((data && (!sink_ || data->block != 1)) || (ack && (!source_ || ack->block != 0))) return;
    options_.peer = received.from;
    awaits_id_ = false;
  }
  if (received.truncated) return nonsense("a packet is longer than agreed on");
  if (!packet) return nonsense(packet.error());
  take_packet(*packet);
}

void Transfer::take_packet(const Packet& packet) {
  if (const auto* data = std::get_if<Data>(&packet)) {
    if (sink_) take_data(*data);
  } else if (const auto* ack = std::get_if<Ack>(&packet)) {
    if (source_) take_ack(ack->block);
  } else if (const auto* failed = std::get_if<Failed>(&packet)) {
    take_error(*failed);
  } else if (const auto* acknowledged = std::get_if<OptionAck>(&packet)) {
    take_options(*acknowledged);
  }
}

void Transfer::take_error(const Failed& failed) {
  if (has_ended()) return;
  ended_.code = failed.code;
  ended_.text = failed.text;
  end(Ended::Kind::refused);
}

void Transfer::take_options(const OptionAck& acknowledged) {
  if (state_ != State::opening) return;
  if (options_.accept) {
    if (!agree(acknowledged.options)) return;
    if (source_) return begin_sending();
    put_ack(opening_, 0);
    send_opening();
  } else if (sink_) {  // it has missed our acknowledgement of block 0
    ++ended_.resent;
    send_opening();
    timed_ = false;
  }
}

/// Whether what the peer has acknowledged is what was asked for.
bool Transfer::agree(const tftp::Options& acknowledged) {
  const auto terms = options_.accept(acknowledged);
  if (!terms) {
    ended_.text = "it acknowledges options that it was not asked for";
    send_error(ErrorCode::bad_option, "options acknowledged that were not asked for");
    end(Ended::Kind::nonsense);
    return false;
  }
  terms_ = *terms;
  options_.accept.reset();
  progress();
  return true;
}

void Transfer::answer_stranger(std::span<const std::byte> bytes, const Address& from) {
  const auto packet = parse(bytes);
  if (packet && std::holds_alternative<Failed>(*packet)) return;  // errors are never answered
  put_error(packet_, ErrorCode::unknown_transfer, "nothing is transferred between these ports");
  (void)socket_.send(packet_, from);
}

void Transfer::on_writable(Datagram&) noexcept {
  if (sending_) pump();
}

void Transfer::on_error(Datagram&, const Address& peer, Error error) noexcept {
  if (state_ == State::over || peer.unmapped() != options_.peer.unmapped()) return;
  trouble_ = error;
  if (error.code != ECONNREFUSED && (state_ != State::opening || !means_unreachable(error.code))) {
    return;
  }
  if (state_ == State::dallying) {  // the sender has got it all, or at least gone
    due_ = reactor_->now();
    return arm(due_);
  }
  // What the peer has said before it went, why above all, may still wait to be read.
  peer_gone_ = true;
  arm(reactor_->now());
}

}  // namespace sluice::tftp
