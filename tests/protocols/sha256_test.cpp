#include "protocols/files/sha256.h"

#include <criterion/criterion.h>

#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using sluice::files::Sha256;
using sluice::files::to_hex;

namespace {

constexpr Sha256::Method kMethods[] = {Sha256::Method::hardware, Sha256::Method::portable};

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string digest_of(std::string_view message, Sha256::Method method) {
  Sha256 sha(method);
  sha.update(bytes_of(message));
  return to_hex(sha.finish());
}

void expect_digest(std::string_view message, const char* expected) {
  for (const auto method : kMethods) {
    const std::string got = digest_of(message, method);
    cr_expect_str_eq(got.c_str(), expected, "%zu bytes: %s", message.size(), got.c_str());
  }
}

std::string counting_bytes(std::size_t size) {
  std::string message;
  for (std::size_t i = 0; i < size; ++i) message += static_cast<char>(i);
  return message;
}

}  // namespace

// The examples of FIPS 180-4's companion (NIST, "Examples with Intermediate Values").
Test(sha256, gives_the_digests_of_the_standards_examples) {
  expect_digest("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect_digest("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  expect_digest(
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
      "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

Test(sha256, gives_the_digest_of_a_million_letters) {
  expect_digest(std::string(1'000'000, 'a'),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Every length from 0 to 299, hence every place at which the padding can begin; the expected digest
// (of all digests in a row) was made with Python's hashlib.
Test(sha256, pads_messages_of_every_length) {
  for (const auto method : kMethods) {
    Sha256 all(method);
    for (std::size_t size = 0; size < 300; ++size) {
      std::string message;
      for (std::size_t i = 0; i < size; ++i) message += static_cast<char>(i * 7);
      Sha256 one(method);
      one.update(bytes_of(message));
      all.update(one.finish());
    }
    cr_expect(to_hex(all.finish()) ==
              "f65f14b090e805017546322e618401d41f0710c213e013a5131eb38bbe8f367f");
  }
}

Test(sha256, does_not_depend_on_where_the_message_is_split) {
  const std::string message = counting_bytes(200);
  for (const auto method : kMethods) {
    for (std::size_t first = 0; first <= message.size(); ++first) {
      for (std::size_t second = first; second <= message.size(); ++second) {
        Sha256 sha(method);
        sha.update(bytes_of(message).first(first));
        sha.update(bytes_of(message).subspan(first, second - first));
        sha.update(bytes_of(message).subspan(second));
        const std::string got = to_hex(sha.finish());
        cr_assert_str_eq(got.c_str(),
                         "1901da1c9f699b48f6b2636e65cbf73abf99d0441ef67f5c540a42f7051dec6f",
                         "split at %zu and %zu", first, second);
      }
    }
  }
}

Test(sha256, gives_the_same_with_and_without_the_processors_instructions) {
  if (!Sha256::has_hardware()) cr_skip("this processor has no SHA instructions");
  std::mt19937 random(20261121);
  for (int round = 0; round < 2000; ++round) {
    std::string message(random() % 1500, '\0');
    for (char& c : message) c = static_cast<char>(random());
    const std::string fast = digest_of(message, Sha256::Method::hardware);
    const std::string plain = digest_of(message, Sha256::Method::portable);
    cr_assert_str_eq(fast.c_str(), plain.c_str(), "%zu bytes", message.size());
  }
}

Test(sha256, begins_a_new_message_after_finish) {
  Sha256 sha;
  sha.update(bytes_of("something else"));
  sha.finish();
  sha.update(bytes_of("abc"));
  cr_expect(to_hex(sha.finish()) ==
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

Test(sha256, goes_on_from_a_copy) {
  Sha256 first;
  first.update(bytes_of("ab"));
  Sha256 second = first;
  first.update(bytes_of("X"));
  second.update(bytes_of("c"));
  cr_expect(to_hex(second.finish()) ==
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

Test(sha256, prints_bytes_as_two_lower_case_digits) {
  const std::byte bytes[] = {std::byte{0}, std::byte{0x0f}, std::byte{0xa0}, std::byte{0xff}};
  cr_expect(to_hex(bytes) == "000fa0ff");
}
