#include "protocols/offer/offer_service.h"

#include <criterion/criterion.h>

#include "reactor/pack.h"
#include "tests/protocols/temp_directory.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace std::chrono_literals;
using offer::OfferService;

namespace {

struct Fixture {
  explicit Fixture(SelectorKind kind, std::string_view content = "the contents")
      : reactor({.selector = kind}) {
    set_log_level(LogLevel::error);
    directory.put("a file.bin", content);
    service.emplace(reactor, OfferService::Options{.address = Address::loopback_v4(0),
                                                   .file = directory.path("a file.bin"),
                                                   .pause = 1ms});
    cr_assert(service->start());
  }

  Fd client(std::string_view request) {
    auto socket = tcp_start_connect(*Address::parse(service->address()));
    cr_assert(socket);
    cr_assert(wait_for(socket->get(), POLLOUT));
    send_text(socket->get(), request);
    return std::move(*socket);
  }

  std::string all_of(const Fd& client) {
    std::string got;
    cr_assert(run_until(reactor, [&] { return read_some(client.get(), got) == Tail::eof; }));
    return got;
  }

  static std::string framed(std::string_view content) {
    const auto header = pack<"!HQ">(std::uint16_t{10}, std::uint64_t{content.size()});
    return std::string(reinterpret_cast<const char*>(header.data()), header.size()) + "a file.bin" +
           std::string(content);
  }

  TempDirectory directory;
  Reactor reactor;
  std::optional<OfferService> service;
};

}  // namespace

TestEachSelector(offer_service, sends_name_and_bytes_to_any_message) {
  Fixture f(kind);
  const Fd client = f.client("ready");
  cr_expect(f.all_of(client) == "a file.binthe contents");
}

TestEachSelector(offer_service, tells_both_lengths_to_who_asks_for_them) {
  const std::string content(3'000'000, 'z');
  Fixture f(kind, content);
  const Fd client = f.client("SLUICE/1\n");
  cr_expect(f.all_of(client) == Fixture::framed(content));
  cr_assert(run_until(f.reactor, [&] { return f.service->active() == 0; }));
  cr_expect(f.service->counters().failures == 0);
}

TestEachSelector(offer_service, takes_a_request_that_comes_byte_by_byte) {
  Fixture f(kind);
  const Fd client = f.client("S");
  std::uint64_t seen = 0;
  for (const char letter : std::string_view("LUICE/1\n")) {
    ++seen;
    cr_assert(run_until(f.reactor, [&] { return f.service->counters().bytes_in == seen; }));
    send_text(client.get(), {&letter, 1});
  }
  cr_expect(f.all_of(client) == Fixture::framed("the contents"));
}

TestEachSelector(offer_service, gives_nothing_to_who_ends_without_a_word) {
  Fixture f(kind);
  const Fd client = f.client("");
  shutdown(client.get(), SHUT_WR);
  cr_expect(f.all_of(client).empty());
}

TestEachSelector(offer_service, closes_with_nothing_said_when_the_file_has_gone) {
  Fixture f(kind);
  std::filesystem::remove(f.directory.path("a file.bin"));
  const Fd client = f.client("SLUICE/1\n");
  cr_expect(f.all_of(client).empty());
  f.directory.put("a file.bin", "back");
  const Fd next = f.client("SLUICE/1\n");
  cr_expect(f.all_of(next) == Fixture::framed("back"));
}

TestEachSelector(offer_service, lets_a_download_end_that_is_under_way_when_drained) {
  const std::string content(20'000'000, 'y');
  Fixture f(kind, content);
  const Fd client = f.client("SLUICE/1\n");
  const Fd idle = f.client("");
  std::string got;
  cr_assert(run_until(f.reactor, [&] {
    read_some(client.get(), got, 1000);
    return !got.empty() && f.service->active() == 2;
  }));
  f.service->drain();
  cr_expect(f.all_of(idle).empty());
  cr_expect(!f.service->finished());
  got += f.all_of(client);
  cr_expect(got == Fixture::framed(content));
  cr_assert(run_until(f.reactor, [&] { return f.service->active() <= 1; }));
}

Test(offer_service, refuses_to_start_without_a_regular_file) {
  const TempDirectory directory;
  Reactor reactor;
  for (const std::string& path : {directory.path("nothing"), directory.path()}) {
    OfferService service(reactor, {.address = Address::loopback_v4(0), .file = path});
    const Started started = service.start();
    cr_assert(!started);
    cr_expect(started.error().find(path) != std::string::npos, "%s", started.error().c_str());
  }
}
