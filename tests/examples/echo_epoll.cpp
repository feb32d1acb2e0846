// Step 4: epoll. The kernel keeps the list and hands back only those that are ready, so a turn
// costs as much as there is to do, however many clients are silent.
//
// Usage: echo_epoll [PORT]

#include <sys/epoll.h>

#include <unordered_map>

#include "tests/examples/echo_parts.h"

bool change(int epoll, int operation, int fd, unsigned events) {
  epoll_event event{};
  event.events = events;  // level-triggered: reported again each turn until it is dealt with
  event.data.fd = fd;
  return epoll_ctl(epoll, operation, fd, &event) == 0;
}

int main(int argc, char** argv) {
  const int listener = listen_on(argc > 1 ? std::atoi(argv[1]) : 0);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0 || !change(epoll, EPOLL_CTL_ADD, listener, EPOLLIN)) return 1;
  std::unordered_map<int, std::string> clients;  // what is still owed to each
  for (epoll_event ready[64];;) {
    const int count = epoll_wait(epoll, ready, 64, -1);  // -1 with EINTR: no round of the loop
    for (int i = 0; i < count; ++i) {
      const int fd = ready[i].data.fd;
      if (fd == listener) {
        const int client = accept_client(listener);
        if (client < 0) continue;
        if (!change(epoll, EPOLL_CTL_ADD, client, EPOLLIN)) close(client);
        continue;
      }
      std::string& owed = clients[fd];  // made when it is first heard of
      const bool owing = !owed.empty();
      if (!serve(fd, owed)) {
        clients.erase(fd);
        close(fd);  // which also takes it out of the epoll set
      } else if (owing == owed.empty()) {
        change(epoll, EPOLL_CTL_MOD, fd, owing ? EPOLLIN : EPOLLOUT);
      }
    }
  }
}
