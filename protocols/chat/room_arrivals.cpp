#include <algorithm>

#include "protocols/chat/limits.h"
#include "protocols/chat/room.h"
#include "reactor/text.h"

/// Who comes and goes, and what the others hear of it.
namespace sluice::chat {

void Room::enter(Reader& reader) {
  reader.room_ = this;
  reader.cursor_ = reader.entered_ = ring_.head();
  reader.place_ = static_cast<std::uint32_t>(readers_.size());
  readers_.push_back(&reader);
  if (reader.nick_.empty()) return;
  ++nicked_;
  replay(reader);
  announce(joined_, "joined", reader);
}

void Room::leave(Reader& reader) {
  deliver(reader);
  finish_line(reader);
  if (reader.stream_->can_write()) {
    reader.lost_ += lines_ahead(reader);
    tell_lost(reader);
  }
  set_behind(reader, false);
  reader.skips_.reset();
  reader.room_ = nullptr;
  Reader* last = readers_.back();
  readers_[reader.place_] = last;
  last->place_ = reader.place_;
  readers_.pop_back();
  if (reader.nick_.empty()) return;
  --nicked_;
  announce(left_, "left", reader);
}

void Room::rename(Reader& reader, std::string nick) {
  const std::string old = std::exchange(reader.nick_, std::move(nick));
  if (!old.empty()) {
    return notice(concat("* ", old, " is now ", reader.nick_, '\n'), reader.nick_);
  }
  ++nicked_;
  replay(reader);
  announce(joined_, "joined", reader);
}

/// Of the last lines those that came before it did.
void Room::replay(Reader& reader) {
  std::size_t size = 0;
  std::size_t first = lines_.size();
  while (first > 0) {
    const Range& line = lines_[first - 1];
    size += line.end - line.begin;
    if (line.begin < ring_.tail() || size > limits::kReplayBytes) break;
    --first;
  }
  std::string history;
  for (; first < lines_.size() && lines_[first].end <= reader.entered_; ++first) {
    history += text(lines_[first]);
  }
  if (!history.empty()) reader.tell(history);
}

Duration Room::arrivals_pause() const {
  return std::max<Duration>(limits::kArrivalsPause, nicked_ * limits::kArrivalsPauseEach);
}

/// The first of many is told at once, those that follow soon after are counted: 5,000 that come at
/// once would else be 12 million notices.
void Room::announce(Arrivals& arrivals, std::string_view what, const Reader& who) {
  if (std::exchange(quiet_, false)) {
    arrivals_.start(arrivals_pause());
    return notice(concat("* ", who.nick_, ' ', what, '\n'), who.nick_);
  }
  if (arrivals.count++ == 0) arrivals.first = who.nick_;
}

void Room::announce_waiting() {
  quiet_ = joined_.count + left_.count == 0;
  if (!quiet_) arrivals_.start(arrivals_pause());
  const auto tell = [this](Arrivals& arrivals, std::string_view what) {
    if (arrivals.count == 0) return;
    const Arrivals told = std::exchange(arrivals, {});
    const std::string who = told.count == 1 ? told.first : concat(told.count);
    notice(concat("* ", who, ' ', what, '\n'), who);
  };
  tell(joined_, "joined");
  tell(left_, "left");
}

}  // namespace sluice::chat
