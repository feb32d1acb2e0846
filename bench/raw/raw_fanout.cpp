// Lines from each to all others as a bare epoll loop: what fan-out costs without nicks, rooms,
// checks.
//
// Usage: raw_fanout [PORT]     (any free port by default)
//
// All that comes in lies in one log of 8 MiB, mapped twice in a row, so that any part of it is one
// piece of memory and recv() writes straight into it. A client is a position in the log. A turn
// reads what is ready, then gives each client all it has not got with one send, its own lines left
// out. Who is 7 MiB behind is closed. A line that begins with `/` is answered `* ok`, so that a
// client knows it was accepted. A baseline, not a server to copy.

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "bench/raw/listen.h"

namespace {

constexpr std::size_t kLogBytes = 8 << 20, kLagBytes = 7 << 20;
constexpr std::size_t kReadBytes = 256 * 1024, kLineBytes = 64 * 1024;
constexpr std::size_t kSweepBytes = 512 * 1024;  // so much is read at most before it is sent
constexpr int kEventsPerTurn = 512;

struct Range {
  std::uint64_t begin, end;
};

struct Client {
  int fd;
  bool blocked = false, dead = false;
  std::uint64_t cursor;
  std::vector<Range> own = {};  // what it said itself, beyond cursor
  std::string begun = {};       // a line whose end has not come
};

char* log_bytes;
std::uint64_t head = 0, swept = 0;
int epoll;
bool some_dead = false;
std::vector<Client*> clients;

void kill_later(Client& client) {
  client.dead = some_dead = true;
}

char* at(std::uint64_t position) {
  return log_bytes + position % kLogBytes;
}

void map_log() {
  const int file = memfd_create("log", MFD_CLOEXEC);
  void* place = mmap(nullptr, 2 * kLogBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (file < 0 || place == MAP_FAILED || ftruncate(file, kLogBytes) != 0) std::exit(1);
  log_bytes = static_cast<char*>(place);
  for (char* half : {log_bytes, log_bytes + kLogBytes}) {
    void* mapped = mmap(half, kLogBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
    if (mapped == MAP_FAILED) std::exit(1);
  }
}

void watch(int operation, Client& client, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &client;
  epoll_ctl(epoll, operation, client.fd, &event);
}

void accept_all(int listener) {
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    clients.push_back(new Client{.fd = fd, .cursor = head});
    watch(EPOLL_CTL_ADD, *clients.back(), EPOLLIN);
  }
}

/// Moves the cursor over `sent` bytes and over each own line it comes to.
void pass(Client& client, std::size_t sent) {
  std::size_t passed = 0;
  for (;;) {
    const bool more = passed < client.own.size();
    if (more && client.own[passed].begin == client.cursor) {
      client.cursor = client.own[passed++].end;
      continue;
    }
    const std::size_t step =
        std::min<std::size_t>(sent, (more ? client.own[passed].begin : head) - client.cursor);
    if (step == 0) break;
    client.cursor += step;
    sent -= step;
  }
  client.own.erase(client.own.begin(), client.own.begin() + static_cast<std::ptrdiff_t>(passed));
}

void deliver(Client& client) {
  pass(client, 0);
  if (client.cursor == head) return;
  iovec pieces[16];
  std::size_t count = 0, size = 0;
  std::uint64_t from = client.cursor;
  for (std::size_t i = 0; from < head && count < std::size(pieces); ++i) {
    const Range hole = i < client.own.size() ? client.own[i] : Range{head, head};
    if (hole.begin > from) pieces[count++] = {at(from), hole.begin - from};
    size += hole.begin - from;
    from = hole.end;
  }
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = count;
  const ssize_t sent = count == 1 ? send(client.fd, pieces[0].iov_base, size, MSG_NOSIGNAL)
                                  : sendmsg(client.fd, &message, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return kill_later(client);
  if (sent > 0) pass(client, static_cast<std::size_t>(sent));
  const bool blocked = sent < static_cast<ssize_t>(size);
  if (blocked != client.blocked) {
    watch(EPOLL_CTL_MOD, client, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
  client.blocked = blocked;
  if (!blocked && client.cursor < head) deliver(client);  // there were too many pieces
}

void sweep() {
  for (Client* client : clients) {
    if (head - client->cursor > kLagBytes) kill_later(*client);
    if (client->cursor < head && !client->blocked && !client->dead) deliver(*client);
  }
  swept = head;
}

void on_readable(Client& client) {
  char* const to = at(head);
  std::ranges::copy(client.begun, to);
  const ssize_t got = recv(client.fd, to + client.begun.size(), kReadBytes, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return kill_later(client);
  const std::size_t size = client.begun.size() + static_cast<std::size_t>(got);
  const auto* end = static_cast<const char*>(memrchr(to, '\n', size));
  const std::size_t whole = end == nullptr ? 0 : static_cast<std::size_t>(end + 1 - to);
  client.begun.assign(to + whole, size - whole);
  if (client.begun.size() > kLineBytes) kill_later(client);
  if (whole == 0) return;
  if (*to == '/') {
    send(client.fd, "* ok\n", 5, MSG_NOSIGNAL);
    return;
  }
  client.own.push_back({head, head + whole});
  head += whole;
  if (head - swept >= kSweepBytes) sweep();
}

void bury_the_dead() {
  some_dead = false;
  std::erase_if(clients, [](Client* client) {
    if (!client->dead) return false;
    close(client->fd);
    delete client;
    return true;
  });
}

}  // namespace

int main(int argc, char** argv) {
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  map_log();
  const int listener = listen_on(argc > 1 ? std::atoi(argv[1]) : 0, "raw chat", SOCK_NONBLOCK);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;  // data.ptr stays null: that is the listener
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);

  static epoll_event ready[kEventsPerTurn];
  for (;;) {
    const int count = epoll_wait(epoll, ready, kEventsPerTurn, -1);
    for (int i = 0; i < count; ++i) {
      auto* client = static_cast<Client*>(ready[i].data.ptr);
      if (client == nullptr) {
        accept_all(listener);
      } else if (!client->dead) {
        if ((ready[i].events & EPOLLOUT) != 0) deliver(*client);
        if ((ready[i].events & ~std::uint32_t{EPOLLOUT}) != 0) on_readable(*client);
      }
    }
    if (head > swept) sweep();
    if (some_dead) bury_the_dead();
  }
}
