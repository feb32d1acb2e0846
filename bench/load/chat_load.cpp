// Publishes through a chat server or message broker and checks what every reader gets.
//
// Usage: chat_load HOST:PORT WIRE [--readers S] [--publishers P] [--talkers T] [--size BYTES]
//                  [--window N] [--slow R] [--run-seconds D] [--least-messages M]
//                  [--spin] [--wait]
//
//   WIRE is raw, sluice, redis, nats or mqtt. P clients publish messages of BYTES each to S
//   readers; T talkers do both. Message k of a publisher leaves once its message k-N has reached
//   every reader. R of the S readers stop reading when all are connected, and nobody waits for
//   them. After D seconds nothing more is published, and what is under way is waited for.
//   --spin  never sleeps, so that the server need not wake it
//   --wait  prints `ready` and waits for a line of standard input before it publishes; then keeps
//   all
//           connections until it ends, and with another line reads what the slow readers left.
//
// Every message that is read is checked for its length, its publisher and its place in the order;
// the filling is not looked at. `lost` are those that never came, `disordered` those that came
// late, `doubled` those that came again, `other` lines that are no messages (notices).

#include <sys/resource.h>

#include <memory>

#include "bench/load/chat_crowd.h"
#include "bench/load/chat_options.h"

namespace {

using load::Client;
using load::Message;

constexpr std::size_t kChunk = 256 * 1024, kRest = 128 * 1024, kBatchBytes = 256 * 1024;
constexpr double kPatience = 2;  // seconds without any delivery
constexpr std::uint32_t kNobody = 0xffff;
constexpr unsigned kMostSeconds = 300;

/// What was not complete is put before what comes next. Aligned, as the kernel then copies fastest.
alignas(4096) char buffer[kRest + kChunk];

std::uint32_t microseconds(double seconds) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(seconds * 1e6));
}

/// What one publisher says.
struct Flow {
  Client* client;
  std::uint32_t next;                  // number of its next message
  std::uint32_t all_have;              // everybody has got those before
  std::vector<std::uint32_t> reached;  // how many have got a message, by number & mask
};

class Load {
 public:
  explicit Load(const load::ChatOptions& options)
      : options_(options),
        wire_(load::make_wire(options.wire, options.size, options.talkers > 0)),
        crowd_(wire_, load::parse_target(options.target), options.readers, options.talkers,
               options.publishers),
        stride_(wire_.say_lead.size() + options.size + wire_.say_trail.size()),
        batch_(std::clamp<std::size_t>(kBatchBytes / stride_, 1, options.window)),
        mask_(static_cast<std::uint32_t>(std::bit_ceil(options.window) - 1)) {
    for (std::size_t i = 0; i < batch_; ++i) {
      text_ += wire_.say_lead + std::string(options.size, '.') + wire_.say_trail;
      Message::fill(payload(i), options.size);
    }
    readers_ = options.readers + options.talkers;
    for (Client& client : crowd_.clients()) {
      if (client.writes) flows_.push_back({&client, 0, 0, std::vector<std::uint32_t>(mask_ + 1)});
    }
    expected_.resize(readers_ * flows_.size());
    if (!flows_.empty() && readers_ > 0) prime();
  }

  /// Publishes for the time asked for, then waits for what is under way.
  void run() {
    for (std::size_t i = 0; i < options_.slow; ++i) {
      crowd_.watch(EPOLL_CTL_DEL, crowd_.clients()[i], 0);
    }
    everybody_ = static_cast<std::uint32_t>(readers_ - options_.slow - (options_.talkers > 0));
    begin_ = last_ = load::seconds_now();
    double now = begin_;
    while (publishing(now) || !all_done()) {
      if (publishing(now)) {
        for (Flow& flow : flows_) publish(flow);
      }
      turn();
      now = load::seconds_now();
      if (now > last_ + kPatience) break;
    }
    for (const Client& client : crowd_.clients()) {
      if (is_healthy(client)) counts_.lost += client.missed + owed_to(client);
    }
  }

  void report() const {
    const double seconds = std::max(last_ - begin_, 1e-6);
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    std::printf(
        "deliveries=%ju published=%ju seconds=%.6f per_second=%.0f p50_us=%u p99_us=%u "
        "lost=%ju disordered=%ju doubled=%ju closed=%ju strange=%ju other=%ju\n",
        counts_.deliveries, published(), seconds, static_cast<double>(counts_.deliveries) / seconds,
        latencies_.quantile(0.5), latencies_.quantile(0.99), counts_.lost, counts_.disordered,
        counts_.doubled, counts_.closed, counts_.strange, counts_.other);
    std::fflush(stdout);
  }

  /// What the slow readers find when they read again, until nothing has come for a while.
  void drain_slow() {
    std::uint64_t messages = 0, other = 0, closed = 0;
    const timeval pause{0, 200'000};
    for (std::size_t i = 0; i < options_.slow; ++i) {
      Client& client = crowd_.clients()[i];
      setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof pause);
      ssize_t got;
      while ((got = recv(client.fd, buffer + kRest, kChunk, 0)) > 0) {
        take(client, got, [&](Message) { ++messages; }, [&] { ++other; });
      }
      closed += got == 0 || errno != EAGAIN;
    }
    std::printf("slow_closed=%ju slow_messages=%ju slow_other=%ju\n", closed, messages, other);
    std::fflush(stdout);
  }

 private:
  char* payload(std::size_t index) { return &text_[index * stride_ + wire_.say_lead.size()]; }

  bool is_healthy(const Client& client) const {
    return client.reads && client.open && client.place >= options_.slow;
  }

  /// A message of nobody, from whoever was connected last, shows that all are in the room.
  void prime() {
    Client& last = crowd_.clients().back();
    Message{kNobody, 0, 0}.write(payload(0));
    if (send(last.fd, text_.data(), stride_, MSG_NOSIGNAL) < 0) load::die("send");
    const double limit = load::seconds_now() + 30;
    while (primed_ < readers_ - (last.reads ? 1 : 0)) {
      turn();
      if (load::seconds_now() > limit) load::die("the first message did not reach all");
    }
    if (wire_.name == "sluice") settle();
    counts_ = {};
  }

  /// Who came is told a little later, which is no part of what is measured.
  void settle() {
    constexpr double kQuiet = 0.7, kLongest = 10;
    const double begin = load::seconds_now();
    for (double last = begin, now = begin; now < last + kQuiet && now < begin + kLongest;) {
      counts_.other = 0;
      turn();
      now = load::seconds_now();
      if (counts_.other > 0) last = now;
    }
  }

  void turn() {
    crowd_.turn(options_.spin ? 0 : 100, [this](Client& client, std::uint32_t events) {
      if ((events & EPOLLOUT) != 0) send_owed(client);
      if ((events & ~std::uint32_t{EPOLLOUT}) != 0) receive(client);
    });
  }

  std::uint64_t published() const {
    std::uint64_t all = 0;
    for (const Flow& flow : flows_) all += flow.next;
    return all;
  }

  bool publishing(double now) const {
    const double seconds = now - begin_;
    return seconds < options_.seconds ||
           (seconds < 5 * options_.seconds && published() < options_.least);
  }

  // --- publishing --------------------------------------------------------------------------------

  void publish(Flow& flow) {
    Client& client = *flow.client;
    while (client.open && client.owed.empty()) {
      const auto window = static_cast<std::uint32_t>(options_.window);
      const std::size_t count = std::min<std::size_t>(batch_, flow.all_have + window - flow.next);
      if (count == 0) return;
      const auto publisher = static_cast<std::uint32_t>(&flow - flows_.data());
      const std::uint32_t now = microseconds(load::seconds_now());
      for (std::size_t i = 0; i < count; ++i) {
        flow.reached[flow.next & mask_] = gone_;
        Message{publisher, flow.next++, now}.write(payload(i));
      }
      const std::size_t size = count * stride_;
      const ssize_t sent = send(client.fd, text_.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return closed(client);
      const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
      if (done == size) continue;
      client.owed.assign(text_, done, size - done);
      crowd_.watch(EPOLL_CTL_MOD, client, EPOLLIN | EPOLLOUT);
    }
  }

  void send_owed(Client& client) {
    const ssize_t sent =
        send(client.fd, client.owed.data(), client.owed.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return;
    client.owed.erase(0, static_cast<std::size_t>(sent));
    if (client.owed.empty()) crowd_.watch(EPOLL_CTL_MOD, client, EPOLLIN);
  }

  bool all_done() const {
    return std::ranges::all_of(
        flows_, [](const Flow& flow) { return flow.all_have == flow.next || !flow.client->open; });
  }

  // --- reading -----------------------------------------------------------------------------------

  void receive(Client& client) {
    for (;;) {
      const ssize_t got = recv(client.fd, buffer + kRest, kChunk, MSG_DONTWAIT);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return closed(client);
      if (client.reads) {
        const double seconds = load::seconds_now();
        const std::uint32_t now = microseconds(seconds);
        const std::uint64_t before = counts_.deliveries;
        take(
            client, got, [&](Message message) { on_message(client, message, now); },
            [this] { ++counts_.other; });
        if (counts_.deliveries != before) last_ = seconds;
      }
      if (static_cast<std::size_t>(got) < kChunk) return;
    }
  }

  /// What has come into the buffer, and what was left of what came before.
  template <class OnMessage, class OnOther>
  void take(Client& client, ssize_t got, OnMessage&& on_message, OnOther&& on_other) {
    char* const begin = buffer + kRest - client.rest.size();
    std::memcpy(begin, client.rest.data(), client.rest.size());
    const char* const end = buffer + kRest + got;
    const char* const rest = wire_.parse(
        begin, end, [&](const char* text) { on_message(Message::read(text)); }, on_other);
    if (end - rest > static_cast<ssize_t>(kRest)) load::die("a line without an end");
    client.rest.assign(rest, end);
  }

  void on_message(Client& client, Message message, std::uint32_t now) {
    if (message.publisher >= flows_.size()) {
      message.publisher == kNobody ? ++primed_ : ++counts_.strange;
      return;
    }
    Flow& flow = flows_[message.publisher];
    if (flow.client == &client) return;  // brokers send it back
    std::uint32_t& expected = expected_of(client, message.publisher);
    if (message.number != expected && !skip_to(client, flow, expected, message.number)) return;
    ++expected;
    ++counts_.deliveries;
    latencies_.add(now - message.microseconds);
    reach(flow, message.number);
  }

  std::uint32_t& expected_of(const Client& client, std::size_t publisher) {
    return expected_[client.place * flows_.size() + publisher];
  }

  /// A message that was not due: whether it is one further on. Those before are given up, so that
  /// the window moves on.
  bool skip_to(Client& client, Flow& flow, std::uint32_t& expected, std::uint32_t number) {
    if (number > expected && number < flow.next) {
      client.missed += number - expected;
      while (expected != number) reach(flow, expected++);
      return true;
    }
    if (number >= flow.next) {
      ++counts_.strange;
    } else if (client.missed > 0) {
      --client.missed;
      ++counts_.disordered;
      ++counts_.deliveries;
    } else {
      ++counts_.doubled;
    }
    return false;
  }

  void reach(Flow& flow, std::uint32_t number) {
    if (++flow.reached[number & mask_] < everybody_) return;
    while (flow.all_have != flow.next && flow.reached[flow.all_have & mask_] == everybody_) {
      ++flow.all_have;
    }
  }

  std::uint64_t owed_to(const Client& client) {
    std::uint64_t owed = 0;
    for (std::size_t i = 0; i < flows_.size(); ++i) {
      if (flows_[i].client != &client) owed += flows_[i].next - expected_of(client, i);
    }
    return owed;
  }

  /// Nobody waits for it any longer.
  void closed(Client& client) {
    ++counts_.closed;
    const bool waited_for = is_healthy(client);
    client.open = false;
    crowd_.watch(EPOLL_CTL_DEL, client, 0);
    if (!waited_for) return;
    ++gone_;
    for (std::size_t i = 0; i < flows_.size(); ++i) {
      std::uint32_t& expected = expected_of(client, i);
      while (flows_[i].client != &client && expected != flows_[i].next) {
        reach(flows_[i], expected++);
      }
    }
  }

  const load::ChatOptions options_;
  const load::Wire wire_;
  load::Crowd crowd_;
  const std::size_t stride_, batch_;  // bytes of a message that is published; messages at once
  const std::uint32_t mask_;
  std::string text_;  // of a batch
  std::size_t readers_ = 0, primed_ = 0;
  std::uint32_t everybody_ = 0, gone_ = 0;  // who should get a message; who of them has left
  std::vector<Flow> flows_;
  std::vector<std::uint32_t> expected_;  // number of the next message, by reader and publisher
  load::Latencies latencies_;
  load::Counts counts_;
  double begin_ = 0, last_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const load::ChatOptions options = load::parse_chat_options(argc, argv);
  alarm(kMostSeconds);
  load::raise_descriptor_limit();
  const double begin = load::seconds_now();
  Load run(options);
  if (options.wait) {
    std::printf("ready seconds=%.6f\n", load::seconds_now() - begin);
    std::fflush(stdout);
    if (!load::line_of_input()) return 0;
  }
  run.run();
  run.report();
  if (!options.wait || !load::line_of_input()) return 0;
  run.drain_slow();
  load::line_of_input();
}
