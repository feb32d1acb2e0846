#include "reactor/buffer.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "reactor/limits.h"
#include "tests/support/sockets.h"

using namespace sluice;

namespace {

std::string letters(std::size_t size, unsigned seed = 1) {
  std::string text(size, ' ');
  std::minstd_rand random(seed);
  for (char& letter : text) letter = static_cast<char>('a' + random() % 26);
  return text;
}

Fd file_with(std::string_view text) {
  Fd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  cr_assert(file);
  cr_assert(write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return file;
}

/// Sends all of `queue` and gives what has arrived.
std::string pump(OutputQueue& queue, Pair& pair) {
  std::string arrived;
  while (!queue.empty()) {
    const auto progress = queue.send_to(pair.ours.get());
    cr_assert(!progress.error, "%s", progress.error.message().c_str());
    cr_assert(progress.sent != 0 || progress.blocked);
    // Either: all that was sent may have been read already, while its room is still to be freed.
    pollfd either[2] = {{pair.ours.get(), POLLOUT, 0}, {pair.theirs.get(), POLLIN, 0}};
    cr_assert(poll(either, 2, 10'000) > 0);
    read_some(pair.theirs.get(), arrived);
  }
  pair.ours.reset();
  while (wait_for(pair.theirs.get(), POLLIN) &&
         read_some(pair.theirs.get(), arrived) != Tail::eof) {
  }
  return arrived;
}

}  // namespace

Test(shared_bytes, are_one_copy_for_all_who_hold_them) {
  SharedBytes empty;
  cr_expect(empty.size() == 0 && empty.bytes().empty());
  std::vector<SharedBytes> readers;
  {
    const SharedBytes first(as_bytes("one message"));
    for (int i = 0; i < 1000; ++i) readers.push_back(first);
  }
  for (const SharedBytes& reader : readers) {
    cr_assert(reader.bytes().data() == readers.front().bytes().data());
    cr_assert(as_text(reader.bytes()) == "one message");
  }
  const SharedBytes moved = std::move(readers.front());
  cr_expect(readers.front().size() == 0);
  readers.clear();
  cr_expect(as_text(moved.bytes()) == "one message");
  SharedBytes copy = moved;
  copy = *&copy;
  cr_expect(as_text(copy.bytes()) == "one message");
}

Test(output_queue, sends_own_and_shared_bytes_and_files_in_order) {
  // More than a budget of each, through small buffers, so that every piece is cut somewhere.
  Pair pair = tcp_pair({.our_send_buffer = 4096});
  OutputQueue queue;
  std::string expected;
  const std::string file = letters(3 * limits::kSendfileBudgetBytes / 2, 2);
  const std::string shared = letters(limits::kWriteBudgetBytes + 77, 3);
  const SharedBytes message(as_bytes(shared));
  for (int round = 0; round < 2; ++round) {
    const std::string own = letters(limits::kWriteBudgetBytes / 2 + 13, 4);
    queue.append(as_bytes(own));
    queue.append(message);
    queue.append(FileRange{file_with(file), 0, file.size()});
    queue.append(FileRange{file_with(file), 1000, 50});
    queue.append(message, shared.size() - 5);
    expected.append(own).append(shared).append(file);
    expected.append(file, 1000, 50).append(shared, shared.size() - 5);
  }
  const std::string arrived = pump(queue, pair);
  cr_assert(arrived.size() == expected.size(), "%zu of %zu", arrived.size(), expected.size());
  cr_expect(arrived == expected);
}

Test(output_queue, keeps_order_under_random_pieces) {
  constexpr unsigned kSeed = 7;
  std::minstd_rand random(kSeed);
  Pair pair = unix_pair();
  OutputQueue queue;
  std::string expected, arrived;
  const std::string text = letters(100'000);
  const SharedBytes shared(as_bytes(text));
  for (int step = 0; step < 5000; ++step) {
    const std::size_t skip = random() % text.size(), size = random() % 3000;
    switch (random() % 3) {
      case 0:
        queue.append(as_bytes(std::string_view(text).substr(skip, size)));
        expected += text.substr(skip, size);
        break;
      case 1:
        queue.append(shared, std::max(skip, text.size() - 2000));
        expected += text.substr(std::max(skip, text.size() - 2000));
        break;
      default:
        const auto progress = queue.send_to(pair.ours.get());
        cr_assert(!progress.error);
        read_some(pair.theirs.get(), arrived, random() % 100'000);
        break;
    }
    cr_assert(queue.empty() == (queue.bytes_in_memory() == 0));
  }
  arrived += pump(queue, pair);
  cr_expect(arrived == expected, "seed %u", kSeed);
}

Test(output_queue, counts_what_occupies_memory) {
  Pair pair = unix_pair();
  OutputQueue queue;
  cr_expect(queue.empty() && queue.bytes_in_memory() == 0);
  queue.append(as_bytes(""));
  queue.append(SharedBytes(as_bytes("")));
  queue.append(FileRange{});
  cr_expect(queue.empty());
  queue.append(as_bytes("1234"));
  queue.append(SharedBytes(as_bytes("123456")), 2);
  queue.append(SharedBytes(as_bytes("123456")), 6);
  cr_expect(queue.bytes_in_memory() == 8);
  queue.append(FileRange{file_with("abc"), 0, 3});
  cr_expect(queue.bytes_in_memory() == 8, "a range of a file occupies none");
  cr_expect(queue.send_to(pair.ours.get()).sent == 11);
  cr_expect(queue.empty() && queue.bytes_in_memory() == 0);
  queue.append(as_bytes("1234"));
  queue.clear();
  cr_expect(queue.empty() && queue.bytes_in_memory() == 0);
}

Test(output_queue, keeps_to_its_budgets) {
  Pair pair =
      tcp_pair({.our_send_buffer = 4 * 1024 * 1024, .their_receive_buffer = 4 * 1024 * 1024});
  OutputQueue memory, file;
  memory.append(as_bytes(letters(limits::kWriteBudgetBytes + 1)));
  cr_expect(memory.send_to(pair.ours.get()).sent <= limits::kWriteBudgetBytes);
  cr_expect(!memory.empty());
  file.append(FileRange{file_with(letters(limits::kSendfileBudgetBytes + 1)), 0,
                        limits::kSendfileBudgetBytes + 1});
  cr_expect(file.send_to(pair.ours.get()).sent <= limits::kSendfileBudgetBytes);
  cr_expect(!file.empty());
}

Test(output_queue, says_when_the_socket_is_full_or_gone) {
  Pair pair = unix_pair();
  OutputQueue queue;
  queue.append(as_bytes(letters(limits::kWriteBudgetBytes * 8)));
  OutputQueue::Progress progress;
  while (!progress.blocked) {
    progress = queue.send_to(pair.ours.get());
    cr_assert(!progress.error);
  }
  pair.theirs.reset();
  progress = queue.send_to(pair.ours.get());
  cr_expect(progress.error.code == EPIPE);
  cr_expect(!progress.blocked);
}

Test(output_queue, says_when_a_file_has_become_shorter) {
  Pair pair = unix_pair();
  OutputQueue queue;
  Fd file = file_with("0123456789");
  const Fd same(fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  queue.append(FileRange{std::move(file), 0, 10});
  cr_assert(ftruncate(same.get(), 4) == 0);
  const auto progress = queue.send_to(pair.ours.get());
  cr_expect(progress.error.code == EIO);
  std::string arrived;
  read_some(pair.theirs.get(), arrived);
  cr_expect(arrived == "0123");
}
