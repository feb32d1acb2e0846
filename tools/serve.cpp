#include <sys/resource.h>
#include <sys/select.h>

#include <algorithm>
#include <csignal>

#include "reactor/log.h"
#include "reactor/text.h"
#include "tools/command.h"
#include "tools/serve_ftp.h"
#include "tools/serve_help.h"
#include "tools/serve_table.h"
#include "tools/serve_video.h"

namespace sluice::tools {
namespace {

/// A client costs a descriptor, so take as many as the system lets us have; with select no more
/// than it can watch, so that new clients wait as at any other limit.
void raise_descriptor_limit(SelectorKind selector) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (selector == SelectorKind::select)
    limit.rlim_cur = std::min<rlim_t>(FD_SETSIZE, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// The services of one process, from start to drain.
class Server {
 public:
  Server(Reactor& reactor, const ServeSettings& settings, ServeVideo& video, Duration drain)
      : reactor_(&reactor), settings_(&settings), video_(&video), patience_(drain) {}

  /// Makes and starts what the settings name; when `all`, every service, and one whose address is
  /// taken does not keep the others from starting. The int is an Exit.
  std::expected<void, int> start(bool all);
  /// Before announce(): who reads that may send SIGTERM at once.
  std::expected<void, int> handle_signals();
  void announce(bool table) const;
  int run();

 private:
  Made make(const ServiceKind& kind, const std::string& text);
  void begin_drain();
  void reload();
  void one_finished();

  Reactor* reactor_;
  const ServeSettings* settings_;
  ServeVideo* video_;
  Duration patience_;
  std::vector<Running> services_;
  Timer deadline_;
  bool draining_ = false;
  bool cut_short_ = false;
};

Made Server::make(const ServiceKind& kind, const std::string& text) {
  if (!kind.make_from) {
    const auto address = Address::parse(text);
    if (address) return kind.make(*reactor_, *address, *settings_);
    return std::unexpected(concat("--", kind.name, ' ', text, ": ", address.error().operation));
  }
  Function<Service*(std::string_view)> find = [this](std::string_view name) {
    const auto found = std::ranges::find_if(
        services_, [&](const Running& running) { return running.kind->name == name; });
    return found == services_.end() ? nullptr : found->service.get();
  };
  return kind.make_from({*reactor_, text, *settings_, find, services_, *video_});
}

std::expected<void, int> Server::start(bool all) {
  bool some = false;
  for (const ServiceKind& kind : service_kinds()) {
    if (all ? kind.only_if_named : !settings_->has(kind.name)) continue;
    const std::string text = settings_->text(kind.name, kind.default_address);
    auto service = make(kind, text);
    if (!service) return std::unexpected(misused("serve", service.error()));
    const Started started = (*service)->start();
    if (started) {
      some = true;
      services_.push_back({&kind, std::move(*service), {}});
      services_.back().service->on_finished([this] { one_finished(); });
    } else {
      const bool at_default = !kind.data_option.empty() && !settings_->has(kind.data_option);
      complain("serve",
               concat(kind.name, ": ", started.error(),
                      at_default && !all ? concat("; --", kind.data_option, " names another")
                                         : std::string()));
      if (!all) return std::unexpected(kFailed);
      services_.push_back({&kind, nullptr, started.error()});
    }
  }
  if (!some) return std::unexpected(complain("serve", "no service could be started"));
  return {};
}

void Server::announce(bool table) const {
  std::string text;
  for (const Running& running : services_) {
    if (running.service) {
      text += concat(running.kind->name, ' ', running.kind->announced, ' ',
                     running.service->address(), '\n');
    }
  }
  if (table) {
    const auto row = [&text](std::string_view name, std::string_view address,
                             std::string_view run) {
      text += concat("  ", name, std::string(10 - name.size(), ' '), address,
                     std::string(address.size() < 22 ? 22 - address.size() : 1, ' '), run, '\n');
    };
    text += '\n';
    row("SERVICE", "ADDRESS", "TRY");
    for (const Running& running : services_) {
      if (running.service) {
        const std::string address = running.service->address();
        row(running.kind->name, address, running.kind->try_command(address, *settings_));
      } else {
        row(running.kind->name, "-", concat("not started: ", running.trouble));
      }
    }
    text += '\n';
    for (const ServiceKind& kind : service_kinds()) {
      const std::string* data = settings_->find(kind.data_option);
      if (data) text += concat("  ", kind.name, " keeps to ", *data, '\n');
    }
    text += concat("Other files are under ./", kDataDirectory, ". Stop with Ctrl-C.\n");
  }
  print(text);
}

void Server::one_finished() {
  const bool all = std::ranges::all_of(services_, [](const Running& running) {
    return !running.service || running.service->finished();
  });
  if (all) reactor_->stop();
}

void Server::begin_drain() {
  if (std::exchange(draining_, true)) {
    log(LogLevel::warning, "serve", "second signal: ending at once");
    cut_short_ = true;
    return reactor_->stop();
  }
  log(LogLevel::info, "serve", "draining");
  deadline_ = reactor_->after(patience_, [this] {
    log(LogLevel::warning, "serve", "the time to drain is over: ending what is left");
    reactor_->stop();
  });
  for (Running& running : services_) {
    if (running.service) running.service->drain();
  }
  one_finished();
}

void Server::reload() {
  if (auto opened = reopen_log(); !opened) {
    log(LogLevel::error, "serve", opened.error().message("the log file"));
  }
  for (Running& running : services_) {
    if (running.service) running.service->reload();
  }
}

std::expected<void, int> Server::handle_signals() {
  for (const int number : {SIGTERM, SIGINT}) {
    if (auto set = reactor_->on_signal(number, [this] { begin_drain(); }); !set) {
      return std::unexpected(complain("serve", set.error().message()));
    }
  }
  auto set = reactor_->on_signal(SIGHUP, [this] { reload(); });
  if (!set) return std::unexpected(complain("serve", set.error().message()));
  return {};
}

int Server::run() {
  const auto ran = reactor_->run();
  for (Running& running : services_) {
    if (running.service) running.service->abort();
  }
  if (!ran) return complain("serve", ran.error().message());
  return cut_short_ ? kFailed : kOk;
}

/// Options of a service that is not going to run are a slip of the pen, which is better said.
std::optional<std::string> stray_option(const ServeSettings& settings) {
  for (const auto& [name, value] : settings.all()) {
    for (const ServiceKind& kind : service_kinds()) {
      if (name.starts_with("video")) break;  // which belong to more than one
      if (name.starts_with(concat(kind.name, '-')) && !settings.has(kind.name)) {
        return concat("--", name, " without --", kind.name);
      }
    }
  }
  return std::nullopt;
}

/// What concerns the whole process. The error is a sentence about an option.
std::expected<Reactor::Options, std::string> apply_process_settings(const ServeSettings& settings) {
  const std::string level = settings.text("log-level", "info");
  if (const auto parsed = parse_log_level(level)) {
    set_log_level(*parsed);
  } else {
    return std::unexpected(concat("--log-level is error, warning, info or debug, not ", level));
  }
  const std::string selector = settings.text("selector", "epoll");
  const auto kind = parse_selector_kind(selector);
  if (!kind) return std::unexpected(concat("--selector is epoll, poll or select, not ", selector));
  return Reactor::Options{.selector = *kind};
}

int run_serve(const Arguments& arguments) {
  if (!arguments.operands.empty()) {
    return misused("serve", concat("unexpected argument ", arguments.operands.front()));
  }
  ServeSettings settings;
  if (const auto file = arguments.value("--config")) {
    if (auto read = settings.read_file(std::string(*file), kServeOptions); !read) {
      return misused("serve", read.error());
    }
  }
  settings.add(arguments);
  take_ftp_secrets(settings, arguments);
  const bool all = std::ranges::none_of(
      service_kinds(), [&](const ServiceKind& kind) { return settings.has(kind.name); });
  if (!all) {
    if (const auto stray = stray_option(settings)) return misused("serve", *stray);
  }
  const auto video_settings = VideoSettings::read(settings, all);
  if (!video_settings) return misused("serve", video_settings.error());
  auto options = apply_process_settings(settings);
  if (!options) return misused("serve", options.error());
  const auto drain = settings.number("drain", 10, 0, 86'400);
  if (!drain) return misused("serve", drain.error());
  if (const std::string* path = settings.find("log-file")) {
    if (auto opened = open_log(*path); !opened) {
      return complain("serve", opened.error().message(*path));
    }
  }
  if (all) {
    if (auto prepared = prepare_default_data(); !prepared) {
      return complain("serve", prepared.error());
    }
    set_ftp_defaults(settings);
  }
  if (auto forked = fork_password_process(settings, all); !forked) {
    return complain("serve", forked.error().message("for passwords"));
  }
  raise_descriptor_limit(options->selector);
  Reactor reactor(std::move(*options));
  ServeVideo video(reactor);
  if (auto made = video.start(*video_settings); !made) return complain("serve", made.error());
  Server server(reactor, settings, video, std::chrono::seconds(*drain));
  if (auto started = server.start(all); !started) return started.error();
  if (auto handled = server.handle_signals(); !handled) return handled.error();
  server.announce(all);
  return server.run();
}

}  // namespace

constexpr Command kServe = {"serve", "serve [--SERVICE ADDRESS …] [OPTION …]",
                            "Serves; without any service named, all of them at their defaults.",
                            kServeOptions, run_serve};

}  // namespace sluice::tools
