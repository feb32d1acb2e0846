#include "tools/ftp/shell.h"

#include <strings.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "reactor/printable.h"
#include "reactor/text.h"
#include "reactor/write_all.h"
#include "tools/ftp/session.h"
#include "tools/terminal/password.h"

namespace sluice::tools {
namespace {

constexpr std::string_view kPrompt = "ftp> ";

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

bool is_anonymous(std::string_view user) {
  return user.empty() || user == "anonymous" || user == "ftp";
}

/// Without the port.
std::string_view host_of(std::string_view host_port) {
  return host_port.substr(0, host_port.rfind(':'));
}

/// While a password is typed, SIGINT is no event of the loop, which waits: it breaks off the
/// question, and nothing else.
class InterruptsLetIn {
 public:
  explicit InterruptsLetIn(bool needed) : needed_(needed) {
    if (!needed_) return;
    struct sigaction nothing{};
    nothing.sa_handler = [](int) {};
    ::sigaction(SIGINT, &nothing, &before_);
    change(SIG_UNBLOCK);
  }
  InterruptsLetIn(const InterruptsLetIn&) = delete;
  InterruptsLetIn& operator=(const InterruptsLetIn&) = delete;
  ~InterruptsLetIn() {
    if (!needed_) return;
    change(SIG_BLOCK);
    ::sigaction(SIGINT, &before_, nullptr);
  }

 private:
  static void change(int how) {
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    ::sigprocmask(how, &interrupt, nullptr);
  }

  bool needed_;
  struct sigaction before_{};
};

/// Whether a line that was typed holds a password.
bool holds_secret(std::string_view line) {
  for (const std::string_view command : split_commands(line)) {
    const auto words = split_words(command);
    if (!words || words->empty()) return true;  // who knows
    std::string_view name = words->front();
    if (name.starts_with('-')) name.remove_prefix(1);
    const auto found = find_shell_command(name);
    if (!found) return true;  // perhaps a `user` that was mistyped
    const std::string_view full = (*found)->name;
    if (full == "user" && words->size() > 2) return true;
    if (full == "open" && words->size() > 1) {
      const auto site = parse_ftp_site(words->at(1));
      if (!site || site->password) return true;
    }
    if (full == "quote" && words->size() > 2) {
      const char* const verb = words->at(1).c_str();
      if (::strcasecmp(verb, "PASS") == 0 || ::strcasecmp(verb, "ACCT") == 0) return true;
    }
  }
  return false;
}

}  // namespace

Shell::Shell(Options options)
    : options_(std::move(options)),
      script_(options_.script || !is_terminal(STDIN_FILENO)),
      tells_(options_.verbose || is_terminal(STDOUT_FILENO)),
      link_(reactor_, [this](std::string_view line) { tell(line); }),
      talk_([this](std::string_view line) {
        if (asking_) return console_->print(concat(line, '\n'));
        (void)write_all(STDERR_FILENO, concat(line, '\n'));
      }) {}

int Shell::run() {
  if (!options_.script) {
    console_.emplace(reactor_, static_cast<ConsoleHandler&>(*this), &history_);
    completer_.emplace(link_, *console_);
  }
  if (interactive()) {
    take_signals();
    load_history();
  }
  begin();
  if (options_.script) {
    execute_lines(*options_.script);
  } else {
    run_lines();
  }
  link_.forget_interrupts();
  link_.quit();
  if (interactive()) save_history();
  return status_;
}

/// The server that the command line names.
void Shell::begin() {
  if (!options_.site) return;
  const auto opened = open(*options_.site);
  if (opened) return;
  complain(opened.error());
  if (!script_) return;
  over_ = true;
  status_ = opened.error().exit;
}

/// A script ends by a signal as any program does.
void Shell::take_signals() {
  (void)reactor_.on_signal(SIGINT, [this] {
    link_.interrupt();
    if (asking_ && !console_->interactive()) over_ = true;
  });
  for (const int number : {SIGTERM, SIGHUP}) {
    (void)reactor_.on_signal(number, [this] {
      over_ = true;
      status_ = kFailed;
      link_.interrupt();
      link_.interrupt();
    });
  }
}

// --- lines ---------------------------------------------------------------------------------------

void Shell::run_lines() {
  while (!over_ && !ended_) {
    const auto line = read_line(std::string(kPrompt), true);
    if (!line) continue;
    if (!holds_secret(*line)) kept_.add(*line);
    execute_lines(*line);
  }
}

/// None at the end of the input, and when it was given up.
std::optional<std::string> Shell::read_line(std::string prompt, bool command) {
  line_.reset();
  interrupted_ = false;
  asking_ = true;
  asking_command_ = command;
  console_->ask(std::move(prompt));
  while (!line_ && !ended_ && !interrupted_ && !over_) {
    if (!reactor_.run_once()) ended_ = true;
  }
  if (!line_) console_->cancel();
  asking_ = asking_command_ = false;
  return std::exchange(line_, std::nullopt);
}

void Shell::on_line(std::string line) noexcept {
  line_ = std::move(line);
}

void Shell::on_end() noexcept {
  ended_ = true;
}

void Shell::on_interrupt() noexcept {
  interrupted_ = true;
}

void Shell::on_complete(std::string_view before_cursor) noexcept {
  if (asking_command_) completer_->complete(before_cursor);
}

void Shell::execute_lines(std::string_view text) {
  while (!text.empty() && !over_) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    for (const std::string_view command : split_commands(line)) {
      if (!execute(command) || over_) break;
    }
  }
}

/// Says whether to go on with the line.
bool Shell::execute(std::string_view text) {
  link_.forget_interrupts();
  if (completer_ && completer_->busy()) {
    link_.turn_until([this] { return !completer_->busy(); }, [this] { link_.client().abort(); });
    completer_->give_up();
  }
  const bool lenient = text.starts_with('-');
  if (lenient) text.remove_prefix(1);
  const auto done = call(text);
  if (done) return true;
  complain(done.error());
  if (lenient) return true;
  if (script_) {
    over_ = true;
    status_ = done.error().exit;
  }
  return false;
}

Outcome<void> Shell::call(std::string_view text) {
  const auto words = split_words(text);
  if (!words) return trouble(words.error(), kWrongUsage);
  if (words->empty()) return {};
  const auto command = find_shell_command(words->front());
  if (!command) return trouble(command.error(), kWrongUsage);
  const ShellCommand& found = **command;
  const auto given = std::span(*words).subspan(1);
  if (given.size() < found.least || given.size() > found.most) {
    return trouble(concat("usage: ", found.name, ' ', found.usage), kWrongUsage);
  }
  // A name is not quoted by anybody, so that the first blank after it ends it.
  const std::size_t begin = text.find_first_not_of(" \t");
  const std::size_t after = std::min(text.find_first_of(" \t\r", begin), text.size());
  const std::size_t rest = std::min(text.find_first_not_of(" \t\r", after), text.size());
  auto done = found.run(*this, {found.name, given, text.substr(rest)});
  if (found.changes && completer_) completer_->forget();
  return done;
}

// --- what the commands use -----------------------------------------------------------------------

void Shell::tell(std::string_view line) {
  if (tells_) (void)tools::print(concat(line, '\n'));
}

Outcome<void> Shell::print(std::string_view text) {
  const auto written = write_all(STDOUT_FILENO, text);
  if (!written) return trouble(concat("standard output: ", written.error().message()));
  return {};
}

void Shell::complain(const Trouble& what) {
  if (what.text.empty()) return;
  if (script_) {
    tools::complain("ftp", what.text);
  } else {
    (void)write_all(STDERR_FILENO, concat(printable(what.text), '\n'));
  }
}

Outcome<void> Shell::open(const FtpUrl& site) {
  const bool asks = site.user.empty() && interactive();
  if (auto opened = link_.open(site.host_port, !asks); !opened) return opened;
  if (asks) {
    auto name = ask_name();
    if (!name) return std::unexpected(name.error());
    if (auto done = login(std::move(*name), {}, {}); !done) return done;
  } else if (!site.user.empty()) {
    if (auto done = login(site.user, site.password, {}); !done) return done;
  }
  if (site.path.empty()) return {};
  const auto entered = link_.demand(concat("CWD ", site.path), ftp::Purpose::reading, site.path);
  if (!entered) return std::unexpected(entered.error());
  (void)link_.see_directory();
  return {};
}

Outcome<std::string> Shell::ask_name() {
  const char* local = std::getenv("USER");
  const std::string_view usual = local && *local ? local : "anonymous";
  auto name = read_line(
      concat("Name (", printable(host_of(link_.host_port())), ':', printable(usual), "): "), false);
  if (!name) return trouble("not logged in (user NAME)", kLoginRefused);
  return name->empty() ? std::string(usual) : std::move(*name);
}

Outcome<std::string> Shell::ask_secret(std::string_view user) {
  if (!is_terminal(STDIN_FILENO)) {
    return trouble(concat("no password for ", printable(user)), kLoginRefused);
  }
  const InterruptsLetIn interrupts(interactive());
  auto typed = ask_password("Password: ");
  if (!typed) return trouble("no password: not logged in", kLoginRefused);
  return std::move(*typed);
}

Outcome<void> Shell::login(std::string user, std::optional<std::string> password,
                           std::string account) {
  ftp::Client::Login login;
  login.account = std::move(account);
  if (password) {
    login.password = std::move(*password);
  } else if (!is_anonymous(user)) {
    auto typed = ask_secret(user);
    if (!typed) return std::unexpected(typed.error());
    login.password = std::move(*typed);
  }
  login.user = std::move(user);
  return link_.login(std::move(login));
}

// --- history -------------------------------------------------------------------------------------

void Shell::load_history() {
  const std::string path = history_path("ftp");
  if (path.empty()) return;
  (void)history_.load(path);
  (void)kept_.load(path);
}

void Shell::save_history() {
  const std::string path = history_path("ftp");
  if (path.empty()) return;
  if (const auto saved = kept_.save(path); !saved) {
    tools::complain("ftp", concat("the history is not kept: ", saved.error().message(path)));
  }
}

}  // namespace sluice::tools
