#include "protocols/video/sources.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "protocols/video/jpeg.h"
#include "protocols/video/test_pattern.h"
#include "reactor/log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"

using namespace sluice;
using namespace sluice::video;
using namespace std::chrono_literals;

namespace {

struct Sink final : FrameSink {
  void on_frame(const Frame& frame) noexcept override {
    frames.push_back(frame);
    if (frames.size() == enough) source->want(false);
  }
  void on_end(std::string_view trouble) noexcept override {
    ++ends;
    why = trouble;
  }
  std::vector<Frame> frames;
  /// With so many frames it looks away from the source: a slow turn of the loop may bring more.
  std::size_t enough = 0;
  FrameSource* source = nullptr;
  int ends = 0;
  std::string why = "none";
};

std::vector<std::byte> picture(std::uint64_t number, std::uint32_t width = 320) {
  return TestPattern{width, 240}.draw_jpeg(number);
}

/// A directory of its own, and a source of what is in it.
struct Scene {
  Scene() {
    set_log_level(LogLevel::error);
    cr_assert(mkdtemp(path.data()) != nullptr);
  }
  ~Scene() { std::filesystem::remove_all(path); }

  void write(const std::string& name, std::span<const std::byte> bytes) const {
    std::ofstream file(path + "/" + name, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    cr_assert(file.flush().good());
  }
  void write(const std::string& name, std::initializer_list<std::uint64_t> numbers,
             std::string_view between = "") const {
    std::vector<std::byte> all;
    for (const std::uint64_t number : numbers) {
      const auto gap = as_bytes(between);
      const auto one = picture(number);
      all.insert(all.end(), gap.begin(), gap.end());
      all.insert(all.end(), one.begin(), one.end());
    }
    write(name, all);
  }

  std::string error(const std::string& text, const SourceOptions& options = {}) {
    auto made = make_source(reactor, text, options);
    if (!made) return made.error();
    const Started started = (*made)->start(sink);
    return started ? "" : started.error();
  }

  FrameSource& play(const std::string& text, SourceOptions options = {}) {
    if (options.fps == 0) options.fps = 500;
    auto made = make_source(reactor, text, options);
    cr_assert(made);
    source = std::move(*made);
    const Started started = source->start(sink);
    cr_assert(started, "%s", started ? "" : started.error().c_str());
    sink.source = source.get();
    source->want(true);
    return *source;
  }

  bool wait_for_frames(std::size_t count) {
    return run_until(reactor, [&] { return sink.frames.size() >= count; });
  }

  /// Whether the frame `index` is picture(number).
  bool is(std::size_t index, std::uint64_t number) const {
    return std::ranges::equal(sink.frames[index].bytes.bytes(), picture(number));
  }

  std::string path = "/tmp/sluice-video-XXXXXX";
  Reactor reactor;
  Sink sink;
  std::unique_ptr<FrameSource> source;
};

}  // namespace

Test(video_source, says_in_a_sentence_what_cannot_be_played) {
  Scene s;
  const std::string none = s.path + "/none";
  cr_expect(s.error(none) == "cannot open " + none + ": No such file or directory");
  cr_expect(s.error(s.path) == s.path + " holds no pictures: none of its files is *.jpg or *.jpeg");
  s.write("text", as_bytes("nothing"));
  cr_expect(s.error(s.path + "/text") == s.path + "/text holds no JPEG");
  cr_assert(mkfifo((s.path + "/fifo").c_str(), 0600) == 0);
  cr_expect(s.error(s.path + "/fifo") == s.path + "/fifo is no directory, file or camera");
  cr_expect(s.error("/dev/null") == "/dev/null is no camera");
  cr_expect(s.error("/dev/video-none") == "cannot open /dev/video-none: No such file or directory");
  cr_expect(s.error("test", {.width = 321}).starts_with("the test pattern cannot be 321x480"));
  cr_expect(s.error("test", {.width = 16}).starts_with("the test pattern cannot be 16x480"));
}

Test(video_source, takes_a_number_for_a_camera) {
  cr_expect(camera_path("0") == "/dev/video0");
  cr_expect(camera_path("17") == "/dev/video17");
  cr_expect(camera_path("clip.mjpg") == "clip.mjpg");
  cr_expect(camera_path("").empty());
}

Test(video_source, draws_the_test_pattern_with_the_number_of_the_frame) {
  Scene s;
  s.play("test", {.width = 320, .height = 240});
  cr_assert(s.wait_for_frames(3));
  for (std::size_t i = 0; i < 3; ++i) {
    cr_expect(s.sink.frames[i].number == i + 1);
    cr_expect(s.sink.frames[i].width == 320 && s.sink.frames[i].height == 240);
    cr_expect(s.is(i, i + 1));
  }
}

Test(video_source, draws_the_test_pattern_as_pixels_too) {
  Scene s;
  cr_expect(s.play("test", {.raw = true}).encoding() == Encoding::bgr);
  cr_assert(s.wait_for_frames(1));
  const Frame& frame = s.sink.frames[0];
  cr_expect(frame.encoding == Encoding::bgr);
  cr_expect(read_number(frame.bytes.bytes(), frame.width, frame.height) == frame.number);
}

Test(video_source, keeps_the_rate_and_rests_while_nobody_looks) {
  FakeClock clock;
  Reactor reactor({.clock = &clock});
  Sink sink;
  auto source = make_source(reactor, "test", {.fps = 10});
  cr_assert(source && (*source)->start(sink));
  turn(reactor, 3);
  cr_expect(sink.frames.empty());
  (*source)->want(true);
  turn(reactor, 3);
  cr_expect(sink.frames.size() == 1);
  clock.advance(99ms);
  turn(reactor, 2);
  cr_expect(sink.frames.size() == 1);
  clock.advance(1ms);
  turn(reactor, 2);
  cr_assert(sink.frames.size() == 2);
  cr_expect(sink.frames[1].captured == clock.now());
  (*source)->want(false);
  clock.advance(10s);
  turn(reactor, 3);
  cr_expect(sink.frames.size() == 2);
  (*source)->want(true);
  turn(reactor, 3);
  cr_assert(sink.frames.size() == 3);
  cr_expect(sink.frames[2].number == 3);
}

Test(video_source, plays_a_directory_in_the_order_of_names_again_and_again) {
  Scene s;
  s.write("b.JPEG", {2});
  s.write("a.jpg", {1});
  s.write("c.jPg", {3});
  s.write(".d.jpg", {4});
  s.write("e.png", {5});
  FrameSource& source = s.play(s.path);
  cr_expect(source.name() == s.path && source.encoding() == Encoding::jpeg);
  cr_assert(s.wait_for_frames(7));
  for (std::size_t i = 0; i < 7; ++i) {
    cr_expect(s.is(i, i % 3 + 1), "frame %zu", i);
    cr_expect(s.sink.frames[i].number == i + 1);
  }
  cr_expect(source.lost() == 0);
}

Test(video_source, passes_over_broken_pictures_and_counts_them) {
  Scene s;
  auto half = picture(1);
  half.resize(half.size() / 2);
  s.write("1.jpg", half);
  s.write("2.jpg", {2});
  s.write("3.jpg", as_bytes(""));
  s.write("4.jpg", as_bytes("no picture"));
  cr_assert(mkfifo((s.path + "/5.jpg").c_str(), 0600) == 0);
  s.sink.enough = 2;
  FrameSource& source = s.play(s.path);
  cr_assert(s.wait_for_frames(2));
  cr_expect(s.is(0, 2) && s.is(1, 2));
  cr_expect(source.lost() == 5);
  // A gap in the numbers is what was lost.
  cr_expect(s.sink.frames[0].number == 2 && s.sink.frames[1].number == 7);
}

Test(video_source, lets_files_of_a_directory_change_and_vanish) {
  Scene s;
  s.write("1.jpg", {1});
  s.write("2.jpg", {2});
  FrameSource& source = s.play(s.path);
  cr_assert(s.wait_for_frames(2));
  cr_assert(unlink((s.path + "/1.jpg").c_str()) == 0);
  s.write("2.jpg", {3});
  cr_assert(run_until(s.reactor, [&] { return s.is(s.sink.frames.size() - 1, 3); }));
  cr_expect(source.trouble().empty());
  cr_assert(unlink((s.path + "/2.jpg").c_str()) == 0);
  cr_assert(run_until(s.reactor, [&] { return !source.trouble().empty(); }));
  cr_expect(source.trouble() == s.path + ": none of its pictures can be read now");
  s.write("2.jpg", {4});
  const std::size_t before = s.sink.frames.size();
  cr_assert(s.wait_for_frames(before + 1));
  cr_expect(s.is(before, 4));
  cr_expect(source.trouble().empty());
}

Test(video_source, shows_files_of_a_directory_that_come_later) {
  Scene s;
  s.write("2.jpg", {2});
  s.play(s.path);
  cr_assert(s.wait_for_frames(2));
  s.write("1.jpg", {1});
  cr_assert(run_until(s.reactor, [&] { return s.is(s.sink.frames.size() - 1, 1); }));
  const std::size_t before = s.sink.frames.size();
  cr_assert(s.wait_for_frames(before + 3));
  cr_expect(s.is(before, 2) && s.is(before + 1, 1) && s.is(before + 2, 2));
}

Test(video_source, reads_a_large_file_in_slices) {
  Scene s;
  // 20 comments of 64 KiB before what counts.
  auto large = picture(1);
  std::vector<std::byte> comment(65537, std::byte{0});
  std::ranges::copy(as_bytes("\xff\xfe\xff\xff"), comment.begin());
  for (int i = 0; i < 20; ++i) large.insert(large.begin() + 2, comment.begin(), comment.end());
  s.write("1.jpg", large);
  s.play(s.path);
  int turns = 0;
  while (s.sink.frames.empty() && ++turns < 1000) cr_assert(s.reactor.run_once(1ms));
  cr_assert(s.sink.frames.size() == 1);
  cr_expect(turns > 5, "in %d turns", turns);
  cr_expect(std::ranges::equal(s.sink.frames[0].bytes.bytes(), large));
}

Test(video_source, plays_an_mjpeg_file_again_and_again) {
  Scene s;
  s.write("clip", {1, 2, 3});
  FrameSource& source = s.play(s.path + "/clip");
  cr_assert(s.wait_for_frames(8));
  for (std::size_t i = 0; i < 8; ++i) cr_expect(s.is(i, i % 3 + 1), "frame %zu", i);
  cr_expect(s.sink.ends == 0 && source.lost() == 0);
}

Test(video_source, plays_a_multipart_body_once_when_told) {
  Scene s;
  s.write("clip", {1, 2, 3}, "\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n");
  FrameSource& source = s.play(s.path + "/clip", {.repeat = false});
  cr_assert(run_until(s.reactor, [&] { return s.sink.ends == 1; }));
  cr_expect(s.sink.frames.size() == 3 && s.is(2, 3));
  cr_expect(s.sink.why.empty());
  source.want(false);
  source.want(true);
  turn(s.reactor, 5);
  cr_expect(s.sink.frames.size() == 3 && s.sink.ends == 1);
}

Test(video_source, counts_what_is_broken_in_an_mjpeg_file) {
  Scene s;
  auto all = picture(1);
  all.resize(all.size() - 100);
  for (const std::uint64_t number : {2, 3}) {
    const auto one = picture(number);
    all.insert(all.end(), one.begin(), one.end());
  }
  all.resize(all.size() - 1);
  s.write("clip", all);
  FrameSource& source = s.play(s.path + "/clip", {.repeat = false});
  cr_assert(run_until(s.reactor, [&] { return s.sink.ends == 1; }));
  cr_expect(s.sink.frames.size() == 1 && s.is(0, 2));
  cr_expect(s.sink.frames[0].number == 2);
  cr_expect(source.lost() == 2);
}

Test(video_source, waits_for_an_mjpeg_file_that_was_emptied) {
  Scene s;
  s.write("clip", {1});
  FrameSource& source = s.play(s.path + "/clip");
  cr_assert(s.wait_for_frames(2));
  s.write("clip", as_bytes(""));
  cr_assert(run_until(s.reactor, [&] { return !source.trouble().empty(); }));
  cr_expect(source.trouble() == s.path + "/clip holds no JPEG now");
  s.write("clip", {5});
  cr_assert(run_until(s.reactor, [&] { return s.is(s.sink.frames.size() - 1, 5); }));
  cr_expect(source.trouble().empty());
}
