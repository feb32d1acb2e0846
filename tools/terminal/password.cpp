#include "tools/terminal/password.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iterator>

#include "protocols/ftp/account.h"
#include "protocols/ftp/password_process.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/text.h"
#include "reactor/write_all.h"

namespace sluice::tools {
namespace {

constexpr int kEnding[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

volatile std::sig_atomic_t caught = 0;

/// While it lives, the terminal shows nothing of what is typed, and a signal that would end the
/// program breaks off the wait for a line instead, and nothing else, so that the terminal is itself
/// again first.
class NoEcho {
 public:
  explicit NoEcho(int terminal) : terminal_(terminal) {
    struct sigaction action{};
    action.sa_handler = [](int number) { caught = number; };
    sigset_t ending;
    sigemptyset(&ending);
    for (const int number : kEnding) sigaddset(&ending, number);
    ::sigprocmask(SIG_BLOCK, &ending, &mask_);
    for (std::size_t i = 0; i < std::size(kEnding); ++i) {
      ::sigaction(kEnding[i], nullptr, &actions_[i]);
      if (actions_[i].sa_handler != SIG_IGN) ::sigaction(kEnding[i], &action, nullptr);
    }
    quiet_ = ::tcgetattr(terminal_, &before_) == 0;
    if (!quiet_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL);
    quiet_ = ::tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
  ~NoEcho() {
    if (quiet_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
    for (std::size_t i = 0; i < std::size(kEnding); ++i) {
      ::sigaction(kEnding[i], &actions_[i], nullptr);
    }
    ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
  }
  /// False: the terminal would show it, so that nothing should be asked.
  explicit operator bool() const { return quiet_; }
  /// Those that are let in while a line is waited for.
  const sigset_t& mask() const { return mask_; }

 private:
  int terminal_;
  sigset_t mask_;
  termios before_{};
  bool quiet_ = false;
  struct sigaction actions_[std::size(kEnding)]{};
};

Password ask(int terminal, const NoEcho& silence, std::string_view prompt) {
  if (auto asked = write_all(terminal, prompt); !asked) {
    return std::unexpected(asked.error().message());
  }
  pollfd line{terminal, POLLIN, 0};
  while (::ppoll(&line, 1, nullptr, &silence.mask()) < 0) {
    if (caught != 0 || errno != EINTR) return std::unexpected(Error::last("poll").message());
  }
  Password text = read_password(terminal);
  (void)write_all(terminal, "\n");  // the one that was typed is not shown
  return text;
}

}  // namespace

Password read_password(int fd) {
  std::string line;
  line.reserve(ftp::PasswordProcess::kMaxPassword + 1);  // growing would leave copies behind
  for (char letter = 0;;) {
    const ssize_t size = ::read(fd, &letter, 1);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::unexpected(Error::last("reading the password").message());
    if (size == 0 && line.empty()) return std::unexpected("there is no password to be read");
    if (size == 0 || letter == '\n') return line;
    if (letter == '\0') return std::unexpected("a password cannot hold a NUL");
    if (line.size() == ftp::PasswordProcess::kMaxPassword) {
      return std::unexpected(concat("the password is over ", line.size(), " bytes"));
    }
    line += letter;
  }
}

Password ask_password(std::string_view prompt, std::string_view again) {
  const Fd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) return std::unexpected(Error::last("open").message("/dev/tty"));
  caught = 0;
  Password first;
  {
    const NoEcho silence(terminal.get());
    if (!silence) return std::unexpected("the terminal would show the password");
    first = ask(terminal.get(), silence, prompt);
    if (!again.empty() && first && !first->empty()) {
      Password second = ask(terminal.get(), silence, again);
      const bool same = second && ftp::equal_secret(*first, *second);
      if (second) ::explicit_bzero(second->data(), second->size());
      if (!same) {
        ::explicit_bzero(first->data(), first->size());
        first = second ? std::unexpected("the two passwords are not the same") : second;
      }
    }
  }
  if (caught != 0) ::raise(caught);  // by its default action now
  return first;
}

}  // namespace sluice::tools
