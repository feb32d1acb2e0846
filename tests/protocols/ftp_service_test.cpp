#include "protocols/ftp/ftp_service.h"

#include <criterion/criterion.h>
#include <crypt.h>

#include <csignal>
#include <optional>
#include <set>
#include <string>

#include "protocols/ftp/host_port.h"
#include "protocols/ftp/password_process.h"
#include "reactor/log.h"
#include "tests/protocols/temp_directory.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace sluice::ftp;
using namespace std::chrono_literals;

namespace {

using Set = void (*)(FtpService::Options&);

/// A program that embeds the service: its users are "ann" with `password`, and "bob" whose password
/// is "hashed" and known by its hash.
struct Fixture {
  explicit Fixture(SelectorKind kind = SelectorKind::epoll, Set set = nullptr,
                   std::optional<PasswordProcess> checks = std::nullopt)
      : process(std::move(checks)), reactor({.selector = kind, .clock = &clock}) {
    ::signal(SIGPIPE, SIG_IGN);
    set_log_level(static_cast<LogLevel>(-1));  // what goes wrong here is meant to
    options.address = Address::loopback_v4(0);
    options.login_delay = {};
    if (set) set(options);
    service.emplace(
        reactor, options, [this] { return accounts(); }, process ? process->take_socket() : Fd());
  }
  Fixture(SelectorKind kind, Set set, bool started) : Fixture(kind, set) {
    if (started) start();
  }
  void start() {
    const Started started = service->start();
    cr_assert(started, "%s", started.error().c_str());
  }

  std::expected<Accounts, std::string> accounts() const {
    if (!fault.empty()) return std::unexpected(fault);
    Accounts made;
    const auto all = *Permissions::parse(Permissions::kAll);
    cr_assert(made.add("ann", {Secret::Kind::plain, password}, directory.path(), all));
    const char* hash = ::crypt("hashed", "$5$rounds=1000$salt$");
    cr_assert(made.add("bob", {Secret::Kind::hash, hash}, directory.path(), all));
    return made;
  }
  bool wait_for_active(std::size_t count) {
    return run_until(reactor, [&] { return service->active() == count; });
  }

  std::optional<PasswordProcess> process;  // before the Reactor, as its header asks
  TempDirectory directory;
  std::string password = "secret";
  std::string fault;
  FakeClock clock;
  Reactor reactor;
  FtpService::Options options;
  std::optional<FtpService> service;
};

struct Client {
  explicit Client(Fixture& of, const char* from = "127.0.0.1:0") : f(of) {
    auto socket = tcp_start_connect(*Address::parse(f.service->address()), *Address::parse(from));
    cr_assert(socket, "%s", socket.error().message().c_str());
    cr_assert(wait_for(socket->get(), POLLOUT));
    control = std::move(*socket);
  }

  /// The next reply's last line, "(end)" when the connection ends in place of one.
  std::string reply() {
    std::string last = "(nothing)";
    run_until(f.reactor, [&] {
      for (std::size_t end; (end = input.find("\r\n")) != std::string::npos;) {
        last = input.substr(0, end);
        received += end + 2;
        input.erase(0, end + 2);
        if (last.size() > 3 && last[3] == ' ' && last[0] != ' ') return true;
      }
      const bool ends = read_some(control.get(), input) != Tail::more;
      if (ends && input.empty()) last = "(end)";
      return ends && input.empty();
    });
    return last;
  }
  void send(const std::string& command) {
    send_text(control.get(), command + "\r\n");
    sent += command.size() + 2;
  }
  std::string say(const std::string& command) {
    send(command);
    return reply();
  }
  std::string log_in(const std::string& name, const std::string& password) {
    std::string first = reply();
    if (!first.starts_with("220 ")) return first;
    cr_assert(say("USER " + name).starts_with("331 "));
    return say("PASS " + password).substr(0, 3);
  }
  /// Where the next transfer will go over; binary from now on.
  Fd data() {
    cr_assert(say("TYPE I").starts_with("200 "));
    const auto port = parse_epsv_reply(say("EPSV"));
    cr_assert(port);
    auto socket = tcp_start_connect(Address::loopback_v4(*port));
    cr_assert(socket && wait_for(socket->get(), POLLOUT));
    return std::move(*socket);
  }
  std::string download(const std::string& name) {
    const Fd socket = data();
    cr_expect(say("RETR " + name).starts_with("150 "));
    std::string content;
    cr_assert(run_until(f.reactor, [&] { return read_some(socket.get(), content) != Tail::more; }));
    cr_expect(reply().starts_with("226 "));
    return content;
  }
  void upload(const std::string& name, std::string_view content) {
    Fd socket = data();
    cr_expect(say("STOR " + name).starts_with("150 "));
    send_text(socket.get(), content);
    socket.reset();
    cr_expect(reply().starts_with("226 "));
  }

  Fixture& f;
  Fd control;
  std::string input;
  std::size_t sent = 0, received = 0;
};

PasswordProcess started() {
  auto process = PasswordProcess::fork();
  cr_assert(process, "%s", process.error().message().c_str());
  return std::move(*process);
}

}  // namespace

// --- who may come in -----------------------------------------------------------------------------

TestEachSelector(ftp_service, serves_who_logs_in_with_a_plain_password) {
  Fixture f(kind, nullptr, true);
  f.directory.put("file", "content");
  Client client(f);
  cr_expect(client.log_in("ann", "secret") == "230");
  cr_expect(client.download("file") == "content");
  client.upload("new", "new content");
  cr_expect(f.directory.get("new") == "new content");
  cr_expect(client.say("QUIT").starts_with("221 "));
  cr_expect(client.reply() == "(end)");
}

Test(ftp_service, lets_nobody_in_whose_password_is_wrong) {
  Fixture f(SelectorKind::epoll, nullptr, true);
  Client client(f);
  cr_expect(client.log_in("ann", "Secret") == "530");
  cr_expect(client.say("USER nobody").starts_with("331 "), "who is there is not told");
  cr_expect(client.say("PASS secret").starts_with("530 "));
  cr_expect(client.say("LIST").starts_with("530 "));
  cr_expect(client.say("USER ann").starts_with("331 "));
  cr_expect(client.say("PASS ").starts_with("530 "), "the third and last time");
  cr_expect(client.reply() == "(end)");
}

TestEachSelector(ftp_service, has_hashes_checked_by_the_password_process) {
  Fixture f(kind, nullptr, started());
  f.start();
  cr_expect(Client(f).log_in("bob", "hashed") == "230");
  cr_expect(Client(f).log_in("bob", "Hashed") == "530");
  cr_expect(Client(f).log_in("nobody", "hashed") == "530");
  cr_expect(Client(f).log_in("ann", "secret") == "230", "a plain one does not need it");
}

Test(ftp_service, says_so_when_the_password_process_is_gone) {
  Fixture f(SelectorKind::epoll, nullptr, started());
  f.start();
  f.process.reset();
  cr_expect(Client(f).log_in("bob", "hashed") == "421");
  cr_expect(Client(f).log_in("ann", "secret") == "230");
}

Test(ftp_service, without_a_password_process_no_hash_is_right) {
  Fixture f(SelectorKind::epoll, nullptr, true);
  cr_expect(!f.service->checker());
  cr_expect(Client(f).log_in("bob", "hashed") == "530");
}

Test(ftp_service, closes_who_does_not_log_in_in_time_and_who_is_idle_after) {
  Fixture f(SelectorKind::epoll, nullptr, true);
  Client silent(f), idle(f);
  cr_expect(silent.reply().starts_with("220 "));
  cr_expect(idle.log_in("ann", "secret") == "230");
  f.clock.advance(f.options.login_time);
  cr_expect(silent.reply().starts_with("421 "));
  cr_expect(idle.say("NOOP").starts_with("200 "));
  f.clock.advance(f.options.idle - 1s);
  turn(f.reactor, 3);
  cr_expect(idle.input.empty());
  f.clock.advance(1s);
  cr_expect(idle.reply().starts_with("421 "));
}

// --- the start -----------------------------------------------------------------------------------

Test(ftp_service, does_not_start_without_its_users) {
  Fixture f;
  f.fault = "line 3: no such letter";
  const Started started = f.service->start();
  cr_assert(!started);
  cr_expect(started.error() == f.fault);
}

Test(ftp_service, does_not_start_without_its_transfer_log) {
  Fixture f(SelectorKind::epoll,
            [](FtpService::Options& options) { options.transfer_log = "/nowhere/log"; });
  const Started started = f.service->start();
  cr_assert(!started);
  cr_expect(started.error().find("/nowhere/log: No such file") != std::string::npos);
}

Test(ftp_service, says_whose_address_it_cannot_have) {
  Fixture f(SelectorKind::epoll, nullptr, true);
  f.options.address = *Address::parse(f.service->address());
  FtpService second(f.reactor, f.options, [&] { return f.accounts(); });
  const Started started = second.start();
  cr_assert(!started);
  cr_expect(started.error().find(f.service->address()) != std::string::npos);
}

// --- reload --------------------------------------------------------------------------------------

TestEachSelector(ftp_service, a_reload_counts_for_the_next_log_in_only) {
  Fixture f(kind, nullptr, true);
  Client before(f);
  cr_expect(before.log_in("ann", "secret") == "230");
  f.password = "changed";
  f.service->reload();
  cr_expect(Client(f).log_in("ann", "secret") == "530");
  cr_expect(Client(f).log_in("ann", "changed") == "230");
  cr_expect(before.say("MKD still").starts_with("257 "));
}

Test(ftp_service, a_reload_that_fails_keeps_the_old_users) {
  Fixture f(SelectorKind::epoll, nullptr, true);
  f.password = "changed";
  f.fault = "line 3: no such letter";
  f.service->reload();
  cr_expect(Client(f).log_in("ann", "changed") == "530");
  cr_expect(Client(f).log_in("ann", "secret") == "230");
}

Test(ftp_service, logs_transfers_and_goes_on_in_a_new_file_after_a_reload) {
  const TempDirectory logs;
  static std::string log;
  log = logs.path("log");
  Fixture f(
      SelectorKind::epoll, [](FtpService::Options& options) { options.transfer_log = log; }, true);
  f.directory.put("file", "content");
  Client client(f);
  cr_expect(client.log_in("ann", "secret") == "230");
  client.download("file");
  cr_expect(logs.get("log").find(" 127.0.0.1 7 /file b _ o r ann ftp 0 * c\n") !=
            std::string::npos);
  cr_assert(::rename(log.c_str(), logs.path("log.1").c_str()) == 0);
  f.service->reload();
  client.upload("new", "12345");
  cr_expect(logs.get("log").find(" 127.0.0.1 5 /new b _ i r ann ftp 0 * c\n") != std::string::npos);
  Fd data = client.data();
  cr_expect(client.say("STOR broken").starts_with("150 "));
  send_text(data.get(), "123");
  cr_assert(run_until(f.reactor, [&] { return f.directory.get("broken") == "123"; }));
  reset_connection(data);
  cr_expect(client.reply().starts_with("426 "));
  cr_expect(logs.get("log").ends_with(" 127.0.0.1 3 /broken b _ i r ann ftp 0 * i\n"));
}

// --- the end -------------------------------------------------------------------------------------

TestEachSelector(ftp_service, draining_lets_a_transfer_end_and_sends_the_idle_away) {
  Fixture f(kind, nullptr, true);
  int told = 0;
  f.service->on_finished([&] { ++told; });
  Client stranger(f), idle(f), busy(f);
  cr_expect(stranger.reply().starts_with("220 "));
  cr_expect(idle.log_in("ann", "secret") == "230");
  cr_expect(busy.log_in("ann", "secret") == "230");
  Fd data = busy.data();
  cr_expect(busy.say("STOR new").starts_with("150 "));
  send_text(data.get(), "first, ");
  cr_assert(run_until(f.reactor, [&] { return f.directory.get("new") == "first, "; }));
  f.service->drain();
  cr_expect(stranger.reply().starts_with("421 ") && stranger.reply() == "(end)");
  cr_expect(idle.reply().starts_with("421 ") && idle.reply() == "(end)");
  const auto late = tcp_start_connect(*Address::parse(f.service->address()));
  cr_expect(!late || !wait_for(late->get(), POLLOUT) || !connect_result(late->get()));
  stranger.control.reset();
  idle.control.reset();
  cr_assert(f.wait_for_active(1));
  cr_expect(!f.service->finished() && told == 0);
  send_text(data.get(), "last");
  data.reset();
  cr_expect(busy.reply().starts_with("226 "));
  cr_expect(busy.reply().starts_with("421 ") && busy.reply() == "(end)");
  busy.control.reset();
  cr_assert(run_until(f.reactor, [&] { return told != 0; }));
  turn(f.reactor, 3);
  cr_expect(told == 1 && f.service->finished());
  cr_expect(f.directory.get("new") == "first, last");
}

TestEachSelector(ftp_service, aborting_resets_all_and_gives_no_half_file_its_name) {
  Fixture f(kind, nullptr, true);
  f.directory.put("old", "old content");
  Client idle(f), busy(f);
  cr_expect(idle.reply().starts_with("220 "));
  cr_expect(busy.log_in("ann", "secret") == "230");
  const Fd data = busy.data();
  cr_expect(busy.say("STOR old").starts_with("150 "));
  send_text(data.get(), "half");
  turn(f.reactor, 5);
  f.service->abort();
  cr_expect(f.service->finished());
  turn(f.reactor, 3);
  std::string rest;
  for (const int fd : {idle.control.get(), busy.control.get(), data.get()}) {
    cr_assert(wait_for(fd, POLLIN));
    cr_expect(read_some(fd, rest) == Tail::reset);
  }
  cr_expect(f.directory.get("old") == "old content");
  cr_expect(f.directory.names() == std::set<std::string>{"old"});
}

Test(ftp_service, may_be_destroyed_in_the_middle_of_everything) {
  Fixture f(SelectorKind::epoll, nullptr, started());
  f.start();
  f.directory.put("file", std::string(4'000'000, 'x'));
  Client asking(f), waiting(f), loading(f), hashing(f);
  cr_expect(asking.reply().starts_with("220 "));
  cr_expect(asking.say("USER bob").starts_with("331 "));
  for (Client* client : {&waiting, &loading, &hashing}) {
    cr_expect(client->log_in("ann", "secret") == "230");
  }
  const Fd data = loading.data();
  cr_expect(loading.say("RETR file").starts_with("150 "));
  cr_expect(waiting.say("EPSV").starts_with("229 "));
  cr_expect(waiting.say("LIST").starts_with("150 "));
  hashing.send("HASH file");
  asking.send("PASS hashed");
  cr_assert(run_until(f.reactor, [&] {
    return f.service->counters().bytes_in ==
           asking.sent + waiting.sent + loading.sent + hashing.sent;
  }));
  f.service.reset();
  turn(f.reactor, 5);
  cr_expect(asking.reply() == "(end)");
}

// --- numbers -------------------------------------------------------------------------------------

TestEachSelector(ftp_service, counts_connections_and_every_byte) {
  Fixture f(kind, nullptr, true);
  f.directory.put("file", "content");
  Client client(f);
  cr_expect(client.log_in("ann", "secret") == "230");
  client.download("file");
  client.upload("new", "new content");
  const ServiceCounters& counters = f.service->counters();
  cr_expect(counters.connections == 1 && counters.failures == 0);
  cr_expect(counters.bytes_in == client.sent + 11, "%zu", client.sent);
  cr_expect(counters.bytes_out == client.received + 7, "%zu", client.received);
  Client rude(f);
  cr_expect(rude.reply().starts_with("220 "));
  reset_connection(rude.control);
  cr_assert(f.wait_for_active(1));
  cr_expect(counters.connections == 2 && counters.failures == 1);
}

TestEachSelector(ftp_service, tells_one_too_many_so_and_takes_the_next_when_one_has_left) {
  Fixture f(kind, [](FtpService::Options& options) { options.max_clients = 2; }, true);
  Client first(f), second(f, "127.0.0.2:0");
  cr_expect(first.reply().starts_with("220 ") && second.reply().starts_with("220 "));
  Client third(f, "127.0.0.3:0");
  cr_expect(third.reply().starts_with("421 ") && third.reply() == "(end)");
  third.control.reset();
  first.control.reset();
  cr_assert(f.wait_for_active(1));
  cr_expect(Client(f).reply().starts_with("220 "));
}

Test(ftp_service, one_address_does_not_take_the_place_of_others) {
  Fixture f(
      SelectorKind::epoll, [](FtpService::Options& options) { options.max_per_address = 2; }, true);
  Client first(f), second(f);
  cr_expect(first.reply().starts_with("220 ") && second.reply().starts_with("220 "));
  cr_expect(Client(f).reply().starts_with("421 "));
  cr_expect(Client(f, "127.0.0.2:0").reply().starts_with("220 "));
  cr_expect(first.say("QUIT").starts_with("221 "));
  cr_expect(Client(f).reply().starts_with("220 "), "who is told goodbye has left");
}

Test(ftp_service, enter_and_leave_count_hosts_and_not_ports) {
  Fixture f(SelectorKind::epoll, [](FtpService::Options& options) {
    options.max_clients = 3;
    options.max_per_address = 2;
  });
  const Address one = *Address::parse("10.0.0.1:1000"), same = *Address::parse("10.0.0.1:2000");
  const Address mapped = *Address::parse("[::ffff:10.0.0.1]:3000");
  const Address other = *Address::parse("10.0.0.2:1"), third = *Address::parse("[2001:db8::1]:1");
  FtpService& service = *f.service;
  cr_expect(service.enter(one).empty() && service.enter(mapped).empty());
  cr_expect(service.enter(same) == "Too many clients from your address.");
  cr_expect(service.enter(other).empty());
  cr_expect(service.enter(third) == "Too many clients: try again later.");
  service.leave(mapped);
  cr_expect(service.enter(same).empty());
  for (const Address& address : {one, same, other}) service.leave(address);
  cr_expect(service.enter(third).empty() && service.enter(third).empty());
  cr_expect(service.enter(third) == "Too many clients from your address.");
}
