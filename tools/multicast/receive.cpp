#include <sys/ioctl.h>
#include <unistd.h>

#include <ctime>
#include <utility>

#include "protocols/multicast/receiver.h"
#include "protocols/multicast/sink.h"
#include "reactor/log.h"
#include "reactor/text.h"
#include "reactor/write_all.h"
#include "tools/multicast/commands.h"
#include "tools/multicast/output.h"
#include "tools/multicast/statistics_view.h"
#include "tools/run_loop.h"

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;
using multicast::Framing;
using multicast::Receiver;

/// How long a program or a slow reader may still take for what it was given, after ^C.
constexpr Duration kPatience = 2s;

std::expected<std::vector<multicast::GroupSpec>, std::string> parse_groups(
    const Arguments& arguments) {
  std::vector<multicast::GroupSpec> groups;
  const auto interface = arguments.value("--interface");
  const auto source = arguments.value("--source");
  for (const std::string_view text : std::span(arguments.operands).subspan(1)) {
    auto spec = multicast::parse_group_spec(text);
    if (!spec) return std::unexpected(std::move(spec.error()));
    if (spec->interface.empty() && interface && interface != "all") spec->interface = *interface;
    if (!spec->source && source) {
      auto parsed = multicast::parse_source(*source, spec->group);
      if (!parsed) return std::unexpected(std::move(parsed.error()));
      spec->source = std::move(*parsed);
    }
    groups.push_back(std::move(*spec));
  }
  return groups;
}

/// The whole command: receiver and sinks, from start to end.
class Receive {
 public:
  Receive(Reactor& reactor, Receiver::Options options, bool statistics)
      : reactor_(&reactor),
        count_(options.count),
        statistics_(statistics),
        output_(reactor, [this](const Error& error) { output_failed(error); }),
        receiver_(reactor, std::move(options),
                  [this](Receiver::Group&, std::span<const Received> batch) { arrived(batch); }) {}

  Started start(const Arguments& arguments);
  int run(Duration at_most);

 private:
  void arrived(std::span<const Received> batch);
  void output_failed(const Error& error);
  void program_ended(int status);
  void show_statistics(bool final);
  void wind_up();
  void stop_when_done();
  bool done() const;
  std::string listening() const;
  void summarize(Ended ended);

  Reactor* reactor_;
  std::uint64_t count_;
  bool statistics_;
  Output output_;
  std::unique_ptr<multicast::FileSink> file_;
  std::unique_ptr<multicast::ProgramSink> program_;
  Receiver receiver_;
  bool prints_ = true;  // what comes, to standard output
  bool winding_up_ = false;
  int status_ = kOk;
  Timer every_second_;
};

Started Receive::start(const Arguments& arguments) {
  const auto file = arguments.value("--write");
  const auto command = arguments.value("--exec");
  const bool to_output = file == "-";
  prints_ = to_output || (!file && !command && !statistics_);
  if (to_output && statistics_) return std::unexpected("--stats and --write - share one output");
  if (auto opened = output_.open(to_output ? Framing::raw : Framing::lines); !opened) return opened;
  if (file && !to_output) {
    auto opened = multicast::FileSink::open(std::string(*file));
    if (!opened) return std::unexpected(std::move(opened.error()));
    file_ = std::move(*opened);
  }
  // Before the program, so that it is not left alone when nothing can be joined.
  if (auto started = receiver_.start(); !started) return started;
  if (command) {
    const Framing framing = arguments.has("--raw") ? Framing::raw : Framing::lines;
    program_ = std::make_unique<multicast::ProgramSink>(*reactor_, std::string(*command), framing);
    program_->on_ended([this](int status) { program_ended(status); });
    program_->on_finished([this] { stop_when_done(); });
    if (auto started = program_->start(); !started) return started;
  }
  output_.on_drained([this] { stop_when_done(); });
  if (statistics_) {
    every_second_ = reactor_->every(1s, [this] {
      receiver_.tick();
      show_statistics(false);
    });
  }
  return {};
}

std::string Receive::listening() const {
  std::string text = "listening on";
  for (const auto& group : receiver_.groups()) text += concat(' ', group->name());
  return text;
}

int Receive::run(Duration at_most) {
  LoopOptions options;
  const std::string announce = listening();
  options.announce = announce;
  if (at_most > Duration::zero()) options.at_most = at_most;
  auto ended = run_loop(*reactor_, options);
  if (!ended) return complain(kMulticast, ended.error());
  wind_up();
  if (!done()) (void)run_loop(*reactor_, {.at_most = kPatience});
  summarize(*ended);
  return status_;
}

void Receive::arrived(std::span<const Received> batch) {
  if (prints_) output_.take(batch);
  if (program_) program_->take(batch);
  if (file_) {
    file_->take(batch);
    if (file_->error()) {  // the log has told it
      status_ = kFailed;
      return reactor_->stop();
    }
  }
  if (receiver_.complete()) wind_up();
}

/// Nothing more comes; what has come still goes out.
void Receive::wind_up() {
  if (std::exchange(winding_up_, true)) return;
  receiver_.stop();
  receiver_.average();
  every_second_.stop();
  if (statistics_) show_statistics(true);
  if (program_) program_->finish();
  stop_when_done();
}

bool Receive::done() const {
  return output_.finished() && (!program_ || program_->finished());
}

void Receive::stop_when_done() {
  if (winding_up_ && done()) reactor_->stop();
}

void Receive::output_failed(const Error& error) {
  complain(kMulticast, concat("standard output: ", std::strerror(error.code)));
  status_ = kFailed;
  reactor_->stop();
}

void Receive::program_ended(int status) {
  if (status != 0) {
    complain(kMulticast, concat("the command ", multicast::how_ended(status)));
    status_ = kFailed;
  }
  reactor_->stop();
}

void Receive::show_statistics(bool final) {
  if (output_.is_terminal()) {
    winsize size{};
    const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    const std::size_t rows = known ? size.ws_row : 24;
    output_.draw(statistics_table(receiver_, final ? SIZE_MAX : std::max<std::size_t>(rows, 2) - 1,
                                  known ? size.ws_col : 80));
  } else {
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const double time = static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
    output_.put(statistics_json(receiver_, time, final));
  }
}

void Receive::summarize(Ended ended) {
  std::uint64_t datagrams = 0, bytes = 0, sources = 0, dropped = 0;
  for (const auto& group : receiver_.groups()) {
    datagrams += group->statistics().all().datagrams;
    bytes += group->statistics().all().bytes;
    sources += group->statistics().sources().size() + group->statistics().forgotten();
    dropped += group->dropped();
  }
  if (ended == Ended::time && count_ > datagrams) status_ = kFailed;
  if (ended == Ended::signal && !statistics_) {
    (void)write_all(STDERR_FILENO, concat(datagrams, " datagrams, ", bytes, " bytes from ", sources,
                                          " sources\n"));
  }
  if (dropped != 0 && !statistics_) {
    complain(kMulticast, concat(dropped, " datagrams came too fast and were dropped"));
  }
  const std::uint64_t unread = output_.dropped() + (program_ ? program_->dropped() : 0);
  if (unread != 0) {
    complain(kMulticast, concat(unread, " datagrams were dropped, as their reader was too slow"));
  }
}

}  // namespace

int receive_multicast(const Arguments& arguments) {
  auto groups = parse_groups(arguments);
  if (!groups) return misused(kMulticast, groups.error());
  const auto count = number_option(arguments, "--count", 0, 1, UINT64_MAX);
  if (!count) return misused(kMulticast, count.error());
  const auto seconds = number_option(arguments, "--seconds", 0, 1, 1'000'000'000);
  if (!seconds) return misused(kMulticast, seconds.error());
  const auto renew = number_option(arguments, "--renew", 0, 1, 86'400);
  if (!renew) return misused(kMulticast, renew.error());
  set_log_level(arguments.has("--verbose") ? LogLevel::info : LogLevel::warning);
  for (const multicast::GroupSpec& spec : *groups) {
    const std::string word = multicast::contradiction(spec);
    if (!word.empty()) complain(kMulticast, word);
  }
  const bool statistics = arguments.has("--stats");
  Reactor reactor;
  Receive receive(reactor,
                  {.groups = std::move(*groups),
                   .timestamps = statistics,
                   .count = *count,
                   .renew_silent = std::chrono::seconds(*renew)},
                  statistics);
  if (auto started = receive.start(arguments); !started) {
    return complain(kMulticast, started.error());
  }
  return receive.run(std::chrono::seconds(*seconds));
}

}  // namespace sluice::tools
