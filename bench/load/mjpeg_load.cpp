// Watches an MJPEG stream over HTTP (multipart/x-mixed-replace) with many viewers on one thread.
//
// Usage: mjpeg_load HOST:PORT PATH [--viewers N] [--slow K] [--slow-rate BYTES]
//                   [--slow-buffer BYTES] [--run-seconds S] [--copy] [--wait]
//
//   K more viewers read BYTES a second each (250,000) by a token bucket; the kernel's buffer for
//   what they have not read is as large as it makes it, or has --slow-buffer bytes (SO_RCVBUF).
//   The middle of a picture is dropped by the kernel without being copied (MSG_TRUNC, tcp(7)), so
//   that the server is measured.
//   --copy  really receives all of it
//   --wait  prints `ready` once every viewer has had a picture, counts from a line of standard
//           input on, as often as one comes, and looks on until standard input ends.
//
// Prints `viewers=N seconds=S frames=F fps_min=X fps_median=X skipped=N doubled=N disordered=N
// bad=N closed=N p50_ms=X p99_ms=X max_ms=X mb_per_second=X load_cpu=X`, then with K > 0 the same
// of the slow ones as `slow_frames` and so on. Milliseconds are from the making of a picture until
// it is here as a whole; skipped are gaps in the numbers; load_cpu is this program's own use of its
// processor.

#include <sys/epoll.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <string_view>
#include <vector>

#include "bench/load/mjpeg_viewer.h"

namespace {

using load::PictureCounts;
using load::Viewer;

constexpr double kPatience = 30;    // seconds until everybody must have had a picture
constexpr double kSlowTick = 0.01;  // seconds between two reads of a slow viewer
constexpr double kSlowBurst = 0.2;  // seconds of its rate that it may save up

struct Options {
  std::string target, path;
  std::size_t viewers = 1, slow = 0;
  double slow_rate = 250'000, seconds = 3;
  int slow_buffer = 0;
  bool copy = false, wait = false;
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    const load::Target target = load::parse_target(options.target);
    const std::string request =
        "GET " + options.path + " HTTP/1.1\r\nHost: " + options.target + "\r\n\r\n";
    fast_.viewers.reserve(options.viewers);  // they are known by their addresses
    for (std::size_t i = 0; i < options.viewers + options.slow; ++i) {
      Crowd& crowd = i < options.viewers ? fast_ : slow_;
      const int fd = connect_viewer(target, &crowd == &slow_ ? options.slow_buffer : 0);
      if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) load::die("send");
      crowd.viewers.emplace_back(fd, crowd.counts, options.copy);
      if (&crowd == &fast_) watch(fd, &crowd.viewers.back());
    }
    allowed_.resize(options.slow);
    if (options.wait) watch(STDIN_FILENO, nullptr);
  }

  void wait_for_first_pictures() {
    const double begin = load::seconds_now();
    while (!all_have_one()) {
      turn(0.1);
      if (fast_.counts.closed + slow_.counts.closed > 0) give_up("a viewer was not served");
      if (load::seconds_now() > begin + kPatience) give_up("somebody has no picture");
    }
  }

  /// Looks on until a line of standard input; false at its end.
  bool wait_for_line() {
    for (told_ = false; !told_ && !over_;) turn(0.1);
    return !over_;
  }

  void count() {
    for (Crowd* crowd : {&fast_, &slow_}) {
      crowd->counts = {};
      for (Viewer& viewer : crowd->viewers) viewer.start_counting();
    }
    const std::clock_t used = std::clock();
    const double begin = load::seconds_now(), end = begin + options_.seconds;
    for (;;) {
      const double left = end - load::seconds_now();
      if (left <= 0) break;
      turn(left);
    }
    const double seconds = load::seconds_now() - begin;
    std::printf("viewers=%zu seconds=%.3f load_cpu=%.3f", options_.viewers, seconds,
                static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC / seconds);
    report("", fast_, seconds);
    if (options_.slow > 0) report("slow_", slow_, seconds);
    std::printf("\n");
    std::fflush(stdout);
  }

 private:
  [[noreturn]] static void give_up(const char* why) {
    std::fprintf(stderr, "%s\n", why);
    std::exit(1);
  }

  struct Crowd {
    std::vector<Viewer> viewers = {};
    PictureCounts counts = {};
  };

  static int connect_viewer(const load::Target& target, int buffer) {
    if (buffer == 0) return load::connect_to(target);
    const int fd = socket(target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) load::die("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);  // before the window is told
    if (connect(fd, reinterpret_cast<const sockaddr*>(&target.address), target.size) != 0) {
      load::die("connect");
    }
    return fd;
  }

  void watch(int fd, Viewer* viewer) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = viewer;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) load::die("epoll_ctl");
  }

  bool all_have_one() const {
    const auto has = [](const Viewer& viewer) { return viewer.frames() > 0; };
    return std::ranges::all_of(fast_.viewers, has) && std::ranges::all_of(slow_.viewers, has);
  }

  void turn(double most) {
    if (!allowed_.empty()) most = std::min(most, kSlowTick);
    epoll_event ready[256];
    const int count = epoll_wait(epoll_, ready, 256, static_cast<int>(most * 1000) + 1);
    for (int i = 0; i < count; ++i) {
      auto* viewer = static_cast<Viewer*>(ready[i].data.ptr);
      viewer ? static_cast<void>(viewer->receive(SIZE_MAX)) : read_line();
    }
    const double now = load::seconds_now();
    if (!allowed_.empty() && now >= ticked_ + kSlowTick) read_slowly(now);
  }

  void read_slowly(double now) {
    const double more = std::min(now - ticked_, kSlowBurst) * options_.slow_rate;
    ticked_ = now;
    for (std::size_t i = 0; i < allowed_.size(); ++i) {
      Viewer& viewer = slow_.viewers[i];
      allowed_[i] = std::min(allowed_[i] + more, kSlowBurst * options_.slow_rate);
      if (!viewer.open()) continue;
      allowed_[i] -= static_cast<double>(viewer.receive(static_cast<std::size_t>(allowed_[i])));
    }
  }

  void read_line() {
    char text[256];
    const ssize_t got = read(STDIN_FILENO, text, sizeof text);
    over_ = got <= 0;
    told_ = got > 0;
  }

  static void report(const char* whose, Crowd& crowd, double seconds) {
    PictureCounts& counts = crowd.counts;
    std::vector<double> rates;
    rates.reserve(crowd.viewers.size());
    for (const Viewer& viewer : crowd.viewers) {
      rates.push_back(static_cast<double>(viewer.frames()) / seconds);
    }
    const std::pair<const char*, double> figures[] = {
        {"frames", static_cast<double>(counts.frames)},
        {"fps_min", quantile(rates, 0)},
        {"fps_median", quantile(rates, 0.5)},
        {"skipped", static_cast<double>(counts.skipped)},
        {"doubled", static_cast<double>(counts.doubled)},
        {"disordered", static_cast<double>(counts.disordered)},
        {"bad", static_cast<double>(counts.bad)},
        {"closed", static_cast<double>(counts.closed)},
        {"p50_ms", quantile(counts.milliseconds, 0.5)},
        {"p99_ms", quantile(counts.milliseconds, 0.99)},
        {"max_ms", quantile(counts.milliseconds, 1)},
        {"mb_per_second", static_cast<double>(counts.bytes) / seconds / 1e6},
    };
    for (const auto& [name, value] : figures) std::printf(" %s%s=%.7g", whose, name, value);
  }

  static double quantile(std::vector<double>& values, double part) {
    if (values.empty()) return 0;
    const double at = part * static_cast<double>(values.size() - 1);
    const auto place = values.begin() + static_cast<std::ptrdiff_t>(at);
    std::ranges::nth_element(values, place);
    return *place;
  }

  const Options options_;
  int epoll_;
  Crowd fast_, slow_;
  std::vector<double> allowed_;  // bytes that each slow one may read now
  double ticked_ = 0;            // when they last did
  bool told_ = false, over_ = false;
};

Options parse(int argc, char** argv) {
  Options options;
  options.target = argv[1];
  options.path = argv[2];
  for (int i = 3; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--wait" || name == "--copy") {
      (name == "--wait" ? options.wait : options.copy) = true;
      continue;
    }
    const double value = i + 1 < argc ? std::strtod(argv[++i], nullptr) : 0;
    if (name == "--viewers") options.viewers = static_cast<std::size_t>(value);
    if (name == "--slow") options.slow = static_cast<std::size_t>(value);
    if (name == "--slow-rate") options.slow_rate = value;
    if (name == "--slow-buffer") options.slow_buffer = static_cast<int>(value);
    if (name == "--run-seconds") options.seconds = value;
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: mjpeg_load HOST:PORT PATH [options], see the source\n");
    return 2;
  }
  const Options options = parse(argc, argv);
  load::raise_descriptor_limit();
  Load run(options);
  run.wait_for_first_pictures();
  if (!options.wait) {
    run.count();
    return 0;
  }
  std::printf("ready\n");
  std::fflush(stdout);
  while (run.wait_for_line()) run.count();
}
