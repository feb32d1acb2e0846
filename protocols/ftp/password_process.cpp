#include "protocols/ftp/password_process.h"

#include <crypt.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "protocols/ftp/account.h"

namespace sluice::ftp {
namespace {

static_assert(PasswordProcess::kMaxPassword == CRYPT_MAX_PASSPHRASE_SIZE - 1);
static_assert(PasswordProcess::kMaxHash == CRYPT_OUTPUT_SIZE - 1);

constexpr int kSocket = 3;  ///< the number of the child's end in the child
constexpr uid_t kNobody = 65534;

/// For users who do not exist where crypt makes no setting: costs what SHA-512 costs by default.
constexpr char kFallbackSetting[] = "$6$sluicesluicesluu$";

void close_from(unsigned first) {
  if (::close_range(first, ~0U, 0) == 0) return;
  rlimit most{};
  if (::getrlimit(RLIMIT_NOFILE, &most) != 0 || most.rlim_cur > 1 << 20) most.rlim_cur = 1 << 20;
  for (unsigned fd = first; fd < most.rlim_cur; ++fd) ::close(static_cast<int>(fd));
}

/// Leaves the socket at kSocket and /dev/null below it, so that nothing of the parent's stays open:
/// a terminal, a pipe whose reader waits for its end, a port.
bool keep_only(int socket) {
  if (socket < kSocket) socket = ::fcntl(socket, F_DUPFD, kSocket + 1);
  if (socket < 0) return false;
  if (socket != kSocket && ::dup2(socket, kSocket) < 0) return false;
  close_from(kSocket + 1);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < kSocket; ++fd) {
    if (null < 0) {
      ::close(fd);
    } else if (null != fd) {
      ::dup2(null, fd);
    }
  }
  if (null > kSocket) ::close(null);
  return true;
}

/// What a terminal or a service manager sends to all the group ends the parent first, which may
/// have sessions to finish: the child goes by the end of its socket. No handler of the parent's
/// stays.
void settle_signals() {
  for (int number = 1; number < NSIG; ++number) std::signal(number, SIG_DFL);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE}) {
    std::signal(number, SIG_IGN);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// What fails is a privilege that was not there.
void drop_privileges() {
  if (::geteuid() == 0 && ::setgroups(0, nullptr) == 0) {
    if (::setresgid(kNobody, kNobody, kNobody) != 0 ||
        ::setresuid(kNobody, kNobody, kNobody) != 0) {
      errno = 0;  // no such user in this namespace: stay who we are
    }
  }
  constexpr rlimit kNone{0, 0};
  ::setrlimit(RLIMIT_CORE, &kNone);
  ::setrlimit(RLIMIT_NPROC, &kNone);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/// What stays in memory between two questions holds nothing of either.
struct Room {
  char question[PasswordProcess::kMaxHash + 1 + PasswordProcess::kMaxPassword + 1];
  crypt_data work;
};

bool is_right(Room& room, std::size_t size, const char* setting_of_nobody) {
  room.question[size] = '\0';
  const std::size_t hash_size = std::strlen(room.question);
  if (hash_size >= size) return false;
  const char* password = room.question + hash_size + 1;
  const bool exists = hash_size > 0;
  const char* made = ::crypt_r(password, exists ? room.question : setting_of_nobody, &room.work);
  const bool same = made != nullptr && made[0] != '*' && equal_secret(made, room.question);
  return exists && same;
}

[[noreturn]] void serve() {
  static Room room;
  static char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (!::crypt_gensalt_rn(nullptr, 0, nullptr, 0, setting, sizeof setting)) {
    std::memcpy(setting, kFallbackSetting, sizeof kFallbackSetting);
  }
  for (;;) {
    const ssize_t size = ::recv(kSocket, room.question, sizeof room.question - 1, 0);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size <= 0) break;
    const char answer = is_right(room, static_cast<std::size_t>(size), setting) ? 1 : 0;
    ::explicit_bzero(&room, sizeof room);
    ssize_t sent = 0;
    do {
      sent = ::send(kSocket, &answer, 1, MSG_NOSIGNAL);
    } while (sent < 0 && (errno == EINTR || errno == EAGAIN));
    if (sent != 1) break;
  }
  ::_exit(0);
}

/// Never returns, and runs nothing at its end that belongs to the parent.
[[noreturn]] void be_child(int socket, pid_t parent) {
  settle_signals();
  drop_privileges();
  // A change of user clears it (prctl(2)), and a parent that died before it was set is not told.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent || !keep_only(socket)) ::_exit(1);
  ::prctl(PR_SET_NAME, "sluice-passwd", 0, 0, 0);
  serve();
}

}  // namespace

Result<PasswordProcess> PasswordProcess::fork() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return fail("socketpair");
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  const pid_t parent = ::getpid();
  // A handler of the parent's must not run in the child, which shares what it writes to.
  sigset_t all, before;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t child = ::fork();
  if (child == 0) be_child(theirs.get(), parent);
  const int error = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (child < 0) return fail("fork", error);
  return PasswordProcess(std::move(ours), child);
}

PasswordProcess::~PasswordProcess() {
  if (child_ <= 0) return;
  // One that is dead and gone has given its number away.
  if (::waitpid(child_, nullptr, WNOHANG) != 0) return;
  ::kill(child_, SIGKILL);
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace sluice::ftp
