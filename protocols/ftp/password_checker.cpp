#include "protocols/ftp/password_checker.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "reactor/log.h"

namespace sluice::ftp {
namespace {

constexpr Error kGone{EPIPE, "password process"};

/// Errors that say nothing about the other side.
bool is_passing(int code) {
  return code == EAGAIN || code == EINTR || code == ENOMEM || code == ENOBUFS;
}

bool fits(std::string_view text, std::size_t most) {
  return text.size() <= most && text.find('\0') == text.npos;
}

/// Tickets only grow, so that both queues are sorted.
template <class Queue>
auto find_ticket(Queue& queue, PasswordChecker::Ticket ticket) {
  const auto found =
      std::ranges::lower_bound(queue, ticket, {}, [](const auto& held) { return held.ticket; });
  return found != queue.end() && found->ticket == ticket ? found : queue.end();
}

}  // namespace

PasswordChecker::Question::Question(std::string_view hash, std::string_view password) {
  bytes_.reserve(hash.size() + 1 + password.size());
  bytes_.insert(bytes_.end(), hash.begin(), hash.end());
  bytes_.push_back('\0');
  bytes_.insert(bytes_.end(), password.begin(), password.end());
}

void PasswordChecker::Question::wipe() {
  if (!bytes_.empty()) ::explicit_bzero(bytes_.data(), bytes_.size());
  bytes_.clear();
}

PasswordChecker::PasswordChecker(Reactor& reactor, Fd socket, Restart restart)
    : reactor_(&reactor),
      restart_(std::move(restart)),
      telling_(reactor.timer([this] { tell_refused(); })) {
  use(std::move(socket));
}

bool PasswordChecker::use(Fd socket) {
  socket_ = std::move(socket);
  auto watch = reactor_->watch(socket_.get(), Interest::read, *this);
  if (watch) watch_ = std::move(*watch);
  return watch.has_value();
}

bool PasswordChecker::start_another() {
  if (!restart_ || reactor_->now() < restart_from_) return false;
  restart_from_ = reactor_->now() + kRestartPause;
  auto socket = restart_();
  if (!socket) {
    log(LogLevel::error, "ftp", "no process to check passwords: ", socket.error().message());
    return false;
  }
  log(LogLevel::warning, "ftp", "the process that checks passwords has died; this is another one");
  return use(std::move(*socket));
}

PasswordChecker::Ticket PasswordChecker::check(std::string_view password, std::string_view hash,
                                               OnChecked done) {
  if (!fits(password, PasswordProcess::kMaxPassword) || !fits(hash, PasswordProcess::kMaxHash)) {
    password = password.substr(0, PasswordProcess::kMaxPassword);
    hash = {};
  }
  Check check{++last_, Question(hash, password), std::move(done)};
  if (!watch_ && !start_another()) {
    refuse(std::move(check), kGone);
  } else if (waiting_.size() >= kMaxWaiting) {
    refuse(std::move(check), {EAGAIN, "password process"});
  } else {
    waiting_.push_back(std::move(check));
    ask();
  }
  return last_;
}

void PasswordChecker::forget(Ticket ticket) {
  if (const auto refused = find_ticket(refused_, ticket); refused != refused_.end()) {
    refused->done.reset();
    return;
  }
  const auto check = find_ticket(waiting_, ticket);
  if (check == waiting_.end()) return;
  if (asked_ && check == waiting_.begin()) {
    check->done.reset();  // its answer is still to come
  } else {
    waiting_.erase(check);
  }
}

void PasswordChecker::ask() {
  while (!asked_ && !waiting_.empty()) {
    Check& check = waiting_.front();
    const auto bytes = check.question.bytes();
    ssize_t sent = 0;
    do {
      sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
      asked_ = true;
      check.question.wipe();
      return;
    }
    if (!is_passing(errno)) return lose_process();
    refuse_first(Error::last("password process"));
  }
}

void PasswordChecker::on_readable() noexcept {
  char answer = 0;
  const ssize_t size = ::recv(socket_.get(), &answer, 1, MSG_DONTWAIT);
  if (size < 0 && is_passing(errno)) return;
  if (size <= 0 || !asked_) return lose_process();
  OnChecked done = std::move(waiting_.front().done);
  waiting_.pop_front();
  asked_ = false;
  ask();
  if (done) done(answer == 1);
}

void PasswordChecker::lose_process() {
  watch_.reset();
  if (std::exchange(asked_, false)) refuse_first(kGone);  // perhaps it was this that killed it
  if (!waiting_.empty() && start_another()) return ask();
  while (!waiting_.empty()) refuse_first(kGone);
}

void PasswordChecker::refuse_first(Error error) {
  Check check = std::move(waiting_.front());
  waiting_.pop_front();
  refuse(std::move(check), error);
}

void PasswordChecker::refuse(Check check, Error error) {
  // A check that failed at the process was asked for before those that found no room.
  const auto after = std::ranges::upper_bound(refused_, check.ticket, {}, &Refusal::ticket);
  refused_.insert(after, {check.ticket, error, std::move(check.done)});
  if (!telling_.armed()) telling_.start(Duration::zero());
}

void PasswordChecker::tell_refused() {
  for (std::size_t left = refused_.size(); left > 0 && !refused_.empty(); --left) {
    Refusal refusal = std::move(refused_.front());
    refused_.pop_front();
    if (refusal.done) refusal.done(std::unexpected(refusal.error));
  }
  if (!refused_.empty() && !telling_.armed()) telling_.start(Duration::zero());
}

}  // namespace sluice::ftp
