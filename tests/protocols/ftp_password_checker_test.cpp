#include "protocols/ftp/password_checker.h"

#include <criterion/criterion.h>
#include <crypt.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"

using namespace sluice;
using namespace sluice::ftp;
using namespace std::string_literals;

namespace {

/// SHA-256 with the fewest rounds there are, for tests that are not about the time it takes.
std::string hash_of(const std::string& password, const char* setting = "$5$rounds=1000$salt$") {
  const char* made = ::crypt(password.c_str(), setting);
  cr_assert(made && made[0] != '*');
  return made;
}

PasswordProcess started() {
  auto process = PasswordProcess::fork();
  cr_assert(process, "%s", process.error().message().c_str());
  return std::move(*process);
}

/// A process, the loop and the checker between them; answers are written down: y(es), n(o), or the
/// error's number.
struct Scene {
  PasswordProcess process = started();
  Reactor reactor;
  std::unique_ptr<PasswordChecker> checker =
      std::make_unique<PasswordChecker>(reactor, process.take_socket());
  std::string answers;
  std::size_t count = 0;

  void note(Result<bool> answer) {
    ++count;
    answers += !answer ? std::to_string(answer.error().code) : *answer ? "y" : "n";
  }
  PasswordChecker::Ticket ask(std::string_view password, std::string_view hash) {
    return checker->check(password, hash, [this](Result<bool> answer) { note(answer); });
  }
  /// The answers, once there are as many as that.
  const std::string& wait_for(std::size_t wanted) {
    cr_assert(run_until(reactor, [&] { return count >= wanted; }), "only %s", answers.c_str());
    return answers;
  }
  std::string answer(std::string_view password, std::string_view hash) {
    answers.clear();
    count = 0;
    ask(password, hash);
    return wait_for(1);
  }
};

const std::string kGone = std::to_string(EPIPE);

/// A checker whose process is the test: it sees what is asked and says when the answer comes.
struct Puppet {
  Reactor reactor;
  Fd other;
  std::unique_ptr<PasswordChecker> checker;
  bool may_restart = false;
  int restarts = 0;

  explicit Puppet(Clock* clock = nullptr) : reactor({.clock = clock}) {
    checker = std::make_unique<PasswordChecker>(reactor, socket(), [this]() -> Result<Fd> {
      if (!may_restart) return fail("fork", EAGAIN);
      ++restarts;
      return socket();
    });
  }
  Fd socket() {
    int ends[2];
    cr_assert(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    other = Fd(ends[1]);
    return Fd(ends[0]);
  }
  std::string asked() {
    char question[2048];
    const ssize_t size = ::recv(other.get(), question, sizeof question, MSG_DONTWAIT);
    return size < 0 ? "(nothing)" : std::string(question, static_cast<std::size_t>(size));
  }
  void answer(char what) {
    cr_assert(::send(other.get(), &what, 1, MSG_NOSIGNAL) == 1);
    turn(reactor);
  }
};

}  // namespace

Test(password_checker, tells_right_from_wrong_passwords) {
  Scene scene;
  const std::string hash = hash_of("secret");
  cr_assert(scene.answer("secret", hash) == "y");
  cr_assert(scene.answer("Secret", hash) == "n");
  cr_assert(scene.answer("secret ", hash) == "n");
  cr_assert(scene.answer("secre", hash) == "n");
  cr_assert(scene.answer("", hash) == "n");
  cr_assert(scene.answer("secret", hash) == "y");
}

Test(password_checker, knows_every_common_method) {
  Scene scene;
  for (const char* setting : {"$y$j75$saltsaltsalt", "$6$rounds=1000$salt", "$1$salt", "sa",
                              "$2b$04$abcdefghijklmnopqrstuu"}) {
    const std::string hash = hash_of("pass word\xc3\xa9", setting);
    cr_assert(scene.answer("pass word\xc3\xa9", hash) == "y", "%s", hash.c_str());
    cr_assert(scene.answer("Pass word\xc3\xa9", hash) == "n", "%s", hash.c_str());
  }
}

Test(password_checker, an_unknown_user_has_no_password) {
  Scene scene;
  cr_assert(scene.answer("secret", "") == "n");
  cr_assert(scene.answer("", "") == "n");
  cr_assert(scene.answer("*0", "") == "n");
}

Test(password_checker, a_hash_that_crypt_does_not_know_fits_nothing) {
  Scene scene;
  for (const char* hash : {"*", "*0", "*1", "!", "x", "secret", "$9$salt$hash", "$y$", "$6$",
                           "$5$rounds=1000$salt$"}) {
    cr_assert(scene.answer("secret", hash) == "n", "%s", hash);
    cr_assert(scene.answer(hash, hash) == "n", "%s", hash);
  }
}

Test(password_checker, takes_passwords_as_long_as_crypt_does) {
  Scene scene;
  const std::string longest(511, 'x');
  cr_assert(scene.answer(longest, hash_of(longest)) == "y");
  cr_assert(scene.answer(longest + "x", hash_of(longest)) == "n");
  cr_assert(scene.answer(std::string(100'000, 'x'), hash_of(longest)) == "n");
}

Test(password_checker, nothing_hides_behind_a_nul) {
  Scene scene;
  const std::string hash = hash_of("secret");
  cr_assert(scene.answer("secret\0more"s, hash) == "n");
  cr_assert(scene.answer("secret"s, hash + "\0more"s) == "n");
  cr_assert(scene.answer("secret", std::string(10'000, 'x')) == "n");
}

Test(password_checker, answers_in_order) {
  Scene scene;
  const std::string hash = hash_of("right");
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    const bool right = i % 3 == 0;
    scene.ask(right ? "right" : "wrong", hash);
    expected += right ? 'y' : 'n';
  }
  cr_assert(scene.answers.empty());
  cr_assert(scene.wait_for(50) == expected, "%s", scene.answers.c_str());
}

Test(password_checker, asks_one_question_at_a_time) {
  Puppet puppet;
  std::string answers;
  for (const char* password : {"one", "two"}) {
    puppet.checker->check(password, "hash",
                          [&](Result<bool> answer) { answers += *answer ? 'y' : 'n'; });
  }
  cr_assert(puppet.asked() == "hash\0one"s);
  cr_assert(puppet.asked() == "(nothing)");
  puppet.answer(1);
  cr_assert(answers == "y");
  cr_assert(puppet.asked() == "hash\0two"s);
  puppet.answer(0);
  cr_assert(answers == "yn");
}

Test(password_checker, a_forgotten_check_calls_nobody) {
  Puppet puppet;
  std::string answers;
  PasswordChecker::Ticket tickets[3];
  for (int i = 0; i < 3; ++i) {
    tickets[i] = puppet.checker->check(std::to_string(i), "hash",
                                       [&answers, i](Result<bool>) { answers += "012"[i]; });
  }
  puppet.checker->forget(tickets[0]);  // the one that is asked already
  puppet.checker->forget(tickets[1]);
  puppet.checker->forget(99);
  cr_assert(puppet.asked() == "hash\0000"s);
  puppet.answer(1);
  cr_assert(answers.empty());
  cr_assert(puppet.asked() == "hash\0002"s);
  puppet.answer(1);
  cr_assert(answers == "2");
  puppet.checker->forget(tickets[2]);
}

Test(password_checker, a_callback_may_ask_again_and_forget) {
  Puppet puppet;
  std::string answers;
  PasswordChecker::Ticket second = 0;
  puppet.checker->check("1", "", [&](Result<bool>) {
    answers += '1';
    puppet.checker->forget(second);
    puppet.checker->check("3", "", [&](Result<bool>) { answers += '3'; });
  });
  second = puppet.checker->check("2", "", [&](Result<bool>) { answers += '2'; });
  puppet.answer(1);
  puppet.answer(1);
  puppet.answer(1);
  cr_assert(answers == "13", "%s", answers.c_str());
}

Test(password_checker, takes_only_so_many_at_once) {
  Puppet puppet;
  std::string errors;
  std::size_t done = 0;
  for (std::size_t i = 0; i < PasswordChecker::kMaxWaiting + 2; ++i) {
    puppet.checker->check("x", "", [&](Result<bool> answer) {
      ++done;
      if (!answer) errors += std::to_string(answer.error().code);
    });
  }
  cr_assert(done == 0);
  turn(puppet.reactor);
  cr_assert(done == 2);
  cr_assert(errors == std::to_string(EAGAIN) + std::to_string(EAGAIN), "%s", errors.c_str());
  puppet.answer(1);
  cr_assert(done == 3);
  puppet.checker->check("x", "", [&](Result<bool>) {});
  turn(puppet.reactor);
  cr_assert(done == 3);
}

Test(password_checker, a_dead_process_is_told_to_all_who_wait) {
  Scene scene;
  for (int i = 0; i < 3; ++i) scene.ask("secret", "");
  cr_assert(::kill(scene.process.pid(), SIGKILL) == 0);
  cr_assert(scene.wait_for(3).ends_with(kGone + kGone), "%s", scene.answers.c_str());
}

Test(password_checker, a_dead_process_is_told_to_all_who_ask_later) {
  Scene scene;
  cr_assert(::kill(scene.process.pid(), SIGKILL) == 0);
  cr_assert(::waitpid(scene.process.pid(), nullptr, 0) == scene.process.pid());
  scene.ask("secret", "");  // before the loop has seen it
  cr_assert(scene.answers.empty());
  cr_assert(scene.wait_for(1) == kGone);
  scene.ask("secret", "");
  cr_assert(scene.answers == kGone);
  cr_assert(scene.wait_for(2) == kGone + kGone);
}

Test(password_checker, a_process_that_died_is_followed_by_another) {
  Scene scene;
  int restarts = 0;
  scene.process = started();
  scene.checker = std::make_unique<PasswordChecker>(scene.reactor, scene.process.take_socket(),
                                                    [&]() -> Result<Fd> {
                                                      ++restarts;
                                                      scene.process = started();
                                                      return scene.process.take_socket();
                                                    });
  cr_assert(scene.answer("secret", hash_of("secret")) == "y");
  cr_assert(::kill(scene.process.pid(), SIGKILL) == 0);
  cr_assert(::waitpid(scene.process.pid(), nullptr, 0) > 0);
  turn(scene.reactor);
  cr_assert(restarts == 0, "nobody asks");
  cr_assert(scene.answer("secret", hash_of("secret")) == "y");
  cr_assert(scene.answer("other", hash_of("secret")) == "n");
  cr_assert(restarts == 1);
}

Test(password_checker, only_who_was_asked_when_it_died_is_told_so) {
  Puppet puppet;
  puppet.may_restart = true;
  std::string heard;
  for (int i = 0; i < 3; ++i) {
    puppet.checker->check("x", std::to_string(i), [&heard, i](Result<bool> answer) {
      heard += std::to_string(i) + (answer ? "right " : "lost ");
    });
  }
  cr_assert(puppet.asked() == "0\0x"s);
  puppet.other.reset();
  turn(puppet.reactor, 2);
  cr_assert(heard == "0lost ", "%s", heard.c_str());
  for (const auto& question : {"1\0x"s, "2\0x"s}) {
    cr_assert(puppet.asked() == question);
    puppet.answer(1);
  }
  cr_assert(heard == "0lost 1right 2right ", "%s", heard.c_str());
}

Test(password_checker, another_process_that_dies_as_well_is_followed_after_a_pause) {
  FakeClock clock;
  Puppet puppet(&clock);
  puppet.may_restart = true;
  int lost = 0;
  const auto ask = [&] {
    puppet.checker->check("x", "", [&](Result<bool> answer) { lost += !answer; });
  };
  for (int i = 0; i < 5; ++i) {
    ask();
    puppet.other.reset();
    turn(puppet.reactor, 2);
    cr_expect(lost == i + 1);
    cr_expect(puppet.restarts == (i == 0 ? 0 : 1), "%d", puppet.restarts);
  }
  clock.advance(PasswordChecker::kRestartPause);
  ask();
  cr_expect(puppet.restarts == 2);
  cr_expect(puppet.asked() == "\0x"s);
}

Test(password_checker, a_dead_process_does_not_keep_the_loop_busy) {
  Puppet puppet;
  puppet.other.reset();
  turn(puppet.reactor, 2);
  bool ready = false;
  auto timer = puppet.reactor.after(std::chrono::milliseconds(20), [&] { ready = true; });
  const auto before = puppet.reactor.stats().turns;
  while (!ready) cr_assert(puppet.reactor.run_once());
  cr_assert(puppet.reactor.stats().turns - before <= 3);  // a wait may end a moment early
  bool told = false;
  puppet.checker->check("x", "", [&](Result<bool> answer) { told = !answer; });
  turn(puppet.reactor);
  cr_assert(told);
}

Test(password_checker, who_asks_again_on_an_error_does_not_hold_the_turn) {
  Puppet puppet;
  puppet.other.reset();
  struct Stubborn {
    PasswordChecker& checker;
    int errors = 0;
    void ask() {
      checker.check("x", "", [this](Result<bool>) {
        ++errors;
        ask();
      });
    }
  } stubborn{*puppet.checker};
  stubborn.ask();
  turn(puppet.reactor, 3);
  cr_assert(stubborn.errors >= 2 && stubborn.errors <= 3, "%d", stubborn.errors);
}

Test(password_checker, a_forgotten_check_hears_nothing_of_the_death) {
  Puppet puppet;
  int told = 0;
  const auto first = puppet.checker->check("x", "", [&](Result<bool>) { ++told; });
  puppet.checker->check("x", "", [&](Result<bool>) { ++told; });
  puppet.other.reset();
  turn(puppet.reactor);
  puppet.checker->forget(first);
  turn(puppet.reactor, 2);
  cr_assert(told >= 1);
  const auto third = puppet.checker->check("x", "", [&](Result<bool>) { told += 100; });
  puppet.checker->forget(third);
  turn(puppet.reactor, 2);
  cr_assert(told < 100);
}

Test(password_checker, may_end_while_checks_wait) {
  Scene scene;
  scene.ask("secret", "");
  scene.ask("secret", "");
  scene.checker.reset();
  turn(scene.reactor, 2);
  cr_assert(scene.answers.empty());
}
