#include "protocols/ftp/login_guard.h"

#include <criterion/criterion.h>

#include <string>

#include "reactor/text.h"
#include "tests/support/fake_clock.h"

using sluice::Address;
using sluice::concat;
using sluice::Duration;
using sluice::TimePoint;
using sluice::ftp::LoginGuard;
using namespace std::chrono_literals;

namespace {

Address at(const std::string& text) {
  auto address = Address::parse(text);
  cr_assert(address, "%s", text.c_str());
  return *address;
}

const TimePoint kNow = FakeClock().now();

void fail_often(LoginGuard& guard, const Address& peer, unsigned times, TimePoint now = kNow) {
  for (unsigned i = 0; i < times; ++i) guard.failed(peer, now);
}

}  // namespace

Test(login_guard, lets_everyone_try_who_has_not_failed) {
  LoginGuard guard({3, 10s});
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow) == 0s);
  cr_assert(guard.size() == 0);
}

Test(login_guard, holds_an_address_up_when_its_credit_is_used) {
  LoginGuard guard({3, 10s});
  fail_often(guard, at("10.0.0.1:1"), 2);
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow) == 0s);
  guard.failed(at("10.0.0.1:1"), kNow);
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow) == 10s);
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow + 4s) == 6s);
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow + 10s) == 0s);
}

Test(login_guard, gives_back_one_try_at_a_time) {
  LoginGuard guard({3, 10s});
  fail_often(guard, at("10.0.0.1:1"), 3);
  guard.failed(at("10.0.0.1:1"), kNow + 10s);
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow + 10s) == 10s);
  guard.failed(at("10.0.0.1:1"), kNow + 25s);
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow + 25s) == 5s);
}

Test(login_guard, gives_no_more_than_its_full_credit_back) {
  LoginGuard guard({2, 10s});
  guard.failed(at("10.0.0.1:1"), kNow);
  const TimePoint later = kNow + 24h;
  fail_often(guard, at("10.0.0.1:1"), 2, later);
  cr_assert(guard.wait(at("10.0.0.1:1"), later) == 10s);
}

Test(login_guard, failures_beyond_the_credit_do_not_make_the_wait_longer) {
  LoginGuard guard({2, 10s});
  fail_often(guard, at("10.0.0.1:1"), 1000);
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow) == 10s);
}

Test(login_guard, counts_by_address_and_not_by_port) {
  LoginGuard guard({1, 10s});
  guard.failed(at("10.0.0.1:1"), kNow);
  cr_assert(guard.wait(at("10.0.0.1:2"), kNow) == 10s);
  cr_assert(guard.wait(at("10.0.0.2:1"), kNow) == 0s);
}

Test(login_guard, counts_ipv6_by_its_network) {
  LoginGuard guard({1, 10s});
  guard.failed(at("[2001:db8:1:2::1]:1"), kNow);
  cr_assert(guard.wait(at("[2001:db8:1:2:ffff::9]:1"), kNow) == 10s);
  cr_assert(guard.wait(at("[2001:db8:1:3::1]:1"), kNow) == 0s);
}

Test(login_guard, counts_mapped_ipv4_as_ipv4) {
  LoginGuard guard({1, 10s});
  guard.failed(at("[::ffff:10.0.0.1]:1"), kNow);
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow) == 10s);
  cr_assert(guard.wait(at("[::ffff:10.0.0.2]:1"), kNow) == 0s);
  cr_assert(guard.wait(at("[::1]:1"), kNow) == 0s);
}

Test(login_guard, counts_unix_sockets_as_one) {
  LoginGuard guard({1, 10s});
  guard.failed(at("unix:/a"), kNow);
  cr_assert(guard.wait(at("unix:@b"), kNow) == 10s);
  cr_assert(guard.wait(at("0.0.0.0:0"), kNow) == 0s);
}

Test(login_guard, forgets_who_has_its_full_credit_again) {
  LoginGuard guard({3, 10s});
  guard.failed(at("10.0.0.1:1"), kNow);
  cr_assert(guard.size() == 1);
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow + 10s) == 0s);
  cr_assert(guard.size() == 0);
}

Test(login_guard, forgets_the_one_nearest_to_a_full_credit_when_there_are_too_many) {
  LoginGuard guard({3, 10s});
  fail_often(guard, at("10.0.0.1:1"), 3);
  for (unsigned i = 0; i < 2 * LoginGuard::kMaxAddresses; ++i) {
    guard.failed(at(concat("[2001:db8:", i / 256, ":", i % 256, "::1]:1")), kNow);
    cr_assert(guard.size() <= LoginGuard::kMaxAddresses);
  }
  cr_assert(guard.size() == LoginGuard::kMaxAddresses);
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow) == 10s);
}

Test(login_guard, a_newcomer_is_remembered_even_when_it_is_full) {
  LoginGuard guard({1, 10s});
  for (unsigned i = 0; i < LoginGuard::kMaxAddresses; ++i) {
    guard.failed(at(concat("10.1.", i / 256, ".", i % 256, ":1")), kNow + i * 1us);
  }
  guard.failed(at("10.0.0.1:1"), kNow + 1s);
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow + 1s) == 10s);
  cr_assert(guard.wait(at("10.1.0.0:1"), kNow + 1s) == 0s);
  cr_assert(guard.wait(at("10.1.0.1:1"), kNow + 1s) > 0s);
}

Test(login_guard, with_no_burst_nobody_ever_waits) {
  LoginGuard guard({0, 10s});
  fail_often(guard, at("10.0.0.1:1"), 100);
  cr_assert(guard.wait(at("10.0.0.1:1"), kNow) == 0s);
}

Test(login_guard, absurd_options_make_no_absurd_waits) {
  LoginGuard large({~0U, Duration::max()});
  fail_often(large, at("10.0.0.1:1"), 100);
  cr_assert(large.wait(at("10.0.0.1:1"), kNow) == 0s);
  LoginGuard negative({1, -10s});
  fail_often(negative, at("10.0.0.1:1"), 100);
  cr_assert(negative.wait(at("10.0.0.1:1"), kNow) == 0s);
}
