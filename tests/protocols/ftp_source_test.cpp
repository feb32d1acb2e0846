#include "protocols/ftp/source.h"

#include <criterion/criterion.h>

#include "protocols/ftp/limits.h"
#include "tests/support/loop.h"
#include "tests/support/recording_handler.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace sluice::ftp;

namespace {

/// Gives its chunks one by one; `n` of them are letters, a chunk each.
class Letters final : public Source {
 public:
  struct Options {
    int chunks = 1;
    std::size_t size = 1;  ///< of a chunk
    bool alone = false;    ///< the end comes with no bytes, after the last chunk
    int fails_at = -1;     ///< this chunk is an error
    int* fills = nullptr;  ///< how often it was asked
    bool* destroyed = nullptr;
  };
  explicit Letters(Options options) : options_(options) {}
  Letters(const Letters&) = delete;
  Letters& operator=(const Letters&) = delete;
  ~Letters() override {
    if (options_.destroyed) *options_.destroyed = true;
  }

  Result<More> fill(std::vector<std::byte>& out) override {
    if (options_.fills) ++*options_.fills;
    if (made_ == options_.fails_at) return fail("fill", EBADMSG);
    if (made_ == options_.chunks) return More::no;
    out.insert(out.end(), options_.size, static_cast<std::byte>('a' + made_ % 26));
    ++made_;
    return made_ < options_.chunks || options_.alone ? More::yes : More::no;
  }

 private:
  Options options_;
  int made_ = 0;
};

struct Scene {
  explicit Scene(SelectorKind kind = SelectorKind::epoll, PairOptions buffers = {})
      : reactor({.selector = kind}), pair(tcp_pair(buffers)) {
    handler.when_drained = [this](Stream&) {
      if (pump) pump->on_drained();
    };
    stream.emplace(reactor, std::move(pair.ours), handler);
  }

  void pump_letters(Letters::Options options) {
    options.fills = &fills;
    options.destroyed = &destroyed;
    pump = std::make_unique<SourcePump>(*stream, std::make_unique<Letters>(options),
                                        [this](Error why) {
                                          ++calls;
                                          error = why;
                                        });
    pump->start();
  }
  bool ended() {
    return run_until(reactor, [&] { return calls != 0; });
  }
  std::string received(std::size_t size) {
    std::string text;
    run_until(reactor, [&] {
      return read_some(pair.theirs.get(), text) != Tail::more || text.size() >= size;
    });
    return text;
  }

  Reactor reactor;
  Pair pair;
  RecordingHandler handler;
  std::optional<Stream> stream;
  std::unique_ptr<SourcePump> pump;
  int fills = 0;
  int calls = 0;
  bool destroyed = false;
  Error error;
};

}  // namespace

TestEachSelector(ftp_source_pump, sends_all_chunks_in_order_and_tells_once) {
  Scene scene(kind);
  scene.pump_letters({.chunks = 5, .size = 2});
  cr_assert(scene.ended());
  turn(scene.reactor, 3);
  cr_expect(scene.calls == 1 && !scene.error);
  cr_expect(scene.received(10) == "aabbccddee");
  cr_expect(scene.pump->sent() == 10);
}

Test(ftp_source_pump, what_fits_into_one_chunk_is_done_within_start) {
  Scene scene;
  scene.pump_letters({.chunks = 1, .size = 3});
  cr_expect(scene.calls == 1 && !scene.error);
  cr_expect(scene.received(3) == "aaa");
}

Test(ftp_source_pump, an_empty_source_sends_nothing_and_is_whole) {
  Scene scene;
  scene.pump_letters({.chunks = 0});
  cr_expect(scene.calls == 1 && !scene.error);
  cr_expect(scene.pump->sent() == 0);
}

Test(ftp_source_pump, a_source_may_learn_of_its_end_late) {
  Scene scene;
  scene.pump_letters({.chunks = 2, .alone = true});
  cr_assert(scene.ended());
  cr_expect(!scene.error && scene.fills == 3);
  cr_expect(scene.received(2) == "ab");
}

TestEachSelector(ftp_source_pump, asks_for_one_chunk_a_turn_only) {
  Scene scene(kind);
  scene.pump_letters({.chunks = 50});
  cr_expect(scene.fills == 1);
  for (int turns = 1; turns < 10; ++turns) {
    turn(scene.reactor);
    cr_expect(scene.fills == turns + 1, "%d after %d turns", scene.fills, turns);
  }
}

TestEachSelector(ftp_source_pump, does_not_fill_while_the_reader_is_slow) {
  Scene scene(kind, {.our_send_buffer = 4096, .their_receive_buffer = 4096});
  constexpr std::size_t kSize = 1024 * 1024;
  scene.pump_letters({.chunks = 3, .size = kSize});
  turn(scene.reactor, 20);
  cr_expect(scene.fills == 1, "%d fills", scene.fills);
  cr_expect(scene.stream->queued() > 0 && scene.stream->queued() < kSize);
  cr_expect(scene.pump->sent() == kSize - scene.stream->queued());
  const std::string text = scene.received(3 * kSize);
  cr_expect(text == std::string(kSize, 'a') + std::string(kSize, 'b') + std::string(kSize, 'c'));
  cr_assert(scene.ended());
  cr_expect(!scene.error && scene.pump->sent() == 3 * kSize);
}

Test(ftp_source_pump, is_done_only_when_the_kernel_has_all) {
  Scene scene(SelectorKind::epoll, {.our_send_buffer = 4096, .their_receive_buffer = 4096});
  scene.pump_letters({.chunks = 1, .size = 1024 * 1024});
  turn(scene.reactor, 5);
  cr_expect(scene.calls == 0);
  cr_expect(scene.received(1024 * 1024).size() == 1024 * 1024);
  cr_assert(scene.ended());
  cr_expect(scene.stream->drained());
}

Test(ftp_source_pump, passes_an_error_on_behind_what_came_before) {
  Scene scene;
  scene.pump_letters({.chunks = 9, .fails_at = 2});
  cr_assert(scene.ended());
  cr_expect(scene.error.code == EBADMSG);
  cr_expect(scene.received(2) == "ab");
  turn(scene.reactor, 5);
  cr_expect(scene.calls == 1 && scene.fills == 3);
}

Test(ftp_source_pump, may_be_destroyed_in_its_own_call) {
  for (const int chunks : {1, 3}) {
    for (const int fails_at : {-1, 0, 2}) {
      Scene scene;
      int calls = 0;
      scene.pump = std::make_unique<SourcePump>(
          *scene.stream,
          std::make_unique<Letters>(Letters::Options{
              .chunks = chunks, .fails_at = fails_at, .destroyed = &scene.destroyed}),
          [&](Error) {
            ++calls;
            const auto gone = std::move(scene.pump);
          });
      scene.pump->start();
      cr_assert(run_until(scene.reactor, [&] { return calls == 1; }));
      cr_expect(scene.destroyed);
      turn(scene.reactor, 3);
      cr_expect(calls == 1);
    }
  }
}

Test(ftp_source_pump, destroyed_midway_it_calls_nobody_and_asks_no_more) {
  Scene scene;
  scene.pump_letters({.chunks = 9});
  turn(scene.reactor);
  const int fills = scene.fills;
  scene.pump.reset();
  cr_expect(scene.destroyed);
  turn(scene.reactor, 5);
  cr_expect(scene.calls == 0 && scene.fills == fills);
}

TestEachSelector(ftp_source_pump, leaves_the_end_of_the_stream_to_its_owner) {
  Scene scene(kind, {.our_send_buffer = 4096, .their_receive_buffer = 4096});
  scene.pump_letters({.chunks = 9, .size = 1024 * 1024});
  turn(scene.reactor, 2);
  reset_connection(scene.pair.theirs);
  cr_assert(run_until(scene.reactor, [&] { return scene.handler.closed; }));
  turn(scene.reactor, 5);
  cr_expect(scene.calls == 0);
  cr_expect(scene.pump->sent() < 1024 * 1024, "of one chunk the kernel took a part");
}
