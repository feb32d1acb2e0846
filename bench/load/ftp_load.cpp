// Drives an FTP server: one thread, blocking sockets, passive data connections by EPSV.
//
// Usage: ftp_load HOST:PORT MODE [--user NAME] [--password TEXT] [--path PATH] [--command VERB]
//                 [--sessions N] [--seconds S] [--bytes B] [--files F] [--wait]
//
//   login       whole sessions, connect to QUIT, N at a time, for S seconds
//   retr-small  reads PATH0, PATH1, ... of F files, of B bytes each, by N sessions, for S seconds
//   stor-small  writes PATH0, PATH1, ..., of B bytes each, each a new name, in the same way
//   list        VERB (LIST, MLSD, NLST) of PATH, for S seconds; counts the lines of the first
//   retr        reads PATH once; the kernel drops the bytes (MSG_TRUNC), as the sender is measured
//   stor        writes PATH of B bytes once
//   crowd       N sessions read PATH, of B bytes, at once
//   idle        N sessions log in and stay
//
//   --wait  stops twice: prints `ready` once the sessions are logged in and waits for a line of
//           standard input, and keeps them open after the result until standard input ends, so
//           that a script can read the server's counters at both points.
//
// Prints `done=N bytes=B seconds=S per_second=X mb_per_second=Y` (a MB is 1,000,000 bytes), and
// for a list `lines=L`, for a crowd `fastest=S slowest=S`: seconds from the common beginning.

#include <sys/epoll.h>

#include <vector>

#include "bench/load/ftp_session.h"

namespace {

using load::FtpSession;

struct Options {
  std::string target, mode, path, command = "LIST";
  std::string user = "anonymous", password = "bench@";
  std::size_t sessions = 1, bytes = 4096, files = 100;
  double seconds = 2;
  bool wait = false;
};

struct Result {
  std::uint64_t done = 0, bytes = 0;
  std::size_t lines = 0;
  double fastest = 0, slowest = 0;
};

/// What one of a crowd reads in its turn. With more, whoever the kernel has once given the larger
/// window gets the more bytes of every turn, and the unfairness that is measured is ours.
constexpr std::size_t kCrowdTurn = 128 * 1024;
alignas(4096) std::array<char, 1024 * 1024> memory;  // the kernel copies fastest if aligned

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

/// Reads to the end, throws away, closes. `lines`, if given, has the bytes looked at.
std::uint64_t drain(int data, std::size_t* lines = nullptr) {
  std::uint64_t total = 0;
  while (true) {
    const ssize_t got = recv(data, memory.data(), memory.size(), lines ? 0 : MSG_TRUNC);
    if (got < 0) load::die("recv data");
    if (got == 0) break;
    if (lines) {
      *lines += static_cast<std::size_t>(std::count(memory.begin(), memory.begin() + got, '\n'));
    }
    total += static_cast<std::uint64_t>(got);
  }
  close(data);
  return total;
}

/// Sends that many bytes and closes.
void pour(int data, std::uint64_t bytes) {
  while (bytes > 0) {
    const auto size = std::min<std::uint64_t>(memory.size(), bytes);
    const ssize_t sent = send(data, memory.data(), size, MSG_NOSIGNAL);
    if (sent < 0) load::die("send data");
    bytes -= static_cast<std::uint64_t>(sent);
  }
  close(data);
}

class Run {
 public:
  explicit Run(const Options& options)
      : options_(options), server_(load::parse_target(options.target)) {
    if (options_.mode == "login") return;
    for (std::size_t i = 0; i < options_.sessions; ++i) {
      sessions_.emplace_back(server_);
      sessions_.back().log_in(options_.user, options_.password);
      if (options_.mode != "idle") sessions_.back().binary();
    }
  }

  Result run() {
    begin_ = load::seconds_now();
    if (options_.mode == "login") return repeat(&Run::log_in_all);
    if (options_.mode == "retr-small") return repeat(&Run::read_small);
    if (options_.mode == "stor-small") return repeat(&Run::write_small);
    if (options_.mode == "list") return repeat(&Run::list);
    if (options_.mode == "retr") return retrieve();
    if (options_.mode == "stor") return store();
    if (options_.mode == "crowd") return crowd();
    require(options_.mode == "idle", "no such mode");
    return {};
  }

  double elapsed() const { return load::seconds_now() - begin_; }

 private:
  Result repeat(void (Run::*step)(Result&)) {
    Result result;
    do {
      (this->*step)(result);
    } while (elapsed() < options_.seconds);
    return result;
  }

  /// All at the same step at any time: a step is sent to all before its reply is read from any.
  void log_in_all(Result& result) {
    std::vector<FtpSession> all;
    all.reserve(options_.sessions);
    for (std::size_t i = 0; i < options_.sessions; ++i) all.emplace_back(server_);
    for (FtpSession& each : all) {
      each.reply("2");
      each.send_command("USER", options_.user);
    }
    for (FtpSession& each : all) {
      require(each.reply("23")[0] == '3', "no password was asked for");
      each.send_command("PASS", options_.password);
    }
    for (FtpSession& each : all) {
      each.reply("2");
      each.send_command("QUIT");
    }
    for (FtpSession& each : all) each.reply("2");
    result.done += all.size();
  }

  std::string name(std::uint64_t number) const { return options_.path + std::to_string(number); }

  void read_small(Result& result) {
    for (FtpSession& each : sessions_) each.send_command("EPSV");
    data_.clear();
    for (FtpSession& each : sessions_) {
      data_.push_back(each.data_connection());
      each.send_command("RETR", name(result.done++ % options_.files));
    }
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      sessions_[i].reply("1");
      const std::uint64_t bytes = drain(data_[i]);
      require(bytes == options_.bytes, "a file of another size arrived");
      sessions_[i].reply("2");
      result.bytes += bytes;
    }
  }

  void write_small(Result& result) {
    for (FtpSession& each : sessions_) each.send_command("EPSV");
    data_.clear();
    for (FtpSession& each : sessions_) {
      data_.push_back(each.data_connection());
      each.send_command("STOR", name(result.done++));
    }
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      sessions_[i].reply("1");
      pour(data_[i], options_.bytes);
      result.bytes += options_.bytes;
    }
    for (FtpSession& each : sessions_) each.reply("2");
  }

  void list(Result& result) {
    for (FtpSession& each : sessions_) {
      const int data = each.transfer(options_.command, options_.path);
      each.reply("1");
      std::size_t lines = 0;
      result.bytes += drain(data, &lines);
      each.reply("2");
      if (result.done++ == 0) result.lines = lines;
    }
  }

  Result retrieve() {
    FtpSession& session = sessions_.front();
    const int data = session.transfer("RETR", options_.path);
    session.reply("1");
    Result result{.done = 1, .bytes = drain(data)};
    session.reply("2");
    return result;
  }

  Result store() {
    FtpSession& session = sessions_.front();
    const int data = session.transfer("STOR", options_.path);
    session.reply("1");
    pour(data, options_.bytes);
    session.reply("2");
    return {.done = 1, .bytes = options_.bytes};
  }

  Result crowd() {
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (FtpSession& each : sessions_) {
      each.send_command("EPSV");
      data_.push_back(each.data_connection());
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = data_.size() - 1;
      epoll_ctl(epoll, EPOLL_CTL_ADD, data_.back(), &event);
    }
    begin_ = load::seconds_now();
    for (FtpSession& each : sessions_) each.send_command("RETR", options_.path);
    const Result result = receive_all(epoll);
    for (FtpSession& each : sessions_) {
      each.reply("1");
      each.reply("2");
    }
    return result;
  }

  Result receive_all(int epoll) {
    Result result;
    std::vector<std::uint64_t> received(data_.size());
    while (result.done < data_.size()) {
      epoll_event ready[256];
      const int count = epoll_wait(epoll, ready, 256, 30'000);
      require(count > 0, "nothing arrives");
      for (int i = 0; i < count; ++i) {
        const auto index = static_cast<std::size_t>(ready[i].data.u64);
        const ssize_t got = recv(data_[index], memory.data(), kCrowdTurn, MSG_TRUNC);
        if (got < 0) load::die("recv data");
        received[index] += static_cast<std::uint64_t>(got);
        result.bytes += static_cast<std::uint64_t>(got);
        if (got > 0) continue;
        require(received[index] == options_.bytes, "a file of another size arrived");
        close(data_[index]);
        if (result.done++ == 0) result.fastest = elapsed();
        result.slowest = elapsed();
      }
    }
    return result;
  }

  const Options options_;
  const load::Target server_;
  std::vector<FtpSession> sessions_;
  std::vector<int> data_;
  double begin_ = 0;
};

Options parse(int argc, char** argv) {
  Options options;
  options.target = argv[1];
  options.mode = argv[2];
  for (int i = 3; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--wait") {
      options.wait = true;
      continue;
    }
    require(i + 1 < argc, "an option without its value");
    const char* value = argv[++i];
    if (name == "--user") options.user = value;
    if (name == "--password") options.password = value;
    if (name == "--path") options.path = value;
    if (name == "--command") options.command = value;
    if (name == "--sessions") options.sessions = std::strtoul(value, nullptr, 10);
    if (name == "--bytes") options.bytes = std::strtoul(value, nullptr, 10);
    if (name == "--files") options.files = std::strtoul(value, nullptr, 10);
    if (name == "--seconds") options.seconds = std::strtod(value, nullptr);
  }
  require(options.sessions > 0 && options.files > 0, "none is too few");
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: ftp_load HOST:PORT MODE [options], see the source\n");
    return 2;
  }
  const Options options = parse(argc, argv);
  load::raise_descriptor_limit();
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<char>(i % 251);
  Run run(options);
  if (options.wait) {
    std::printf("ready\n");
    std::fflush(stdout);
    if (std::getchar() == EOF) return 0;
  }
  const Result result = run.run();
  const double seconds = run.elapsed();
  const auto done = static_cast<double>(result.done), bytes = static_cast<double>(result.bytes);
  std::printf("done=%.0f bytes=%.0f seconds=%.6f per_second=%.1f mb_per_second=%.1f", done, bytes,
              seconds, done / seconds, bytes / seconds / 1e6);
  if (options.mode == "list") std::printf(" lines=%zu", result.lines);
  if (options.mode == "crowd") {
    std::printf(" fastest=%.6f slowest=%.6f", result.fastest, result.slowest);
  }
  std::printf("\n");
  std::fflush(stdout);
  while (options.wait && std::getchar() != EOF) {
  }
}
