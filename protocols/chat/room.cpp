#include "protocols/chat/room.h"

#include <algorithm>
#include <array>
#include <bit>

#include "protocols/chat/limits.h"
#include "reactor/text.h"

namespace sluice::chat {

// --- a reader ------------------------------------------------------------------------------------

void Reader::tell(std::string_view lines) {
  if (!told_) return write(lines);
  told_->append(lines);
  if (told_->size() < limits::kGatheredBytes) return;
  write(*told_);
  told_->clear();
}

void Reader::send_told() {
  std::string* told = std::exchange(told_, nullptr);
  if (!told || told->empty()) return;
  write(*told);
  told->clear();
}

void Reader::write(std::string_view lines) {
  if (room_) {
    room_->deliver(*this);  // what was said before comes before
    room_->finish_line(*this);
  }
  stream_->write(lines);
}

void Reader::on_drained() {
  if (room_) room_->deliver(*this);
}

Room::Room(Reactor& reactor, std::string name, const RoomOptions& options)
    : name_(std::move(name)),
      options_(&options),
      ring_(limits::kFirstRingBytes),
      arrivals_(reactor.timer([this] { end_pause(); })),
      sweep_(reactor.timer([this] { sweep(); })),
      shrink_(reactor.timer([this] { shrink(); })) {
  if (!options.transcripts.empty()) transcript_.emplace(options.transcripts, name_);
}

// --- what is said --------------------------------------------------------------------------------

void Room::say(Reader& from, std::string_view line) {
  if (from.untold_place_ != Reader::kNowhere) announce_waiting();
  skip(from, remember(line));
}

/// For those who hear it and for those who come later.
Range Room::remember(std::string_view line) {
  const Range range = append(line, Line::said);
  lines_.push_back(range);
  if (lines_.size() > options_->history_lines) lines_.pop_front();
  return range;
}

/// To those with a nick, for the others take no notices, but the one it is about.
void Room::notice(std::string_view line, std::string_view about) {
  if (nicked_ == 0) return;
  const Range range = append(line, Line::notice);
  for (Reader* reader : readers_) {
    if (reader->nick_.empty() || reader->nick_ == about) skip(*reader, range);
  }
}

Range Room::append(std::string_view line, Line kind) {
  make_room(line.size());
  const std::uint64_t begin = ring_.head();
  ring_.append(line);
  if (transcript_) kind == Line::said ? transcript_->add(line) : transcript_->note(line);
  sweep_soon();
  return {begin, ring_.head()};
}

void Room::skip(Reader& reader, Range range) {
  if (!reader.skips_) reader.skips_ = std::make_unique<std::vector<Range>>();
  if (!reader.skips_->empty() && reader.skips_->back().end == range.begin) {
    reader.skips_->back().end = range.end;
  } else {
    reader.skips_->push_back(range);
  }
}

/// What somebody has still to read is not to be overwritten, nor the byte before it, which tells
/// whether he is in the middle of a line.
void Room::make_room(std::size_t size) {
  const auto kept_from = [&] { return ring_.head() + size + 1 - ring_.capacity(); };
  const auto fits = [&](std::uint64_t position) {
    return ring_.head() + size < ring_.capacity() || position >= kept_from();
  };
  const auto find_last = [&] {
    behind_from_ = ring_.head();
    for (const Reader* reader : behind_) behind_from_ = std::min(behind_from_, reader->cursor_);
  };
  if (fits(swept_) && (behind_.empty() || fits(behind_from_))) return;
  find_last();
  while (ring_.capacity() < options_->max_lag && !fits(std::min(swept_, behind_from_))) {
    ring_.resize(ring_.capacity() * 2);
    if (!shrink_.armed()) shrink_.start(limits::kRingRest);
  }
  if (!fits(swept_)) {
    sweep();
    find_last();
  }
  if (fits(behind_from_)) return;
  // Some more than must be, so that this is seldom done.
  const std::uint64_t enough = std::min(kept_from() + ring_.capacity() / 8, ring_.head());
  for (Reader* reader : behind_) {
    if (reader->cursor_ < enough) lapped(*reader);
  }
  find_last();
}

/// A burst is over when nobody is behind and little was said for a while.
void Room::shrink() {
  const std::uint64_t said = ring_.head() - std::exchange(shrunk_at_, ring_.head());
  const std::size_t enough =
      std::max(limits::kFirstRingBytes, std::bit_ceil(said * limits::kRingReserve));
  const bool all_read = behind_.empty() && swept_ == ring_.head();
  if (all_read && enough < ring_.capacity()) ring_.resize(enough);
  if (ring_.capacity() > limits::kFirstRingBytes) shrink_.start(limits::kRingRest);
}

void Room::lapped(Reader& reader) {
  finish_line(reader);
  if (options_->disconnect_slow) {
    reader.stream_->write("* you are too slow: disconnected\n");
    reader.stream_->close();
  } else {
    reader.lost_ += lines_ahead(reader);
  }
  reader.cursor_ = ring_.head();
  reader.skips_.reset();
}

// --- delivery ------------------------------------------------------------------------------------

void Room::sweep_soon() {
  if (!sweep_.armed()) sweep_.start(Duration::zero());
}

void Room::sweep() {
  sweep_.stop();
  const std::uint64_t head = ring_.head();
  iovec news[2];
  const std::span pieces(news, static_cast<std::size_t>(ring_.slice({swept_, head}, news)));
  const std::size_t size = head - swept_;
  const auto serve = [&](Reader& reader) {
    if (reader.behind_place_ != Reader::kNowhere) return;
    if (reader.cursor_ != swept_ || reader.skips_ || size == 0) return deliver(reader);
    const std::size_t sent = reader.stream_->offer(pieces);
    reader.cursor_ += sent;
    if (sent != size) set_behind(reader, true);
  };
  // Not always the same one is the last.
  const std::size_t count = readers_.size();
  if (count != 0) first_ = (first_ + 1) % count;
  for (std::size_t i = first_; i < count; ++i) serve(*readers_[i]);
  for (std::size_t i = 0; i < first_; ++i) serve(*readers_[i]);
  swept_ = head;
  if (transcript_) transcript_->flush();
}

/// All that it has not read yet, as far as its socket takes it.
void Room::deliver(Reader& reader) {
  if (reader.stream_->drained()) tell_lost(reader);
  const std::uint64_t head = ring_.head();
  while (reader.cursor_ < head) {
    std::array<iovec, limits::kSendPieces> pieces;
    std::size_t count = 0, size = 0;
    std::uint64_t at = reader.cursor_;
    const auto gather = [&](std::uint64_t end) {
      iovec two[2];
      const int found = at < end ? ring_.slice({at, end}, two) : 0;
      for (int i = 0; i < found; ++i) pieces[count++] = two[i];
      size += at < end ? end - at : 0;
    };
    const std::size_t skips = reader.skips_ ? reader.skips_->size() : 0;
    for (std::size_t i = 0; i <= skips && count + 2 <= pieces.size(); ++i) {
      const Range skip = i < skips ? (*reader.skips_)[i] : Range{head, head};
      gather(skip.begin);
      at = skip.end;
    }
    const std::size_t sent = size == 0 ? 0 : reader.stream_->offer(std::span(pieces).first(count));
    advance(reader, sent);
    if (sent != size) return set_behind(reader, true);
  }
  set_behind(reader, false);
}

/// Past `sent` bytes of what it gets, and past what it does not get behind them.
void Room::advance(Reader& reader, std::size_t sent) {
  if (!reader.skips_) {
    reader.cursor_ += sent;
    return;
  }
  auto next = reader.skips_->begin();
  for (; next != reader.skips_->end() && next->begin - reader.cursor_ <= sent; ++next) {
    sent -= next->begin - reader.cursor_;
    reader.cursor_ = next->end;
  }
  reader.cursor_ += sent;
  reader.skips_->erase(reader.skips_->begin(), next);
  if (reader.skips_->empty()) reader.skips_.reset();
}

void Room::tell_lost(Reader& reader) {
  if (reader.lost_ == 0) return;
  reader.stream_->write(concat("* ", std::exchange(reader.lost_, 0), " lines lost\n"));
}

void Room::set_behind(Reader& reader, bool behind) {
  if (behind == (reader.behind_place_ != Reader::kNowhere)) return;
  if (behind) {
    if (behind_.empty() || reader.cursor_ < behind_from_) behind_from_ = reader.cursor_;
    reader.behind_place_ = static_cast<std::uint32_t>(behind_.size());
    behind_.push_back(&reader);
    return;
  }
  Reader* last = behind_.back();
  behind_[reader.behind_place_] = last;
  last->behind_place_ = reader.behind_place_;
  behind_.pop_back();
  reader.behind_place_ = Reader::kNowhere;
}

// --- lines ---------------------------------------------------------------------------------------

bool Room::in_line(const Reader& reader) const {
  return reader.cursor_ > reader.entered_ && ring_.at(reader.cursor_ - 1) != '\n';
}

/// The rest of the line that a socket took a part of goes to the queue, so that something else may
/// follow.
void Room::finish_line(Reader& reader) {
  if (reader.behind_place_ == Reader::kNowhere || !in_line(reader)) return;
  std::uint64_t end = reader.cursor_;
  while (ring_.at(end) != '\n') ++end;
  ++end;
  reader.stream_->write(text({reader.cursor_, end}));
  advance(reader, end - reader.cursor_);
}

std::uint64_t Room::lines_ahead(const Reader& reader) const {
  std::uint64_t lines = 0;
  std::uint64_t at = reader.cursor_;
  const auto count = [&](std::uint64_t end) {
    iovec pieces[2];
    const int found = at < end ? ring_.slice({at, end}, pieces) : 0;
    for (int i = 0; i < found; ++i) {
      const std::string_view piece(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      lines += static_cast<std::uint64_t>(std::ranges::count(piece, '\n'));
    }
  };
  if (reader.skips_) {
    for (const Range& skip : *reader.skips_) {
      count(skip.begin);
      at = skip.end;
    }
  }
  count(ring_.head());
  return lines;
}

std::string Room::text(Range range) const {
  iovec pieces[2];
  const int count = ring_.slice(range, pieces);
  std::string out;
  out.reserve(range.end - range.begin);
  for (int i = 0; i < count; ++i) {
    out.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return out;
}

void Room::reopen_transcript() {
  if (transcript_) transcript_->reopen();
}

}  // namespace sluice::chat
