#include "protocols/drop/wire.h"

#include <criterion/criterion.h>

#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "protocols/files/sha256.h"

using namespace sluice::drop;
using namespace std::string_literals;

namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kNameLengthAt = 11;

Header example() {
  Header header;
  header.flags = kMayReplace;
  header.size = 0x0102030405060708;
  for (std::size_t i = 0; i < header.id.size(); ++i) header.id[i] = std::byte(0xa0 + i);
  header.name = "photo.jpg";
  return header;
}

Bytes example_bytes() {
  return *encode(example());
}

std::string hex(std::span<const std::byte> bytes) {
  return sluice::files::to_hex(bytes);
}

bool same(const Header& a, const Header& b) {
  return a.flags == b.flags && a.size == b.size && a.id == b.id && a.name == b.name;
}

void expect_bad(Bytes bytes, std::size_t at, int value, Status why) {
  bytes[at] = std::byte(value);
  HeaderDecoder decoder;
  const Fed fed = decoder.feed(bytes);
  cr_expect(fed.progress == Progress::bad, "byte %zu as %d", at, value);
  cr_expect(decoder.why() == why, "byte %zu as %d gives %d", at, value,
            static_cast<int>(decoder.why()));
  cr_expect_eq(fed.taken, at + 1, "it stops at the byte that is wrong");
  cr_expect_eq(decoder.feed(bytes).taken, 0, "and takes nothing more");
}

}  // namespace

Test(drop_header, is_laid_out_as_documented) {
  const std::string expected =
      "89534c440d0a1a00"
      "01"
      "01"
      "00"
      "09"
      "0102030405060708"
      "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
      "70686f746f2e6a7067";
  cr_expect(hex(example_bytes()) == expected);
}

Test(drop_header, reads_what_was_written) {
  HeaderDecoder decoder;
  const Bytes bytes = example_bytes();
  const Fed fed = decoder.feed(bytes);
  cr_expect(fed.progress == Progress::done);
  cr_expect_eq(fed.taken, bytes.size());
  cr_expect(same(decoder.header(), example()));
  cr_expect(decoder.header().may_replace());
}

Test(drop_header, may_be_cut_anywhere) {
  const Bytes bytes = example_bytes();
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    HeaderDecoder decoder;
    Fed fed = decoder.feed(std::span(bytes).first(first));
    cr_expect_eq(fed.taken, first);
    cr_expect((fed.progress == Progress::done) == (first == bytes.size()), "at %zu", first);
    fed = decoder.feed(std::span(bytes).subspan(first));
    cr_expect_eq(fed.taken, bytes.size() - first);
    cr_expect(fed.progress == Progress::done);
    cr_expect(same(decoder.header(), example()), "cut at %zu", first);
  }
}

Test(drop_header, may_come_byte_by_byte) {
  HeaderDecoder decoder;
  for (const std::byte byte : example_bytes()) {
    cr_expect_eq(decoder.feed(std::span(&byte, 1)).taken, 1);
  }
  cr_expect(decoder.feed({}).progress == Progress::done);
  cr_expect(same(decoder.header(), example()));
}

Test(drop_header, takes_nothing_of_the_bytes_after_it) {
  Bytes bytes = example_bytes();
  const std::size_t size = bytes.size();
  bytes.resize(size + 100, std::byte{0x89});
  HeaderDecoder decoder;
  cr_expect_eq(decoder.feed(bytes).taken, size);
  cr_expect_eq(decoder.feed(bytes).taken, 0);
  decoder.reset();
  cr_expect(decoder.feed(std::span(bytes).first(8)).progress == Progress::need_more);
  cr_expect(decoder.feed(std::span(bytes).subspan(8)).progress == Progress::done);
  cr_expect(same(decoder.header(), example()));
}

Test(drop_header, may_hold_the_largest_values_and_the_smallest) {
  Header header;
  header.size = UINT64_MAX;
  header.id.fill(std::byte{0xff});
  header.name = std::string(255, '\xff');
  HeaderDecoder decoder;
  cr_expect(decoder.feed(*encode(header)).progress == Progress::done);
  cr_expect(same(decoder.header(), header));

  decoder.reset();
  cr_expect(decoder.feed(*encode(Header{})).progress == Progress::done);
  cr_expect(same(decoder.header(), Header{}), "an empty name is for check_name to refuse");
}

Test(drop_header, carries_names_as_bytes) {
  for (const auto& name : {"a/b"s, ".."s, "nul\0inside"s, "two\nlines"s, "\xff\x80"s}) {
    Header header = example();
    header.name = name;
    HeaderDecoder decoder;
    cr_expect(decoder.feed(*encode(header)).progress == Progress::done);
    cr_expect(decoder.header().name == name);
  }
}

Test(drop_header, cannot_hold_a_longer_name) {
  Header header = example();
  header.name = std::string(256, 'x');
  const auto bytes = encode(header);
  cr_assert(!bytes);
  cr_expect_eq(bytes.error().code, ENAMETOOLONG);
}

Test(drop_header, is_bad_with_any_byte_of_the_magic_wrong) {
  for (std::size_t at = 0; at < kMagic.size(); ++at) {
    expect_bad(example_bytes(), at, std::to_integer<int>(kMagic[at]) ^ 1, Status::bad_magic);
    expect_bad(example_bytes(), at, std::to_integer<int>(kMagic[at]) ^ 0x80, Status::bad_magic);
  }
}

Test(drop_header, is_bad_with_a_version_flag_or_cipher_that_is_not_known) {
  for (const int version : {0, 2, 0x81, 255}) {
    expect_bad(example_bytes(), 8, version, Status::bad_version);
  }
  for (const int flags : {2, 3, 4, 8, 16, 32, 64, 128, 255}) {
    expect_bad(example_bytes(), 9, flags, Status::bad_flags);
  }
  for (const int cipher : {1, 2, 128, 255}) {
    expect_bad(example_bytes(), 10, cipher, Status::bad_cipher);
  }
}

Test(drop_header, is_not_whole_while_the_name_is_short) {
  Bytes bytes = example_bytes();
  bytes[kNameLengthAt] = std::byte{10};
  HeaderDecoder decoder;
  cr_expect(decoder.feed(bytes).progress == Progress::need_more);
}

Test(drop_reply, is_laid_out_as_documented) {
  const Reply reply{Status::disk_full, 0x0102030405060708, "full"};
  cr_expect(hex(encode(reply)) ==
            "07"
            "0102030405060708"
            "0004"
            "66756c6c");
}

Test(drop_reply, reads_what_was_written_however_it_is_cut) {
  const Reply reply{Status::go_on, 1234567890123, "gr\u00fc\u00dfe"};
  Bytes bytes = encode(reply);
  const std::size_t size = bytes.size();
  bytes.resize(size + 20, std::byte{1});
  for (std::size_t first = 0; first < size; ++first) {
    ReplyDecoder decoder;
    const Fed begun = decoder.feed(std::span(bytes).first(first));
    cr_expect_eq(begun.taken, first);
    cr_expect(begun.progress == Progress::need_more);
    const Fed fed = decoder.feed(std::span(bytes).subspan(first));
    cr_expect_eq(fed.taken, size - first, "cut at %zu", first);
    cr_expect(fed.progress == Progress::done);
    cr_expect(decoder.reply().status == reply.status);
    cr_expect_eq(decoder.reply().offset, reply.offset);
    cr_expect(decoder.reply().message == reply.message);
    cr_expect_eq(decoder.feed(bytes).taken, 0, "it is done");
  }
}

Test(drop_reply, may_have_no_message_and_be_followed_by_another) {
  ReplyDecoder decoder;
  const Bytes bytes = encode(Reply{Status::go_on, 7, ""});
  cr_expect_eq(bytes.size(), 11);
  cr_expect(decoder.feed(bytes).progress == Progress::done);
  decoder.reset();
  cr_expect(decoder.feed(encode(Reply{Status::busy, 8, "x"})).progress == Progress::done);
  cr_expect(decoder.reply().status == Status::busy);
  cr_expect_eq(decoder.reply().offset, 8);
  cr_expect(decoder.reply().message == "x");
}

Test(drop_reply, cuts_a_message_that_is_too_long_between_characters) {
  for (std::size_t letters = 65525; letters < 65545; ++letters) {
    const std::string message = std::string(letters, 'x') + "\u20ac\u20ac";
    ReplyDecoder decoder;
    cr_expect(decoder.feed(encode(Reply{Status::io_error, 0, message})).progress == Progress::done);
    const std::string& got = decoder.reply().message;
    const bool whole = message.size() <= kMaxMessageBytes;
    cr_expect(message.starts_with(got));
    cr_expect(whole ? got == message : got.size() <= 65535 && got.size() > 65535 - 3);
    cr_expect(got.size() <= letters || (got.size() - letters) % 3 == 0, "%zu letters", letters);
  }
}

Test(drop_reply, keeps_a_status_that_this_version_does_not_know) {
  // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): what a later version may send
  const Status unknown{200};
  ReplyDecoder decoder;
  decoder.feed(encode(Reply{unknown, 0, "new"}));
  cr_expect(decoder.reply().status == unknown);
  cr_expect(sentence(unknown) ==
            "the server refused for a reason that this version does not know"s);
}

Test(drop_status, has_a_sentence_of_its_own_for_each) {
  std::set<std::string> sentences;
  for (int status = 0; status <= 13; ++status) sentences.insert(sentence(Status(status)));
  cr_expect_eq(sentences.size(), 14);
}

Test(drop_status, tells_what_the_system_said) {
  cr_expect(status_of(0) == Status::go_on);
  cr_expect(status_of(EEXIST) == Status::exists);
  cr_expect(status_of(EISDIR) == Status::exists);
  cr_expect(status_of(EWOULDBLOCK) == Status::busy);
  cr_expect(status_of(ENOSPC) == Status::disk_full);
  cr_expect(status_of(EDQUOT) == Status::disk_full);
  cr_expect(status_of(EFBIG) == Status::too_large);
  cr_expect(status_of(ENAMETOOLONG) == Status::bad_name);
  cr_expect(status_of(EIO) == Status::io_error);
  cr_expect(status_of(EROFS) == Status::io_error);
}

// The expected ids were made with Python: sha256(name + struct.pack(">Qq", size, mtime)).
Test(drop_upload_id, depends_on_name_size_and_time_alone) {
  cr_expect(hex(upload_id("photo.jpg", 123456789, 1700000000123456789)) ==
            "27184f6bc111bf407526eea975c97d9d");
  cr_expect(hex(upload_id("", 0, -1)) == "787979ee6a78d79a5c6cf1f3ede7cb1d");
  cr_expect(upload_id("a", 1, 1) == upload_id("a", 1, 1));
  cr_expect(upload_id("a", 1, 1) != upload_id("b", 1, 1));
  cr_expect(upload_id("a", 1, 1) != upload_id("a", 2, 1));
  cr_expect(upload_id("a", 1, 1) != upload_id("a", 1, 2));
}

Test(drop_kind, is_framed_after_the_whole_magic_however_it_is_cut) {
  const Bytes bytes = example_bytes();
  for (std::size_t first = 0; first < 8; ++first) {
    KindDetector detector;
    cr_expect_eq(detector.feed(std::span(bytes).first(first)), first);
    cr_expect(detector.kind() == Kind::undecided, "after %zu", first);
    cr_expect_eq(detector.feed(std::span(bytes).subspan(first)), 8 - first);
    cr_expect(detector.kind() == Kind::framed);
    cr_expect(hex(detector.held()) == "89534c440d0a1a00");
    cr_expect_eq(detector.feed(bytes), 0);
  }
}

Test(drop_kind, is_raw_at_the_first_byte_that_differs_and_loses_none) {
  for (std::size_t at = 0; at < 8; ++at) {
    for (std::size_t cut = 0; cut <= at; ++cut) {
      Bytes bytes = example_bytes();
      bytes[at] ^= std::byte{0x20};
      KindDetector detector;
      const std::size_t first = detector.feed(std::span(bytes).first(cut));
      const auto rest = std::span(bytes).subspan(first);
      const std::size_t second = detector.feed(rest);
      cr_expect(detector.kind() == Kind::raw, "byte %zu, cut at %zu", at, cut);
      cr_expect(hex(detector.held()) + hex(rest.subspan(second)) == hex(bytes));
    }
  }
}

Test(drop_kind, is_raw_when_the_peer_ends_within_the_magic) {
  for (std::size_t size = 0; size < 8; ++size) {
    KindDetector detector;
    detector.feed(std::span(kMagic).first(size));
    cr_expect(detector.kind() == Kind::undecided);
    detector.end();
    cr_expect(detector.kind() == Kind::raw);
    cr_expect_eq(detector.held().size(), size);
  }
  KindDetector framed;
  framed.feed(kMagic);
  framed.end();
  cr_expect(framed.kind() == Kind::framed);
}
