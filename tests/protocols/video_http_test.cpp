#include <criterion/criterion.h>

#include "protocols/http/http_service.h"
#include "protocols/video/http_video.h"
#include "tests/protocols/video_scene.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace sluice::video;
using namespace std::chrono_literals;

namespace {

struct Scene {
  explicit Scene(SelectorKind kind = SelectorKind::epoll)
      : reactor({.selector = kind, .clock = &clock}) {
    set_log_level(LogLevel::error);
    cr_assert(hub.start());
    cr_assert(service.start());
    video.add_to(service.routes());
  }
  ~Scene() { service.abort(); }

  Fd connect() {
    auto socket = tcp_start_connect(*Address::parse(service.address()));
    cr_assert(socket && wait_for(socket->get(), POLLOUT));
    const std::uint64_t before = service.counters().connections;
    cr_assert(run_until(reactor, [&] { return service.counters().connections > before; }));
    return std::move(*socket);
  }

  Fd ask(std::string_view path, std::string_view method = "GET") {
    Fd client = connect();
    send_text(client.get(), concat(method, ' ', path, " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    return client;
  }

  /// One who looks at the stream, with the head of the answer read.
  Fd look() {
    const std::size_t before = video.viewers().size();
    Fd client = ask("/stream.mjpg");
    cr_assert(run_until(reactor, [&] { return video.viewers().size() > before; }));
    return client;
  }

  std::string read(const Fd& client, std::string_view until) {
    std::string got;
    cr_assert(run_until(reactor,
                        [&] {
                          read_some(client.get(), got);
                          return got.contains(until);
                        }),
              "%s", got.c_str());
    return got;
  }
  std::string read_to_end(const Fd& client) {
    std::string got;
    cr_assert(run_until(reactor, [&] { return read_some(client.get(), got) != Tail::more; }));
    return got;
  }
  void pass(Duration time) {
    clock.advance(time);
    turn(reactor, 3);
  }

  FakeClock clock;
  Reactor reactor;
  ToldSource source{reactor};
  FrameHub hub{reactor, source};
  HttpVideo video{hub};
  http::HttpService service{reactor, {.address = Address::loopback_v4(0)}};
};

/// The end of a part, with what must follow at once.
constexpr std::string_view kNext = "\r\n--sluice-frame\r\n";

}  // namespace

TestEachSelector(video_http, streams_parts_that_end_with_the_next_boundary) {
  Scene s(kind);
  const Fd client = s.look();
  cr_expect(s.source.wants == std::vector<bool>{true});
  std::string got = s.read(client, "\r\n\r\n--sluice-frame\r\n");
  cr_expect(got.contains("\r\nContent-Type: multipart/x-mixed-replace; boundary=sluice-frame\r\n"));
  cr_expect(got.contains("\r\nCache-Control: no-store\r\n"));
  cr_expect(got.contains("\r\nConnection: close\r\n") && !got.contains("Content-Length"));
  for (int i = 1; i <= 3; ++i) {
    s.source.give(70'000);
    got = s.read(client, kNext);
    cr_expect(
        got.starts_with("Content-Type: image/jpeg\r\nContent-Length: 70000\r\nX-Timestamp: "));
    cr_expect(got.contains(concat("\r\nX-Frame: ", i, "\r\n\r\n<", i, ">xxx")));
    cr_expect(got.ends_with(concat("xxx", kNext)));
  }
  cr_expect(s.video.total().sent == 3);
}

TestEachSelector(video_http, ends_capturing_with_the_last_viewer) {
  Scene s(kind);
  Fd one = s.look();
  Fd two = s.look();
  reset_connection(one);
  cr_assert(run_until(s.reactor, [&] { return s.video.viewers().size() == 1; }));
  cr_expect(s.hub.sinks() == 1);
  two.reset();
  for (int i = 0; s.hub.sinks() > 0 && i < 1000; ++i) {
    s.source.give();  // the answer to which is a reset
    turn(s.reactor, 3);
  }
  cr_expect(s.source.wants == std::vector<bool>({true, false}));
  cr_expect(s.video.viewers().empty());
}

TestEachSelector(video_http, a_new_viewer_gets_the_newest_frame_only_if_it_is_fresh) {
  Scene s(kind);
  const Fd first = s.look();
  s.source.give();
  s.pass(999ms);
  const Fd second = s.look();
  cr_expect(s.read(second, "<1>").contains("X-Frame: 1\r\n"));
  s.pass(1ms);
  const Fd third = s.look();
  s.source.give();
  cr_expect(!s.read(third, "<2>").contains("<1>"));
}

TestEachSelector(video_http, a_slow_viewer_skips_and_is_ended_when_it_takes_nothing) {
  Scene s(kind);
  const Fd slow = s.look();
  const Fd fast = s.look();
  std::string got;
  const auto give = [&] {
    s.source.give(500'000);
    cr_assert(run_until(s.reactor, [&] {
      read_some(fast.get(), got);
      return got.contains(concat('<', s.source.number, '>')) && got.ends_with(kNext);
    }));
    got.clear();
  };
  for (int i = 0; i < 100; ++i) give();
  auto viewers = s.video.viewers();
  cr_expect(viewers[0].skipped > 50 && viewers[0].sent + viewers[0].skipped <= 100);
  cr_expect(viewers[1].skipped == 0);
  s.pass(29s);
  give();
  cr_expect(s.hub.sinks() == 2);
  // Its kernel may have found room for a little more meanwhile.
  for (int i = 0; i < 10 && s.hub.sinks() == 2; ++i) {
    s.pass(30s);
    give();
  }
  cr_expect(s.hub.sinks() == 1);
  cr_assert(run_until(s.reactor, [&] {
    s.clock.advance(1s);
    return s.service.active() == 1;
  }));
  give();
  cr_expect(s.video.total().skipped >= viewers[0].skipped);
}

TestEachSelector(video_http, viewers_go_when_the_video_ends) {
  Scene s(kind);
  const Fd client = s.look();
  s.source.give();
  s.read(client, kNext);
  s.source.end("the camera burnt down");
  cr_expect(s.read_to_end(client).empty());
  for (const char* path : {"/stream.mjpg", "/snapshot.jpg"}) {
    const Fd late = s.ask(path);
    cr_expect(s.read(late, "burnt").contains("503 Service Unavailable: the camera burnt down"));
  }
}

TestEachSelector(video_http, a_snapshot_is_a_frame_that_comes_after_the_question) {
  Scene s(kind);
  {
    const Fd client = s.look();
    s.source.give();
    s.read(client, kNext);
  }
  s.source.give();
  turn(s.reactor, 3);
  cr_assert(run_until(s.reactor, [&] {
    s.source.give();
    return s.hub.sinks() == 0;
  }));
  const std::uint64_t old = s.source.number;
  const Fd client = s.ask("/snapshot.jpg");
  cr_assert(run_until(s.reactor, [&] { return s.hub.sinks() == 1; }));
  s.source.give(5000);
  cr_expect(s.hub.sinks() == 0);
  const std::string got = s.read(client, concat('<', old + 1, '>'));
  cr_expect(got.contains("\r\nContent-Type: image/jpeg\r\nContent-Length: 5000\r\n"));
  cr_expect(got.contains(concat("\r\nX-Frame: ", old + 1, "\r\n")));
  cr_expect(got.contains("\r\nX-Timestamp: ") && !got.contains("Connection: close"));
}

TestEachSelector(video_http, a_snapshot_of_a_running_video_comes_at_once) {
  Scene s(kind);
  const Fd viewer = s.look();
  s.source.give();
  s.pass(199ms);
  cr_expect(s.read(s.ask("/snapshot.jpg"), "<1>").starts_with("HTTP/1.1 200 "));
  s.pass(1ms);
  const Fd client = s.ask("/snapshot.jpg");
  cr_assert(run_until(s.reactor, [&] { return s.hub.sinks() == 2; }));
  s.source.give();
  cr_expect(s.read(client, "<2>").starts_with("HTTP/1.1 200 "));
}

TestEachSelector(video_http, a_snapshot_that_cannot_be_had_says_why) {
  Scene s(kind);
  for (const char* why : {"", "/dev/video0 was pulled out"}) {
    s.source.trouble_now = why;
    const Fd client = s.ask("/snapshot.jpg");
    cr_assert(run_until(s.reactor, [&] { return s.hub.sinks() == 1; }));
    s.pass(4999ms);
    cr_expect(s.hub.sinks() == 1);
    s.pass(1ms);
    const std::string got = s.read(client, "\r\n\r\n503 ");
    cr_expect(got.contains(*why ? why : "no picture came"), "%s", got.c_str());
    cr_expect(s.hub.sinks() == 0);
  }
  const Fd client = s.ask("/snapshot.jpg");
  cr_assert(run_until(s.reactor, [&] { return s.hub.sinks() == 1; }));
  s.source.end("gone for good");
  cr_expect(s.read(client, "gone").contains("503 Service Unavailable: gone for good"));
}

Test(video_http, who_goes_while_a_snapshot_is_awaited_leaves_the_hub) {
  Scene s;
  Fd client = s.ask("/snapshot.jpg");
  cr_assert(run_until(s.reactor, [&] { return s.hub.sinks() == 1; }));
  reset_connection(client);
  cr_assert(run_until(s.reactor, [&] { return s.hub.sinks() == 0; }));
  s.pass(10s);
}

Test(video_http, answers_head_without_a_viewer) {
  Scene s;
  const Fd stream = s.ask("/stream.mjpg", "HEAD");
  const std::string head = s.read_to_end(stream);
  cr_expect(head.contains("multipart/x-mixed-replace") && head.ends_with("\r\n\r\n"));
  cr_expect(s.source.wants.empty());
  const Fd snapshot = s.ask("/snapshot.jpg", "HEAD");
  cr_assert(run_until(s.reactor, [&] { return s.hub.sinks() == 1; }));
  s.source.give(5000);
  const std::string got = s.read(snapshot, "\r\n\r\n");
  cr_expect(got.contains("Content-Length: 5000\r\n") && got.ends_with("\r\n\r\n"));
}

Test(video_http, tells_what_it_does) {
  Scene s;
  const Fd viewer = s.look();
  for (int i = 0; i < 3; ++i) {
    s.pass(100ms);
    s.source.give();
    s.read(viewer, kNext);
  }
  s.video.figures().add_form("tcp", [] { return VideoFigures::Form{4, 5, 6}; });
  const std::string metrics = s.read(s.ask("/metrics"), "format=\"tcp\"} 6\n");
  for (const char* line :
       {"\n# TYPE sluice_video_up gauge\nsluice_video_up{encoding=\"jpeg\"} 1\n",
        "\nsluice_video_frames_total{encoding=\"jpeg\"} 3\n",
        "\nsluice_video_source_lost_total{encoding=\"jpeg\"} 7\n",
        "\nsluice_video_viewers{format=\"http\"} 1\nsluice_video_viewers{format=\"tcp\"} 4\n",
        "\nsluice_video_frames_sent_total{format=\"http\"} 3\n",
        "\nsluice_video_frames_skipped_total{format=\"http\"} 0\n"}) {
    cr_expect(metrics.contains(line), "%s", line);
  }
  const std::string json = s.read(s.ask("/video.json"), "]}\n");
  cr_expect(
      json.contains("{\"sources\":[{\"name\":\"told <source>\",\"encoding\":\"jpeg\",\"width\":32,"
                    "\"height\":16,\"fps\":10.0,\"frames\":3,\"lost\":7,\"trouble\":\"\"}],"
                    "\"formats\":[{\"name\":\"http\",\"viewers\":1,\"sent\":3,\"skipped\":0},"
                    "{\"name\":\"tcp\",\"viewers\":4,\"sent\":5,\"skipped\":6}],"
                    "\"viewers\":[{\"address\":\"127.0.0.1:"));
  const std::string page = s.read(s.ask("/"), "</html>\n");
  cr_expect(page.contains("<img src=\"/stream.mjpg\" alt=\"Video: told &lt;source&gt;\">"));
  cr_expect(page.contains("told &lt;source&gt;, 32x16, 10.0 frames a second, 5 viewers, 6 frames"));
  s.source.trouble_now = "<it> was pulled out";
  cr_expect(s.read(s.ask("/metrics"), "sluice_video_up{encoding=\"jpeg\"} 0\n").size() > 0);
  cr_expect(s.read(s.ask("/"), "</html>\n").contains(">&lt;it&gt; was pulled out<"));
}

Test(video_http, names_no_more_than_a_hundred_viewers) {
  Scene s;
  std::vector<Fd> clients;
  clients.reserve(120);
  for (int i = 0; i < 120; ++i) clients.push_back(s.look());
  const std::string json = s.read(s.ask("/video.json"), "]}\n");
  std::size_t named = 0;
  for (std::size_t at = 0; (at = json.find("\"address\"", at)) != json.npos; ++at) ++named;
  cr_expect(named == 100 && json.contains("\"viewers\":120,"));
}

TestEachSelector(video_http, a_drain_ends_viewers_and_waits_for_a_snapshot) {
  Scene s(kind);
  const Fd viewer = s.look();
  const Fd client = s.ask("/snapshot.jpg");
  cr_assert(run_until(s.reactor, [&] { return s.hub.sinks() == 2; }));
  s.service.drain();
  cr_expect(s.hub.sinks() == 1);
  cr_expect(s.read_to_end(viewer).ends_with("--sluice-frame\r\n"));
  s.source.give();
  cr_expect(s.read_to_end(client).contains("<1>"));
}
