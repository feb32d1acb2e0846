#include "protocols/ftp/hash_job.h"

#include <criterion/criterion.h>

#include <memory>
#include <optional>

#include "tests/protocols/temp_directory.h"
#include "tests/support/loop.h"

using namespace sluice;
using files::DigestKind;
using ftp::HashJob;

namespace {

struct Scene {
  explicit Scene(std::string_view content) { directory.put("file", content); }

  void start(std::uint64_t begin, std::uint64_t end, DigestKind kind = DigestKind::sha256,
             int flags = O_RDONLY) {
    Fd file(::open(directory.path("file").c_str(), flags | O_CLOEXEC));
    cr_assert(file);
    got.reset();
    job = std::make_unique<HashJob>(reactor, std::move(file), begin, end, kind,
                                    [this](Result<std::string> digest) {
                                      ++calls;
                                      got = std::move(digest);
                                    });
  }
  std::string digest(std::uint64_t begin, std::uint64_t end, DigestKind kind = DigestKind::sha256) {
    start(begin, end, kind);
    cr_assert(run_until(reactor, [&] { return got.has_value(); }));
    return *got ? **got : got->error().message();
  }
  int fault() {
    cr_assert(run_until(reactor, [&] { return got.has_value(); }));
    return *got ? 0 : got->error().code;
  }

  TempDirectory directory;
  Reactor reactor;
  std::unique_ptr<HashJob> job;
  std::optional<Result<std::string>> got;
  int calls = 0;
};

std::string digest_of(std::string_view text, DigestKind kind = DigestKind::sha256) {
  files::Digest digest(kind);
  digest.update(bytes_of(text));
  return digest.finish();
}

constexpr std::size_t kSlice = limits::kReadBufferBytes;

std::string much() {
  std::string text(5 * kSlice + 1000, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 2654435761u >> 13);
  return text;
}

}  // namespace

Test(ftp_hash_job, gives_each_kind_of_digest) {
  Scene scene("123456789");
  cr_expect(scene.digest(0, 9, DigestKind::crc32) == "cbf43926");
  cr_expect(scene.digest(0, 9, DigestKind::md5) == "25f9e794323b453885f5181f1b624d0b");
  cr_expect(scene.digest(0, 9, DigestKind::sha1) == "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
  cr_expect(scene.digest(0, 9) ==
            "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
}

Test(ftp_hash_job, reads_from_begin_up_to_but_not_including_end) {
  Scene scene("0123456789");
  cr_expect(scene.digest(3, 7) == digest_of("3456"));
  cr_expect(scene.digest(9, 10) == digest_of("9"));
  cr_expect(scene.digest(0, 1) == digest_of("0"));
}

Test(ftp_hash_job, of_nothing_is_the_digest_of_nothing) {
  Scene scene("0123");
  cr_expect(scene.digest(2, 2) == digest_of(""));
  cr_expect(scene.digest(4, 4) == digest_of(""));
}

Test(ftp_hash_job, calls_later_and_once) {
  Scene scene("0123");
  scene.start(0, 0);
  cr_expect(!scene.got, "not from inside");
  cr_assert(run_until(scene.reactor, [&] { return scene.got.has_value(); }));
  turn(scene.reactor, 5);
  cr_expect(scene.calls == 1);
}

TestEachSelector(ftp_hash_job, reads_a_slice_a_turn) {
  const std::string text = much();
  Scene scene(text);
  scene.start(500, text.size());
  int turns = 0;
  for (; !scene.got; ++turns) {
    turn(scene.reactor);
    cr_assert(turns < 1000);
  }
  cr_expect(static_cast<std::size_t>(turns) >= (text.size() - 500) / kSlice, "%d turns", turns);
  cr_expect(**scene.got == digest_of(std::string_view(text).substr(500)));
}

Test(ftp_hash_job, others_are_served_between_the_slices) {
  const std::string text = much();
  Scene scene(text);
  int served = 0;
  const Timer other = scene.reactor.every(std::chrono::nanoseconds(1), [&] { ++served; });
  scene.start(0, text.size());
  cr_assert(run_until(scene.reactor, [&] { return scene.got.has_value(); }));
  cr_expect(served >= 5, "%d times", served);
  cr_expect(**scene.got == digest_of(text));
}

Test(ftp_hash_job, says_so_when_the_file_became_shorter) {
  const std::string text = much();
  Scene scene(text);
  scene.start(0, text.size());
  turn(scene.reactor, 2);
  cr_assert(!scene.got);
  cr_assert(::truncate(scene.directory.path("file").c_str(), 3 * kSlice) == 0);
  cr_expect(scene.fault() == EIO);
  scene.start(text.size(), text.size() + 1);
  cr_expect(scene.fault() == EIO);
}

Test(ftp_hash_job, says_so_when_it_cannot_read) {
  Scene scene("0123");
  scene.start(0, 4, DigestKind::md5, O_WRONLY);
  cr_expect(scene.fault() == EBADF);
}

Test(ftp_hash_job, does_not_move_the_descriptor_it_was_given) {
  Scene scene("0123");
  Fd file(::open(scene.directory.path("file").c_str(), O_RDONLY | O_CLOEXEC));
  const Fd copy(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  bool done = false;
  const HashJob job(scene.reactor, std::move(file), 0, 4, DigestKind::md5,
                    [&](const Result<std::string>&) { done = true; });
  cr_assert(run_until(scene.reactor, [&] { return done; }));
  cr_expect(::lseek(copy.get(), 0, SEEK_CUR) == 0);
}

Test(ftp_hash_job, may_be_destroyed_in_the_call) {
  for (const std::uint64_t end : {0, 4, 5}) {
    Scene scene("0123");
    int calls = 0;
    Fd file(::open(scene.directory.path("file").c_str(), O_RDONLY | O_CLOEXEC));
    scene.job = std::make_unique<HashJob>(scene.reactor, std::move(file), 0, end, DigestKind::md5,
                                          [&](const Result<std::string>&) {
                                            ++calls;
                                            const auto gone = std::move(scene.job);
                                          });
    cr_assert(run_until(scene.reactor, [&] { return calls == 1; }));
    turn(scene.reactor, 3);
    cr_expect(calls == 1);
  }
}

Test(ftp_hash_job, destroyed_midway_it_calls_nobody) {
  const std::string text = much();
  Scene scene(text);
  scene.start(0, text.size());
  turn(scene.reactor, 2);
  scene.job.reset();
  turn(scene.reactor, 10);
  cr_expect(scene.calls == 0);
}
