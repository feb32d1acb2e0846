#include <random>

#include "tests/protocols/ftp_client_scene.h"

using namespace sluice;
using namespace sluice::ftp;
using namespace std::chrono_literals;

namespace {

constexpr int kSessions = 2000;
constexpr int kOperations = 12;  // a session
constexpr int kTurns = 20'000;   // until a session is said to hang: over 100 s of its time
constexpr int kMisdeeds = 40;    // a session, as a server that is rude for ever may go on for ever

constexpr std::string_view kSayings[] = {
    "150 here\r\n",
    "226 done\r\n",
    "226 done\r\n226 done\r\n",
    "200 yes\r\n",
    "230 in\r\n",
    "331 password?\r\n",
    "332 account?\r\n",
    "350 go on\r\n",
    "425 no\r\n",
    "421 so long\r\n",
    "426 broken\r\n",
    "451 trouble\r\n",
    "452 full\r\n",
    "500 what?\r\n",
    "502 no\r\n",
    "530 who?\r\n",
    "550 no such file\r\n",
    "552 quota\r\n",
    "229 (|||1|)\r\n",
    "227 (127,0,0,1,0,1)\r\n",
    "227 (10,0,0,1,0,21)\r\n",
    "229 (|||99999|)\r\n",
    "211-\r\n MLST\r\n UTF8\r\n211 x\r\n",
    "211-for ever\r\n",
    "999 x\r\n",
    "nonsense\r\n",
    "\r\n",
    "22",
    "120 wait\r\n",
    "\xff\xfb\x01",
    "220 \x1b[2J\r\n",
    "-1 x\r\n",
};

/// One session of a client that does what comes to its mind with a server that does so too.
struct Session : ClientScene {
  explicit Session(unsigned seed) : random(seed) {
    server.greeting = one_in(10) ? kSayings[below(std::size(kSayings))] : "220 ready\r\n";
    server.content = std::string(one_in(10) ? 500'000 : below(300), 'x');
    server.meddle = [this](const std::string&) {
      if (one_in(6)) server.with_data([this] { misuse_data(); });
      return one_in(12) && misdo();
    };
    auto& options = client->options();
    options = {.connect_timeout = 1s, .reply_timeout = 1s, .data_timeout = 1s};
    options.passive = !one_in(5);
    options.extended = !one_in(5);
  }

  std::size_t below(std::size_t count) { return random() % count; }
  bool one_in(unsigned n) { return random() % n == 0; }

  bool misdo() {
    if (++misdeeds > kMisdeeds || !server.control) return false;
    switch (below(8)) {
      case 0:
        server.hang_up(one_in(2));
        break;
      case 1:
        server.end_data();
        break;
      case 2:
        break;  // is silent
      case 3:
        misuse_data();
        return false;
      default:
        server.say_raw(kSayings[below(std::size(kSayings))]);
        if (one_in(10)) server.hang_up(one_in(2));
    }
    return true;
  }
  void misuse_data() {
    if (!server.data || ++misdeeds > kMisdeeds) return;
    switch (below(5)) {
      case 0:
        return server.data->close();
      case 1:
        return server.data->abort();
      case 2:
        return server.data->pause_reading();
      case 3:
        return server.data->shutdown_write();
      default:
        return server.data->write("type=file; ../x\r\nrubbish\r\n");
    }
  }

  /// Each operation is noted as it begins; each end has to be that of the first under way.
  auto begun() {
    const int number = operations++;
    return [this, number](const auto&) {
      cr_assert(!beginning, "done from inside the call that begins it");
      cr_assert(!closed, "done after close()");
      cr_assert(number == ends, "operation %d ended where %d was due", number, ends);
      ++ends;
      if (one_in(50)) close();
    };
  }
  void close() {
    closed = true;
    client->close();
    if (one_in(2)) reactor.retire(std::move(client));
  }

  void begin_one() {
    beginning = true;
    const std::string path = one_in(20) ? "a\r\nb" : "file";
    const auto type = one_in(3) ? Client::Type::ascii : Client::Type::binary;
    const std::uint64_t offset = one_in(4) ? 100 : 0;
    switch (operations == 0 ? 0 : operations == 1 ? 1 : 2 + below(6)) {
      case 0:
        client->connect({server.address}, begun());
        break;
      case 1:
        client->login({}, begun());
        break;
      case 2:
        client->retrieve(path, type, offset, sink, begun());
        break;
      case 3:
        client->store(path, type, Client::Store::append, offset,
                      std::make_unique<TextSource>(server.content, one_in(9) ? EIO : 0), begun());
        break;
      case 4:
        client->list(path, [](const RemoteEntry&) {}, begun());
        break;
      case 5:
        client->list_raw("NLST", path, sink, begun());
        break;
      default:
        for (std::size_t i = 0; i <= below(3); ++i) client->ask(one_in(9) ? "\n" : "NOOP", begun());
    }
    beginning = false;
  }

  /// Until all has ended; false when it does not.
  bool run() {
    sink.room = one_in(9) ? 100 : SIZE_MAX;
    for (int turns = 0; turns < kTurns; ++turns) {
      if (closed) return turn(reactor, 3), true;
      if (ends == operations) {
        if (operations >= kOperations) return true;
        begin_one();
      }
      turn(reactor);
      clock.advance(std::chrono::milliseconds(below(20)));
      if (nudges == 0 || !one_in(100)) continue;
      --nudges;
      if (one_in(2)) misdo();
      if (!closed && one_in(2)) client->abort();
      if (!closed && one_in(20)) close();
    }
    return false;
  }

  std::mt19937 random;
  int misdeeds = 0;
  int nudges = 4;  // that end what hangs: not too many, or no hang would be seen
  int operations = 0;
  int ends = 0;
  bool closed = false;
};

}  // namespace

Test(ftp_client, ends_every_operation_once_and_in_order_whatever_the_server_does) {
  int whole = 0, ended = 0, heard = 0;
  for (unsigned seed = 1; seed <= kSessions; ++seed) {
    Session session(seed);
    cr_assert(session.run(), "session %u hangs in operation %d", seed, session.ends);
    whole += !session.closed;
    ended += session.ends;
    heard += static_cast<int>(session.server.lines.size());
  }
  // Neither too rude for anything to happen, nor too kind.
  cr_expect(whole > kSessions / 2 && ended > kSessions * 3 && heard > kSessions * 8, "%d, %d, %d",
            whole, ended, heard);
}
