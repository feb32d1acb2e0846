#pragma once

#include <criterion/criterion.h>

#include <memory>
#include <string>
#include <vector>

#include "protocols/chat/room.h"
#include "reactor/log.h"
#include "reactor/text.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

/// Readers on real sockets, in rooms without the sessions above them.
namespace chat_room_scene {

using namespace sluice;
using namespace sluice::chat;

inline constexpr PairOptions kNarrow{.our_send_buffer = 4096, .their_receive_buffer = 4096};

/// A reader, the socket at the other end, and what has to arrive there.
struct Guest final : StreamHandler {
  Guest(Reactor& reactor, Pair pair, const Stream::Options& options)
      : peer(std::move(pair.theirs)),
        stream(reactor, std::move(pair.ours), *this, options),
        reader(stream) {}
  ~Guest() override { go(); }

  void go() {
    if (reader.room()) reader.room()->leave(reader);
  }
  void on_data(Stream&, std::span<const std::byte>) noexcept override {}
  void on_drained(Stream&) noexcept override { reader.on_drained(); }
  void on_closed(Stream&, Error) noexcept override { go(); }

  void read() {
    if (tail == Tail::more) tail = read_some(peer.get(), got);
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (std::size_t at = 0; at < got.size();) {
      const std::size_t end = std::min(got.find('\n', at), got.size());
      all.push_back(got.substr(at, end - at));
      at = end + 1;
    }
    return all;
  }

  Fd peer;
  Stream stream;
  Reader reader;
  std::string got;
  Tail tail = Tail::more;
  std::vector<std::string> due;  // what others have said while it was there
};

struct Fixture {
  explicit Fixture(RoomOptions how = {}, SelectorKind kind = SelectorKind::epoll)
      : options(std::move(how)),
        reactor({.selector = kind, .clock = &clock}),
        room(reactor, "lobby", options) {
    set_log_level(LogLevel::error);
  }

  Guest& guest(PairOptions sizes = {}) {
    guests.push_back(std::make_unique<Guest>(reactor, tcp_pair(sizes), stream_options));
    return *guests.back();
  }
  Guest& guest_inside(PairOptions sizes = {}) {
    Guest& made = guest(sizes);
    room.enter(made.reader);
    return made;
  }

  void say(Guest& from, const std::string& text) {
    from.reader.room()->say(from.reader, text + '\n');
    for (const auto& other : guests) {
      if (other.get() != &from && other->reader.room() == from.reader.room()) {
        other->due.push_back(text);
      }
    }
  }

  /// Until that is all it has got.
  bool gets(Guest& guest, std::string_view all) {
    run_until(reactor, [&] { return guest.read(), guest.got.size() >= all.size(); });
    turn(reactor, 2);
    guest.read();
    if (guest.got != all) cr_log_error("got: %s", guest.got.c_str());
    return guest.got == all;
  }

  FakeClock clock;
  RoomOptions options;
  Stream::Options stream_options;
  Reactor reactor;
  Room room;
  std::vector<std::unique_ptr<Guest>> guests;
};

inline constexpr std::string_view kLost = " lines lost";

/// How many lines "* N lines lost" tells of; 0 when it is another line.
inline std::size_t lost_in(const std::string& line) {
  if (!line.starts_with("* ") || !line.ends_with(kLost)) return 0;
  return parse_number<std::size_t>(line.substr(2, line.size() - 2 - kLost.size())).value_or(0);
}

struct Heard {
  std::size_t said = 0, lost = 0, told = 0, notices = 0;
};

/// Every line is the next one due, or tells exactly how many of those are left out; between them
/// lie notices, and what it alone was told, which is "! 0", "! 1" ….
inline Heard check_heard(const Guest& guest) {
  Heard heard;
  cr_expect(guest.got.empty() || guest.got.ends_with('\n'), "the last line is whole");
  for (const std::string& line : guest.lines()) {
    if (const std::size_t lost = lost_in(line)) {
      heard.lost += lost;
    } else if (line.starts_with("! ")) {
      cr_assert(line == concat("! ", heard.told++), "%s", line.c_str());
    } else if (line.starts_with("* ")) {
      ++heard.notices;
    } else {
      const std::size_t at = heard.said++ + heard.lost;
      cr_assert(at < guest.due.size(), "too much: %s", line.c_str());
      cr_assert(line == guest.due[at], "%s in place of %s", line.c_str(), guest.due[at].c_str());
    }
  }
  cr_expect(heard.said + heard.lost == guest.due.size(), "%zu and %zu lost of %zu", heard.said,
            heard.lost, guest.due.size());
  return heard;
}

inline std::string filler(std::size_t size) {
  return std::string(size, '.');
}

}  // namespace chat_room_scene
