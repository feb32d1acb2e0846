// Step 3: poll() instead of select(). A list of descriptors of any length, which the call leaves as
// it is: it writes its answers into a field of their own.
//
// Usage: echo_poll [PORT]

#include <poll.h>

#include <vector>

#include "tests/examples/echo_parts.h"

int main(int argc, char** argv) {
  const int listener = listen_on(argc > 1 ? std::atoi(argv[1]) : 0);
  std::vector<pollfd> watched{{listener, POLLIN, 0}};
  std::vector<std::string> owed{""};  // owed[i] belongs to watched[i]; the listener's stays empty
  for (;;) {
    if (poll(watched.data(), watched.size(), -1) < 0) {
      if (errno == EINTR) continue;
      std::perror("poll");
      return 1;
    }
    // From the end, because a client that is done is replaced by the last one, already served.
    for (std::size_t i = watched.size() - 1; i > 0; --i) {
      if (watched[i].revents == 0) continue;  // otherwise POLLIN, POLLOUT, or POLLHUP and POLLERR
      if (serve(watched[i].fd, owed[i])) {
        watched[i].events = owed[i].empty() ? POLLIN : POLLOUT;
        continue;
      }
      close(watched[i].fd);
      watched[i] = watched.back();
      watched.pop_back();
      std::swap(owed[i], owed.back());
      owed.pop_back();
    }
    if (watched[0].revents == 0) continue;
    const int client = accept_client(listener);
    if (client < 0) continue;
    watched.push_back({client, POLLIN, 0});
    owed.emplace_back();
  }
}
