#include "protocols/time/time_service.h"

#include <criterion/criterion.h>

#include <ctime>

#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;

namespace {

/// Connects, lets `before` do something to the socket, and reads until the server's FIN.
std::string ask(Reactor& reactor, const Service& service, std::string_view say = {}) {
  auto client = tcp_start_connect(*Address::parse(service.address()));
  cr_assert(client);
  cr_assert(wait_for(client->get(), POLLOUT));
  if (!say.empty()) send_text(client->get(), say);
  std::string got;
  cr_assert(run_until(reactor, [&] { return read_some(client->get(), got) == Tail::eof; }));
  return got;
}

std::string as_ctime(std::time_t when) {
  std::string text = std::ctime(&when);
  text.pop_back();
  return text;
}

}  // namespace

TestEachSelector(time_service, tells_the_local_time_as_ctime_does_and_closes) {
  set_log_level(LogLevel::error);
  setenv("TZ", "XYZ-5:30", 1);
  tzset();
  Reactor reactor({.selector = kind});
  time::TimeService service(reactor, Address::loopback_v4(0));
  cr_assert(service.start());
  const std::time_t before = std::time(nullptr);
  const std::string told = ask(reactor, service);
  const std::time_t after = std::time(nullptr);
  bool right = false;
  for (std::time_t when = before; when <= after; ++when) right |= told == as_ctime(when);
  cr_expect(right, "%s", told.c_str());
  cr_expect(service.counters().connections == 1);
  cr_expect(service.counters().bytes_out == told.size());
}

TestEachSelector(time_service, tells_it_also_to_who_talks_first) {
  set_log_level(LogLevel::error);
  Reactor reactor({.selector = kind});
  time::TimeService service(reactor, Address::loopback_v4(0));
  cr_assert(service.start());
  cr_expect(ask(reactor, service, std::string(10'000, 'x')).size() == 24);
  cr_assert(run_until(reactor, [&] { return service.active() == 0; }));
}

TestEachSelector(time_service, is_finished_when_it_is_drained_with_nobody_there) {
  Reactor reactor({.selector = kind});
  time::TimeService service(reactor, Address::loopback_v4(0));
  cr_assert(service.start());
  bool told = false;
  service.on_finished([&] { told = true; });
  service.drain();
  cr_expect(service.finished());
  cr_expect(!told, "it is told from the loop");
  cr_assert(run_until(reactor, [&] { return told; }));
}
