#include "reactor/log.h"
#include "reactor/text.h"
#include "tools/run_loop.h"
#include "tools/video/incoming.h"
#include "tools/video/recorder.h"

namespace sluice::tools {
namespace {

constexpr std::uint64_t kMaxFps = 240;

/// Each picture that comes is one of the file, as in the lecture: what is lost on the way makes the
/// recording shorter.
class Recording final : public video::FrameSink {
 public:
  Recording(Reactor& reactor, Recorder& recorder, std::uint64_t count)
      : reactor_(&reactor), recorder_(&recorder), count_(count) {}

  void on_frame(const video::Frame& frame) noexcept override {
    if (ended_) return;
    auto taken = recorder_->take(frame, reactor_->now());
    if (!taken) {
      failure_ = std::move(taken.error());
    } else if (count_ == 0 || recorder_->frames() < count_) {
      return;
    }
    ended_ = true;
    reactor_->stop();
  }

  const VideoFailure& failure() const { return failure_; }

 private:
  Reactor* reactor_;
  Recorder* recorder_;
  std::uint64_t count_;
  bool ended_ = false;
  VideoFailure failure_;
};

VideoOutcome<Recorder::Options> recorder_options(const Arguments& arguments) {
  const auto wrong = [](std::string text) {
    return std::unexpected(VideoFailure{std::move(text), kWrongUsage});
  };
  if (arguments.operands.size() < 2) return wrong("into which FILE?");
  const std::string_view path = arguments.operands[1];
  if (path.empty() || path.ends_with('/')) return wrong("into which FILE?");
  const std::string_view codec = arguments.value("--codec").value_or(Recorder::codec_for(path));
  if (codec.empty()) {
    return wrong(
        concat("--codec says what to write into ", path, ": only for .mp4 and .avi that is known"));
  }
  if (codec.size() != 4) return wrong(concat("--codec takes four letters, not ", codec));
  const auto fps = number_option(arguments, "--fps", 25, 1, kMaxFps);
  if (!fps) return wrong(fps.error());
  return Recorder::Options{std::string(path), std::string(codec), static_cast<std::uint32_t>(*fps)};
}

/// What became of it, in a line.
int summarize(const Recorder& recorder, const Incoming& incoming, std::string_view path) {
  std::string text = concat(path, ": ", recorder.frames(), " pictures, ", recorder.format());
  if (const std::uint64_t lost = incoming.counters().lost; lost != 0) {
    text += concat("; ", lost, " were lost on the way");
  }
  if (recorder.refused() != 0) text += concat("; ", recorder.refused(), " could not be decoded");
  return print(concat(text, '\n'));
}

}  // namespace

int record_video(const Arguments& arguments) {
  auto plan = Incoming::plan(arguments);
  if (!plan) return report(plan.error());
  auto recorder_of = recorder_options(arguments);
  if (!recorder_of) return report(recorder_of.error());
  const std::string path = recorder_of->path;
  const auto count = number_option(arguments, "--count", 0, 1, UINT64_MAX);
  if (!count) return misused(kVideoName, count.error());
  const auto seconds = number_option(arguments, "--seconds", 0, 1, 1'000'000'000);
  if (!seconds) return misused(kVideoName, seconds.error());
  set_log_level(LogLevel::warning);
  Recorder recorder(std::move(*recorder_of));
  if (auto checked = recorder.check(); !checked) return report(checked.error());

  Reactor reactor;
  Recording recording(reactor, recorder, *count);
  Incoming incoming(reactor, std::move(*plan), recording);
  if (auto started = incoming.start(); !started) return report(started.error());
  reactor.post([&] {
    if (const std::string line = incoming.listening(); !line.empty()) print(concat(line, '\n'));
  });
  LoopOptions options;
  if (*seconds != 0) options.at_most = std::chrono::seconds(*seconds);
  const auto ended = run_loop(reactor, options);
  const auto finished = recorder.finish();
  if (!ended) return complain(kVideoName, ended.error());

  int status = kOk;
  if (recorder.frames() != 0 && finished) status = summarize(recorder, incoming, path);
  if (!finished) status = report(finished.error());
  if (!recording.failure().text.empty()) return report(recording.failure());
  if (incoming.ended() && !incoming.failure().text.empty()) return report(incoming.failure());
  if (recorder.frames() == 0) return complain(kVideoName, "no picture came");
  if (recorder.frames() < *count && *ended != Ended::signal) {
    return complain(kVideoName, concat(recorder.frames(), " of ", *count, " pictures came"));
  }
  return status;
}

}  // namespace sluice::tools
