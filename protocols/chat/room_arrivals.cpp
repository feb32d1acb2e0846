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
  tell_joined(reader);
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
  if (reader.untold_place_ == Reader::kNowhere) return tell_left(reader);
  set_untold(reader, false);
  passed_.add(reader);
}

void Room::rename(Reader& reader, std::string nick) {
  if (reader.untold_place_ != Reader::kNowhere) {
    reader.nick_ = std::move(nick);
    return;
  }
  if (!reader.nick_.empty()) {
    announce_waiting();  // one of those who left may have had the new nick
    const std::string old = std::exchange(reader.nick_, std::move(nick));
    return notice(concat("* ", old, " is now ", reader.nick_, '\n'), reader.nick_);
  }
  reader.nick_ = std::move(nick);
  ++nicked_;
  replay(reader);
  tell_joined(reader);
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
/// once would else be 12 million notices. What is told is true in the order in which it is told:
/// first who left of those that were known, then who came, then who left of these; and all of it
/// before somebody who came says something.
bool Room::may_tell_now() {
  if (!std::exchange(quiet_, false)) return false;
  arrivals_.start(arrivals_pause());
  return true;
}

void Room::tell_joined(Reader& reader) {
  if (!may_tell_now()) return set_untold(reader, true);
  notice(concat("* ", reader.nick_, " joined\n"), reader.nick_);
}

void Room::tell_left(const Reader& reader) {
  if (may_tell_now()) return notice(concat("* ", reader.nick_, " left\n"), reader.nick_);
  left_.add(reader);
}

void Room::set_untold(Reader& reader, bool untold) {
  if (untold) {
    reader.untold_place_ = static_cast<std::uint32_t>(untold_.size());
    untold_.push_back(&reader);
  } else {
    Reader* last = untold_.back();
    untold_[reader.untold_place_] = last;
    last->untold_place_ = reader.untold_place_;
    untold_.pop_back();
    reader.untold_place_ = Reader::kNowhere;
  }
}

void Room::announce_waiting() {
  const auto tell = [this](std::size_t count, const std::string& one, std::string_view what) {
    if (count == 0) return;
    const std::string who = count == 1 ? one : concat(count);
    notice(concat("* ", who, ' ', what, '\n'), who);
  };
  const Gone left = std::exchange(left_, {}), passed = std::exchange(passed_, {});
  const std::vector<Reader*> stayed = std::exchange(untold_, {});
  for (Reader* reader : stayed) reader->untold_place_ = Reader::kNowhere;
  tell(left.count, left.first, "left");
  tell(stayed.size() + passed.count, stayed.empty() ? passed.first : stayed[0]->nick_, "joined");
  tell(passed.count, passed.first, "left");
}

/// At the end of a pause; without anything to tell the next one is told at once.
void Room::end_pause() {
  quiet_ = left_.count == 0 && passed_.count == 0 && untold_.empty();
  if (quiet_) return;
  arrivals_.start(arrivals_pause());
  announce_waiting();
}

}  // namespace sluice::chat
