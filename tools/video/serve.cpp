#include <algorithm>
#include <csignal>
#include <utility>
#include <vector>

#include "protocols/http/http_service.h"
#include "protocols/video/http_video.h"
#include "protocols/video/tcp_frame_service.h"
#include "reactor/log.h"
#include "reactor/text.h"
#include "tools/run_loop.h"
#include "tools/video/feed.h"

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;

constexpr auto kDrain = 2s;
/// How often to look whether the source has come to its end.
constexpr auto kLookEvery = 500ms;

struct ServePlan {
  Feed::Plan feed;
  std::optional<Address> tcp, http;
  bool pickles = true;
};

VideoOutcome<ServePlan> make_plan(const Arguments& arguments) {
  const auto wrong = [](std::string text) {
    return std::unexpected(VideoFailure{std::move(text), kWrongUsage});
  };
  auto feed = Feed::plan(arguments);
  if (!feed) return std::unexpected(std::move(feed.error()));
  auto tcp = listen_option(arguments, "--tcp");
  if (!tcp) return std::unexpected(std::move(tcp.error()));
  auto http = listen_option(arguments, "--http");
  if (!http) return std::unexpected(std::move(http.error()));
  if (!*tcp && !*http && !feed->udp && !feed->rtp) {
    return wrong("--tcp, --http, --udp or --rtp say to whom");
  }
  const std::string_view payload = arguments.value("--payload").value_or("pickle");
  if (payload != "pickle" && payload != "jpeg") {
    return wrong(concat("--payload is pickle or jpeg, not ", payload));
  }
  if (arguments.has("--payload") && !*tcp) return wrong("--payload goes with --tcp");
  ServePlan plan{std::move(*feed), std::move(*tcp), std::move(*http), payload == "pickle"};
  plan.feed.expect(plan.http || plan.feed.rtp || (plan.tcp && !plan.pickles));
  return plan;
}

/// The services and senders of one source, from start to drain.
class VideoServer {
 public:
  VideoServer(Reactor& reactor, ServePlan plan)
      : reactor_(&reactor),
        plan_(std::move(plan)),
        feed_(reactor, plan_.feed),
        deadline_(reactor.timer([this] { reactor_->stop(); })),
        look_(reactor.every(kLookEvery, [this] { look(); })) {}

  VideoOutcome<void> start();
  int run();

 private:
  VideoOutcome<void> start(std::unique_ptr<TcpService> service);
  void tell_of_other_forms();
  std::vector<http::ServiceState> states() const;
  void announce() const;
  void look();
  void drain();
  void one_finished();

  Reactor* reactor_;
  ServePlan plan_;
  Feed feed_;
  const video::TcpFrameService* tcp_ = nullptr;
  std::unique_ptr<video::HttpVideo> pages_;
  std::vector<std::unique_ptr<TcpService>> services_;
  Timer deadline_, look_;
  bool draining_ = false;
  std::string trouble_;
};

VideoOutcome<void> VideoServer::start(std::unique_ptr<TcpService> service) {
  if (auto started = service->start(); !started) {
    return std::unexpected(VideoFailure{concat(service->name(), ": ", started.error())});
  }
  service->on_finished([this] { one_finished(); });
  services_.push_back(std::move(service));
  return {};
}

VideoOutcome<void> VideoServer::start() {
  if (auto opened = feed_.open(); !opened) return opened;
  Hubs& hubs = feed_.hubs();
  if (plan_.tcp) {
    video::FrameHub& hub = plan_.pickles ? hubs.bgr() : hubs.jpeg();
    const video::TcpFrameService::Options options{.address = *plan_.tcp, .name = "tcp"};
    auto service = std::make_unique<video::TcpFrameService>(*reactor_, hub, options);
    tcp_ = service.get();
    if (auto started = start(std::move(service)); !started) return started;
  }
  if (plan_.http) {
    pages_ = std::make_unique<video::HttpVideo>(hubs.jpeg());
    auto service = std::make_unique<http::HttpService>(
        *reactor_, http::HttpService::Options{.address = *plan_.http}, [this] { return states(); });
    tell_of_other_forms();
    pages_->add_to(service->routes());
    if (auto started = start(std::move(service)); !started) return started;
  }
  return feed_.start();
}

/// On the page and in the metrics.
void VideoServer::tell_of_other_forms() {
  using Form = video::VideoFigures::Form;
  video::VideoFigures& figures = pages_->figures();
  if (tcp_) {
    figures.add_form(
        "tcp", [this] { return Form{tcp_->active(), tcp_->frames_sent, tcp_->frames_skipped}; });
  }
  const auto sent_by = [](const auto* sender) {
    return sender ? Form{1, sender->counters().frames, sender->counters().skipped} : Form{};
  };
  if (plan_.feed.udp) figures.add_form("udp", [=, this] { return sent_by(feed_.udp()); });
  if (plan_.feed.rtp) figures.add_form("rtp", [=, this] { return sent_by(feed_.rtp()); });
}

std::vector<http::ServiceState> VideoServer::states() const {
  std::vector<http::ServiceState> states;
  for (const auto& service : services_) {
    states.push_back({.name = std::string(service->name()),
                      .address = service->address(),
                      .trouble = service->finished() ? "closed" : "",
                      .counters = service->counters()});
  }
  return states;
}

void VideoServer::announce() const {
  std::string text;
  for (const auto& service : services_) {
    text += concat(service->name(), " listening on ", service->address(), '\n');
  }
  print(text + feed_.lines());
}

/// Files begin again and cameras are waited for, so an end is one for good.
void VideoServer::look() {
  const video::FrameHub& source = feed_.hubs().source();
  if (!source.ended() || draining_) return;
  trouble_ = source.trouble();
  drain();
}

void VideoServer::drain() {
  if (std::exchange(draining_, true)) return reactor_->stop();
  deadline_.start(kDrain);
  for (const auto& service : services_) service->drain();
  one_finished();
}

void VideoServer::one_finished() {
  const auto finished = [](const auto& service) { return service->finished(); };
  if (draining_ && std::ranges::all_of(services_, finished)) reactor_->stop();
}

int VideoServer::run() {
  for (const int number : {SIGTERM, SIGINT}) {
    if (auto set = reactor_->on_signal(number, [this] { drain(); }); !set) {
      return complain(kVideoName, set.error().message());
    }
  }
  announce();
  const auto ran = reactor_->run();
  for (const auto& service : services_) service->abort();
  if (!ran) return complain(kVideoName, ran.error().message());
  return trouble_.empty() ? kOk : complain(kVideoName, trouble_);
}

}  // namespace

int serve_video(const Arguments& arguments) {
  auto plan = make_plan(arguments);
  if (!plan) return report(plan.error());
  Reactor reactor;
  VideoServer server(reactor, std::move(*plan));
  if (auto started = server.start(); !started) return report(started.error());
  return server.run();
}

}  // namespace sluice::tools
