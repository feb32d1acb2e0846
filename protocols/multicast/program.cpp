#include "protocols/multicast/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "reactor/text.h"

namespace sluice::multicast {
namespace {

/// `sh -c COMMAND` with `input` as its standard input, and signals as a program finds them that a
/// shell starts: we block some and ignore others.
Result<pid_t> spawn(const std::string& command, int input) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (const int code = posix_spawn_file_actions_init(&actions)) return fail("posix_spawn", code);
  if (const int code = posix_spawnattr_init(&attributes)) {
    posix_spawn_file_actions_destroy(&actions);
    return fail("posix_spawn", code);
  }
  sigset_t none, ignored;
  sigemptyset(&none);
  sigemptyset(&ignored);
  sigaddset(&ignored, SIGPIPE);
  sigaddset(&ignored, SIGXFSZ);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &ignored);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  int code = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  std::string words[] = {"sh", "-c", command};
  char* const arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t child = 0;
  if (code == 0) code = posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return fail("posix_spawn", code);
  return child;
}

}  // namespace

std::string how_ended(int wait_status) {
  if (WIFSIGNALED(wait_status)) return concat("was ended by signal ", WTERMSIG(wait_status));
  return concat("ended with status ", WEXITSTATUS(wait_status));
}

Program::Program(Reactor& reactor, std::string command, OnEnded on_ended)
    : reactor_(&reactor),
      command_(std::move(command)),
      on_ended_(std::move(on_ended)),
      input_(reactor) {
  input_.on_drained([this] {
    if (ending_ || input_.error()) input_.close();
  });
}

/// One that runs on goes by the end of its input; init waits for it.
Program::~Program() {
  if (running()) waitpid(child_, nullptr, WNOHANG);
}

Result<void> Program::start() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail("pipe");
  Fd reading(ends[0]), writing(ends[1]);
  if (auto opened = input_.open(std::move(writing), false); !opened) return opened;
  const auto child = spawn(command_, reading.get());
  if (!child) {
    input_.close();
    return std::unexpected(child.error());
  }
  child_ = *child;
  ending_ = false;
  watch_child();
  return {};
}

void Program::watch_child() {
  child_fd_.reset(static_cast<int>(syscall(SYS_pidfd_open, child_, 0)));
  if (child_fd_) {
    if (auto watch = reactor_->watch(child_fd_.get(), Interest::read, *this)) {
      child_watch_ = std::move(*watch);
      return;
    }
  }
  poll_ = reactor_->every(limits::kProgramPoll, [this] { on_readable(); });
}

void Program::on_readable() noexcept {
  int status = 0;
  const pid_t ended = waitpid(child_, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return;
  if (ended < 0) status = 0;  // whoever ignores SIGCHLD gets no statuses
  child_watch_.reset();
  child_fd_.reset();
  poll_.stop();
  child_ = 0;
  input_.close();
  on_ended_(status);
}

void Program::end_input() {
  ending_ = true;
  if (input_.empty()) input_.close();
}

void Program::terminate() {
  if (running()) kill(child_, SIGTERM);
}

}  // namespace sluice::multicast
