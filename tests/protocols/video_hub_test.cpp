#include <criterion/criterion.h>

#include <functional>

#include "tests/protocols/video_scene.h"
#include "tests/support/fake_clock.h"

using namespace sluice;
using namespace sluice::video;
using namespace std::chrono_literals;

namespace {

struct Sink final : FrameSink {
  explicit Sink(std::string& shared, char letter) : heard(&shared), name(letter) {}
  void on_frame(const Frame& frame) noexcept override {
    *heard += concat(name, frame.number, ' ');
    if (then) then();
  }
  void on_end(std::string_view trouble) noexcept override {
    *heard += concat(name, "end(", trouble, ") ");
    if (then) then();
  }
  std::string* heard;
  char name;
  std::function<void()> then;
};

struct Scene {
  Scene() { cr_assert(hub.start()); }
  FakeClock clock;
  Reactor reactor{{.clock = &clock}};
  ToldSource source{reactor};
  FrameHub hub{reactor, source};
  std::string heard;
  Sink a{heard, 'a'}, b{heard, 'b'}, c{heard, 'c'};
};

void expect(const std::string& got, std::string_view expected) {
  cr_expect(got == expected, "%s", got.c_str());
}

}  // namespace

Test(video_hub, lets_the_source_work_only_while_somebody_looks) {
  Scene s;
  cr_expect(s.source.wants.empty());
  s.hub.add(s.a);
  s.hub.add(s.b);
  s.hub.remove(s.a);
  cr_expect(s.source.wants == std::vector<bool>{true});
  s.hub.remove(s.b);
  s.hub.remove(s.b);  // again, which is nothing
  cr_expect(s.source.wants == std::vector<bool>({true, false}));
  s.hub.add(s.c);
  cr_expect(s.source.wants == std::vector<bool>({true, false, true}));
  cr_expect(s.hub.sinks() == 1);
}

Test(video_hub, gives_each_frame_to_all_and_begins_with_another_each_time) {
  Scene s;
  s.hub.add(s.a);
  s.hub.add(s.b);
  s.hub.add(s.c);
  for (int i = 0; i < 4; ++i) s.source.give();
  expect(s.heard, "b1 c1 a1 c2 a2 b2 a3 b3 c3 b4 c4 a4 ");
  cr_expect(s.hub.latest().number == 4 && s.hub.frames() == 4);
}

Test(video_hub, sinks_come_and_go_from_inside_a_frame) {
  Scene s;
  s.hub.add(s.a);
  s.hub.add(s.b);
  s.b.then = [&s] {
    s.hub.remove(s.b);
    s.hub.remove(s.a);
    s.hub.add(s.c);
  };
  s.source.give();  // b is first, and takes a away before it had its turn
  expect(s.heard, "b1 ");
  s.source.give();
  expect(s.heard, "b1 c2 ");
  cr_expect(s.source.wants == std::vector<bool>({true, false, true}));
  s.c.then = [&s] {
    s.hub.remove(s.c);
    s.hub.add(s.c);
  };
  s.source.give();
  s.c.then = {};
  s.source.give();
  expect(s.heard, "b1 c2 c3 c4 ");
  cr_expect(s.hub.sinks() == 1);
}

Test(video_hub, tells_the_end_once_and_wants_no_more) {
  Scene s;
  s.hub.add(s.a);
  s.hub.add(s.b);
  s.a.then = [&s] { s.hub.remove(s.b); };
  s.source.end("it broke");
  expect(s.heard, "aend(it broke) ");
  cr_expect(s.hub.ended() && s.hub.trouble() == "it broke");
  s.a.then = {};
  s.hub.remove(s.a);
  s.hub.add(s.c);
  cr_expect(s.source.wants == std::vector<bool>{true});
}

Test(video_hub, says_why_there_is_no_picture) {
  Scene s;
  cr_expect(s.hub.trouble().empty());
  s.source.trouble_now = "pulled out";
  cr_expect(s.hub.trouble() == "pulled out");
  s.source.end("");
  cr_expect(s.hub.trouble() == "the video has ended");
}

Test(video_hub, knows_what_is_fresh_and_how_fast_frames_come) {
  Scene s;
  cr_expect(!s.hub.fresh(1h) && s.hub.rate() == 0);
  s.hub.add(s.a);
  for (int i = 0; i < 50; ++i) {
    s.clock.advance(40ms);
    cr_assert(s.reactor.run_once(Duration::zero()));
    s.source.give();
  }
  cr_expect(std::abs(s.hub.rate() - 25) < 0.1, "%f", s.hub.rate());
  cr_expect(s.hub.fresh(40ms));
  s.clock.advance(1s);
  cr_assert(s.reactor.run_once(Duration::zero()));
  cr_expect(!s.hub.fresh(1s) && s.hub.fresh(1001ms));
  s.source.trouble_now = "pulled out";
  cr_expect(!s.hub.fresh(1h) && s.hub.rate() == 0);
  s.source.trouble_now.clear();
  s.hub.remove(s.a);
  cr_expect(!s.hub.fresh(1h) && s.hub.rate() == 0);
  s.hub.add(s.a);  // what came before it is not fresh, however young
  s.clock.advance(1ms);
  cr_assert(s.reactor.run_once(Duration::zero()));
  cr_expect(!s.hub.fresh(1h));
  s.source.give();
  cr_expect(s.hub.fresh(1ms));
}
