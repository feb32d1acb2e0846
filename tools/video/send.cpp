#include "reactor/log.h"
#include "reactor/text.h"
#include "tools/run_loop.h"
#include "tools/video/feed.h"

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;

/// What the last picture may still take to leave.
constexpr auto kGrace = 300ms;

/// Hears of the end of the source.
class End final : public video::FrameSink {
 public:
  explicit End(Reactor& reactor) : timer_(reactor.timer([&reactor] { reactor.stop(); })) {}

  void on_frame(const video::Frame&) noexcept override {}
  void on_end(std::string_view trouble) noexcept override {
    trouble_ = trouble;
    timer_.start(kGrace);
  }

  const std::string& trouble() const { return trouble_; }

 private:
  Timer timer_;
  std::string trouble_;
};

}  // namespace

int send_video(const Arguments& arguments) {
  auto plan = Feed::plan(arguments);
  if (!plan) return report(plan.error());
  if (!plan->udp && !plan->rtp) return misused(kVideoName, "--udp, --rtp or both say where to");
  plan->expect(plan->rtp.has_value());
  plan->source_options.repeat = false;
  set_log_level(LogLevel::warning);
  Reactor reactor;
  Feed feed(reactor, std::move(*plan));
  if (auto opened = feed.open(); !opened) return report(opened.error());
  if (auto started = feed.start(); !started) return report(started.error());
  End end(reactor);
  feed.hubs().source().add(end);
  reactor.post([&] { print(feed.lines()); });
  const auto ended = run_loop(reactor);
  feed.hubs().source().remove(end);
  if (!ended) return complain(kVideoName, ended.error());
  return end.trouble().empty() ? kOk : complain(kVideoName, end.trouble());
}

}  // namespace sluice::tools
