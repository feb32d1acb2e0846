#include "protocols/files/digest.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

#include "tests/protocols/temp_directory.h"

using namespace sluice::files;

namespace {

constexpr DigestKind kKinds[] = {DigestKind::sha256, DigestKind::sha1, DigestKind::md5,
                                 DigestKind::crc32};

std::string digest_of(DigestKind kind, std::string_view message) {
  Digest digest(kind);
  digest.update(bytes_of(message));
  return digest.finish();
}

void expect_digest(DigestKind kind, std::string_view message, const char* expected) {
  const std::string got = digest_of(kind, message);
  cr_expect_str_eq(got.c_str(), expected, "%zu bytes: %s", message.size(), got.c_str());
}

std::string eight_times(std::string_view digits) {
  std::string text;
  for (int i = 0; i < 8; ++i) text += digits;
  return text;
}

}  // namespace

// RFC 1321, section A.5.
Test(digest, gives_the_examples_of_md5) {
  const auto md5 = DigestKind::md5;
  expect_digest(md5, "", "d41d8cd98f00b204e9800998ecf8427e");
  expect_digest(md5, "a", "0cc175b9c0f1b6a831c399e269772661");
  expect_digest(md5, "abc", "900150983cd24fb0d6963f7d28e17f72");
  expect_digest(md5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0");
  expect_digest(md5, "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b");
  expect_digest(md5, eight_times("1234567890"), "57edf4a22be3c955ac49da2e2107b67a");
}

// RFC 3174, section 7.3: the second and the fourth example.
Test(digest, gives_the_examples_of_sha1) {
  const auto sha1 = DigestKind::sha1;
  expect_digest(sha1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  expect_digest(sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
  expect_digest(sha1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  std::string ten_times;
  for (int i = 0; i < 10; ++i) {
    ten_times += eight_times("01234567");
  }
  expect_digest(sha1, ten_times, "dea356a2cddd90c7a7ecedc5ebb563934f460452");
}

Test(digest, gives_the_check_value_of_crc32) {
  expect_digest(DigestKind::crc32, "", "00000000");
  expect_digest(DigestKind::crc32, "a", "e8b7be43");
  expect_digest(DigestKind::crc32, "123456789", "cbf43926");
}

Test(digest, gives_sha256) {
  expect_digest(DigestKind::sha256, "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// Every length from 0 to 299, hence every place at which the padding can begin; the expected digest
// (of the digits of all digests in a row) was made with Python's hashlib and zlib.
Test(digest, pads_messages_of_every_length) {
  const char* expected[] = {"2956ef4e8392a8964f6f552bfba7613a805ef8f8550abe7eedcd072dcec36695",
                            "5c8bbc4e524952fd68612b66ca7dd089d1d39584",
                            "23d4cb3fa5610b691b484f28b5a98cd3", "b18d86c2"};
  for (const auto kind : kKinds) {
    std::string all, message;
    for (std::size_t size = 0; size < 300; ++size) {
      all += digest_of(kind, message);
      message += static_cast<char>(size * 7);
    }
    expect_digest(kind, all, expected[static_cast<int>(kind)]);
  }
}

Test(digest, does_not_depend_on_where_the_message_is_split) {
  std::mt19937 random(20261121);
  std::string message(1000, '\0');
  for (char& c : message) c = static_cast<char>(random());
  for (const auto kind : kKinds) {
    const std::string whole = digest_of(kind, message);
    Digest digest(kind);  // used over and over: finish() begins anew
    for (int round = 0; round < 1000; ++round) {
      std::string_view rest = message;
      while (!rest.empty()) {
        const std::size_t size = random() % (round % 2 == 0 ? 200 : 20);
        digest.update(bytes_of(rest.substr(0, size)));
        rest.remove_prefix(std::min(size, rest.size()));
      }
      const std::string got = digest.finish();
      cr_assert_str_eq(got.c_str(), whole.c_str(), "%s", name_of(kind).data());
    }
  }
}

Test(digest, takes_a_message_of_many_blocks_at_any_alignment) {
  const char* expected[] = {"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
                            "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
                            "7707d6ae4e027c70eea2a935c2296f21", "dc25bfbc"};
  const std::string message(1'000'020, 'a');
  for (const auto kind : kKinds) {
    for (std::size_t at = 0; at < 20; ++at) {
      expect_digest(kind, std::string_view(message).substr(at, 1'000'000),
                    expected[static_cast<int>(kind)]);
    }
  }
}

Test(digest, knows_its_kinds_by_their_registered_names) {
  for (const auto kind : kKinds) cr_expect(parse_digest_kind(name_of(kind)) == kind);
  cr_expect(name_of(DigestKind::sha1) == "SHA-1");
  cr_expect(parse_digest_kind("sha-256") == DigestKind::sha256);
  cr_expect(parse_digest_kind("mD5") == DigestKind::md5);
  cr_expect(parse_digest_kind("Crc32") == DigestKind::crc32);
  for (const char* other : {"", "SHA", "SHA-2566", "SHA256", "SHA-512", "MD5 ", "CRC"}) {
    cr_expect(!parse_digest_kind(other), "%s", other);
  }
}
