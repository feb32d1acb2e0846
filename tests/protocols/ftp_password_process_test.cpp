#include "protocols/ftp/password_process.h"

#include <criterion/criterion.h>
#include <crypt.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>

using namespace sluice;
using namespace sluice::ftp;
using namespace std::string_literals;

namespace {

PasswordProcess started() {
  auto process = PasswordProcess::fork();
  cr_assert(process, "%s", process.error().message().c_str());
  return std::move(*process);
}

/// What the process at the other end says to it: 0 or 1, or -1 for nothing.
int ask(int socket, std::string_view question) {
  char answer = 0;
  if (::send(socket, question.data(), question.size(), MSG_NOSIGNAL) < 0) return -1;
  return ::recv(socket, &answer, 1, 0) == 1 ? answer : -1;
}

/// A question whose answer is 1, by a method that takes no time.
std::string right_question() {
  return std::string(::crypt("x", "$1$salt")) + "\0x"s;
}

/// Hands the socket to whoever holds the other end of `through`.
bool give_away(int through, int socket) {
  char byte = 0;
  iovec piece{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &socket, sizeof socket);
  return ::sendmsg(through, &message, 0) == 1;
}

/// Whether it is there and not a zombie.
bool lives(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const Fd stat(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[256] = {};
  return stat && ::read(stat.get(), text, sizeof text - 1) > 0 &&
         std::string_view(text).find(") Z ") == std::string_view::npos;
}

/// Runs `body` in a process of its own; returns its status.
template <class Body>
int in_a_child(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = -1;
  cr_assert(::waitpid(pid, &status, 0) == pid);
  return status;
}

}  // namespace

Test(password_process, an_unknown_user_costs_the_work_of_a_real_one) {
  auto process = started();
  const Fd socket = process.take_socket();
  clockid_t clock;
  cr_assert(::clock_getcpuclockid(process.pid(), &clock) == 0);
  const auto cost = [&](std::string_view question) {
    timespec before;
    timespec after;
    cr_assert(::clock_gettime(clock, &before) == 0);
    cr_assert(ask(socket.get(), question) == 0);
    cr_assert(::clock_gettime(clock, &after) == 0);
    return static_cast<double>(after.tv_sec - before.tv_sec) +
           1e-9 * static_cast<double>(after.tv_nsec - before.tv_nsec);
  };
  cr_assert(ask(socket.get(), right_question()) == 1);  // it has settled in
  // The time of its processor; a hash that crypt refuses takes a thousand times less.
  cr_assert(cost("\0guess"s) > 10 * cost("$9$none\0guess"s));
}

Test(password_process, ends_with_its_object) {
  pid_t pid = 0;
  {
    auto process = started();
    pid = process.pid();
    cr_assert(lives(pid));
    PasswordProcess other = std::move(process);
    // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): empty, it is promised
    cr_assert(other.pid() == pid && process.pid() == 0);
  }
  cr_assert(::kill(pid, 0) != 0 && errno == ESRCH);
}

Test(password_process, ends_when_its_socket_is_closed) {
  auto process = started();
  process.take_socket().reset();
  cr_assert(::waitpid(process.pid(), nullptr, 0) == process.pid());
}

Test(password_process, ends_when_its_parent_dies) {
  int numbers[2];
  int sockets[2];
  cr_assert(::pipe2(numbers, O_CLOEXEC) == 0);
  cr_assert(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
  const int status = in_a_child([&] {
    auto process = PasswordProcess::fork();
    if (!process) return 1;
    const Fd socket = process->take_socket();
    // An answer shows that it has settled in; and its socket stays open, as we hold it then.
    if (ask(socket.get(), right_question()) != 1) return 2;
    const pid_t pid = process->pid();
    if (!give_away(sockets[1], socket.get())) return 3;
    return ::write(numbers[1], &pid, sizeof pid) == sizeof pid ? 0 : 4;
  });
  cr_assert(status == 0, "%d", status);
  pid_t pid = 0;
  cr_assert(::read(numbers[0], &pid, sizeof pid) == sizeof pid);
  for (int i = 0; i < 10'000 && lives(pid); ++i) ::usleep(1000);
  cr_assert(!lives(pid));
}

Test(password_process, holds_no_descriptor_of_the_parent) {
  int ends[2];
  cr_assert(::pipe2(ends, 0) == 0);
  auto process = started();
  ::close(ends[1]);
  char byte;
  cr_assert(::read(ends[0], &byte, 1) ==
            0);  // the end comes as soon as nobody holds the other side
}

Test(password_process, works_where_the_standard_streams_are_closed) {
  const int status = in_a_child([] {
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    auto process = PasswordProcess::fork();
    return process && ask(process->take_socket().get(), right_question()) == 1 ? 0 : 1;
  });
  cr_assert(status == 0, "%d", status);
}

Test(password_process, does_not_mind_the_signals_that_end_its_parent) {
  auto process = started();
  const Fd socket = process.take_socket();
  cr_assert(ask(socket.get(), right_question()) == 1);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1}) {
    cr_assert(::kill(process.pid(), number) == 0);
  }
  cr_assert(ask(socket.get(), right_question()) == 1);
}

Test(password_process, is_not_fooled_by_malformed_questions) {
  auto process = started();
  const Fd socket = process.take_socket();
  for (const auto& question :
       {"x"s, "\0"s, "\0\0\0"s, "no nul"s, "*0\0*0"s, std::string(5000, 'x')}) {
    cr_assert(ask(socket.get(), question) == 0, "%s", question.c_str());
  }
  cr_assert(ask(socket.get(), right_question()) == 1);
}
