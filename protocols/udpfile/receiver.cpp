#include "protocols/udpfile/receiver.h"

#include <cstring>

#include "protocols/files/name.h"
#include "reactor/text.h"

namespace sluice::udpfile {
namespace {

/// Nothing slows the sender down: what comes while the disk is busy has to wait somewhere.
constexpr std::size_t kReceiveBuffer = 4 * 1024 * 1024;

}  // namespace

Receiver::Receiver(Reactor& reactor, ReceiverHandler& handler, const files::Directory& directory,
                   Options options)
    : reactor_(&reactor),
      handler_(&handler),
      directory_(&directory),
      options_(std::move(options)),
      socket_(reactor, *this),
      silence_(reactor.timer([this] { finish(false); })) {}

Result<void> Receiver::open() {
  any_ = options_.address.is_any();
  return socket_.open(options_.address,
                      {.destination = any_, .count_drops = true, .receive_buffer = kReceiveBuffer});
}

void Receiver::close() {
  silence_.stop();
  file_.reset();
  socket_.close();
}

void Receiver::on_datagrams(Datagram& socket, std::span<const Received> batch) noexcept {
  for (const Received& received : batch) {
    take(received);
    if (!socket.is_open()) return;
  }
  if (file_) store();
}

void Receiver::take(const Received& received) {
  if (received.many) return;
  if (!file_) {
    if (!comes_late(received.from)) take_name(received);
    return;
  }
  if (received.from != now_.from) return;
  silence_.start(options_.silence);
  if (received.bytes.empty()) {
    if (store()) finish(true);
  } else if (as_text(received.bytes) == now_.name) {
    ++now_.renamed;
    say_ready(received);
  } else {
    ++now_.datagrams;
    unwritten_.insert(unwritten_.end(), received.bytes.begin(), received.bytes.end());
  }
}

bool Receiver::comes_late(const Address& from) {
  const TimePoint now = reactor_->now();
  if (now >= deaf_until_ || from != last_) return false;
  if (until_silent_) deaf_until_ = now + options_.silence;
  return true;
}

void Receiver::take_name(const Received& received) {
  const std::string_view name = as_text(received.bytes);
  if (name.empty()) return;  // an end that was repeated
  if (const auto fits = files::check_name(name, options_.hidden); !fits) {
    return refuse(received, name, fits.error().operation);
  }
  if (!options_.replace && directory_->exists(name)) {
    return refuse(received, name, "there is a file of that name already");
  }
  auto file = files::NewFile::create(*directory_);
  if (!file) return refuse(received, name, std::strerror(file.error().code));
  file_.emplace(std::move(*file));
  now_ = {};
  now_.name = name;
  now_.from = received.from;
  hash_ = files::Sha256();
  unwritten_.clear();
  dropped_before_ = socket_.dropped();
  silence_.start(options_.silence);
  say_ready(received);
}

void Receiver::refuse(const Received& received, std::string_view name, std::string_view why) {
  if (received.from == refused_ && name == refused_name_) return;
  refused_ = received.from;
  refused_name_ = name;
  handler_->on_refused(received.from, name, why);
}

void Receiver::say_ready(const Received& received) {
  // When there is no room for it now, the name comes again.
  (void)socket_.send({as_bytes(kReady), &received.from, any_ ? &received.to : nullptr});
}

/// False when that ended the file.
bool Receiver::store() {
  if (unwritten_.empty()) return true;
  now_.bytes += unwritten_.size();
  hash_.update(unwritten_);
  if (options_.expected && now_.bytes > *options_.expected) {
    finish(false);
    return false;
  }
  const auto written = file_->write(unwritten_);
  unwritten_.clear();
  if (written) return true;
  finish(false, written.error());
  return false;
}

void Receiver::finish(bool end_seen, Error error) {
  silence_.stop();
  now_.end_seen = end_seen;
  now_.error = error;
  now_.digest = hash_.finish();
  now_.dropped = socket_.dropped() - dropped_before_;
  const bool right_size = now_.bytes == options_.expected.value_or(now_.bytes);
  if (!now_.error && right_size) {
    const auto done = file_->commit(now_.name, options_.replace);
    if (!done) now_.error = done.error();
    now_.saved = done.has_value();
  }
  now_.looks_whole = now_.saved && (options_.expected || (end_seen && now_.dropped == 0));
  file_.reset();
  last_ = now_.from;
  deaf_until_ = reactor_->now() + options_.silence;
  until_silent_ = !end_seen;
  handler_->on_file(now_);
}

}  // namespace sluice::udpfile
