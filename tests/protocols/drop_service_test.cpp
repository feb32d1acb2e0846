#include "protocols/drop/drop_service.h"

#include <criterion/criterion.h>

#include "protocols/files/sha256.h"
#include "tests/protocols/temp_directory.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;
using drop::DropService;
using drop::Status;
using Names = std::set<std::string>;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string header_of(const std::string& name, std::string_view content, std::uint8_t flags = 0) {
  const auto bytes = drop::encode(drop::Header{.flags = flags,
                                               .size = content.size(),
                                               .id = drop::upload_id(name, content.size(), 1),
                                               .name = name});
  cr_assert(bytes);
  return text_of(*bytes);
}

std::string digest_of(std::string_view content) {
  files::Sha256 sha;
  sha.update(bytes_of(content));
  return text_of(sha.finish());
}

struct Fixture {
  explicit Fixture(SelectorKind kind, void (*set)(DropService::Options&) = nullptr)
      : reactor({.selector = kind}) {
    set_log_level(LogLevel::error);
    DropService::Options options;
    if (set) set(options);
    options.address = Address::loopback_v4(0);
    options.directory = directory.path();
    service.emplace(reactor, options);
    cr_assert(service->start());
  }

  Fd client(std::string_view first = {}) {
    auto socket = tcp_start_connect(*Address::parse(service->address()));
    cr_assert(socket);
    cr_assert(wait_for(socket->get(), POLLOUT));
    if (!first.empty()) send_text(socket->get(), first);
    ++clients_made;
    return std::move(*socket);
  }

  drop::Reply reply(const Fd& client) {
    drop::ReplyDecoder decoder;
    bool done = false;
    cr_assert(run_until(reactor, [&] {
      std::string piece;
      const Tail tail = read_some(client.get(), piece, 1);
      done = decoder.feed(bytes_of(piece)).progress == drop::Progress::done;
      return done || tail != Tail::more;
    }));
    cr_assert(done, "the connection ended in place of a reply");
    return decoder.reply();
  }

  Status upload(const std::string& name, const std::string& content, std::uint8_t flags = 0) {
    const Fd connection = client(header_of(name, content, flags));
    const drop::Reply first = reply(connection);
    if (first.status != Status::go_on) return first.status;
    send_text(connection.get(), content.substr(first.offset) + digest_of(content));
    return reply(connection).status;
  }

  /// All clients have been there, and have gone.
  void wait_until_idle() {
    cr_assert(run_until(reactor, [&] {
      return service->counters().connections == clients_made && service->active() == 0;
    }));
  }

  TempDirectory directory;
  Reactor reactor;
  std::optional<DropService> service;
  std::uint64_t clients_made = 0;
};

}  // namespace

TestEachSelector(drop_service, stores_raw_bytes_under_the_lowest_free_number) {
  Fixture f(kind);
  f.directory.put("output_0.txt", "mine");
  const Fd client = f.client("some bytes");
  shutdown(client.get(), SHUT_WR);
  f.wait_until_idle();
  cr_expect(f.directory.get("output_0.txt") == "mine");
  cr_expect(f.directory.get("output_1.txt") == "some bytes");
  cr_expect((f.directory.names() == Names{"output_0.txt", "output_1.txt"}));
}

TestEachSelector(drop_service, leaves_nothing_of_a_raw_upload_that_resets) {
  Fixture f(kind);
  Fd client = f.client("half of it");
  cr_assert(run_until(f.reactor, [&] { return f.service->counters().bytes_in == 10; }));
  reset_connection(client);
  f.wait_until_idle();
  cr_expect(f.directory.names().empty());
}

TestEachSelector(drop_service, stores_a_framed_file_when_its_digest_is_right) {
  Fixture f(kind);
  const std::string content("with \0 and \xff", 12);
  const Fd client = f.client(header_of("name", content));
  cr_expect(f.reply(client).offset == 0);
  send_text(client.get(), content);
  turn(f.reactor, 5);
  cr_expect(!f.directory.names().contains("name"), "not before the digest");
  send_text(client.get(), digest_of(content));
  const drop::Reply reply = f.reply(client);
  cr_expect(reply.status == Status::go_on && reply.offset == content.size());
  cr_expect(f.directory.get("name") == content);
}

TestEachSelector(drop_service, refuses_a_wrong_digest_and_forgets_what_came) {
  Fixture f(kind);
  const Fd client = f.client(header_of("name", "right"));
  cr_expect(f.reply(client).status == Status::go_on);
  send_text(client.get(), "wrong" + digest_of("right"));
  cr_expect(f.reply(client).status == Status::bad_digest);
  cr_expect(f.directory.names().empty());
}

TestEachSelector(drop_service, goes_on_where_an_upload_broke) {
  Fixture f(kind);
  Fd client = f.client(header_of("name", "0123456789"));
  cr_expect(f.reply(client).status == Status::go_on);
  send_text(client.get(), "0123");
  shutdown(client.get(), SHUT_WR);
  f.wait_until_idle();
  cr_expect(!f.directory.names().contains("name"));
  const Fd again = f.client(header_of("name", "0123456789"));
  cr_expect(f.reply(again).offset == 4);
  send_text(again.get(), "456789" + digest_of("0123456789"));
  cr_expect(f.reply(again).status == Status::go_on);
  cr_expect(f.directory.get("name") == "0123456789");
  cr_expect(f.directory.names() == Names{"name"});
}

TestEachSelector(drop_service, replaces_only_where_the_flag_says_so) {
  Fixture f(kind);
  f.directory.put("name", "old");
  cr_expect(f.upload("name", "new") == Status::exists);
  cr_expect(f.directory.get("name") == "old");
  cr_expect(f.upload("name", "new", drop::kMayReplace) == Status::go_on);
  cr_expect(f.directory.get("name") == "new");
}

TestEachSelector(drop_service, heeds_its_options) {
  Fixture strict(kind, [](DropService::Options& options) { options.max_size = 4; });
  cr_expect(strict.upload("a", "12345") == Status::too_large);
  cr_expect(strict.upload("a", "1234") == Status::go_on);
  cr_expect(strict.upload(".a", "1") == Status::bad_name);
  Fixture open(kind,
               [](DropService::Options& options) { options.allow_hidden = options.sync = true; });
  cr_expect(open.upload(".a", "12345") == Status::go_on);
  cr_expect(open.upload("../a", "1") == Status::bad_name);
}

TestEachSelector(drop_service, is_finished_after_so_many_clients_that_sent_something) {
  Fixture f(kind, [](DropService::Options& options) { options.serve_clients = 1; });
  bool told = false;
  f.service->on_finished([&] { told = true; });
  f.client().reset();
  f.wait_until_idle();
  cr_expect(!f.service->finished(), "who sends nothing does not count");
  const Fd client = f.client("x");
  shutdown(client.get(), SHUT_WR);
  cr_assert(run_until(f.reactor, [&] { return told; }));
  cr_expect(f.directory.names() == Names{"output_0.txt"});
}

TestEachSelector(drop_service, gives_no_final_name_to_what_an_abort_cuts) {
  Fixture f(kind);
  const Fd framed = f.client(header_of("name", "0123456789"));
  cr_expect(f.reply(framed).status == Status::go_on);
  send_text(framed.get(), "0123");
  const Fd raw = f.client("raw bytes");
  const std::uint64_t all = header_of("name", "0123456789").size() + 4 + 9;
  cr_assert(run_until(f.reactor, [&] { return f.service->counters().bytes_in >= all; }));
  f.service->abort();
  cr_expect(f.service->finished());
  for (const std::string& name : f.directory.names()) cr_expect(name.starts_with(".sluice-"));
}

Test(drop_service, refuses_to_start_without_a_directory) {
  const TempDirectory directory;
  Reactor reactor;
  DropService service(reactor,
                      {.address = Address::loopback_v4(0), .directory = directory.path("nothing")});
  const Started started = service.start();
  cr_assert(!started);
  cr_expect(started.error().find("No such file") != std::string::npos);
}
