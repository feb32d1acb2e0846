// Step 2: many clients, still one thread. select() waits for whichever socket is ready first.
//
// Usage: echo_select [PORT]

#include <sys/select.h>

#include <algorithm>
#include <map>

#include "tests/examples/echo_parts.h"

int main(int argc, char** argv) {
  const int listener = listen_on(argc > 1 ? std::atoi(argv[1]) : 0);
  std::map<int, std::string> clients;  // what is still owed to each
  for (;;) {
    fd_set readable, writable;  // select() overwrites both, so they are built anew every turn
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(listener, &readable);
    int highest = listener;
    for (const auto& [client, owed] : clients) {
      FD_SET(client, owed.empty() ? &readable : &writable);
      highest = std::max(highest, client);
    }
    if (select(highest + 1, &readable, &writable, nullptr, nullptr) < 0) {
      if (errno == EINTR) continue;
      std::perror("select");
      return 1;
    }
    for (auto at = clients.begin(); at != clients.end();) {
      const int client = at->first;
      const bool ready = FD_ISSET(client, &readable) || FD_ISSET(client, &writable);
      if (ready && !serve(client, at->second)) {
        close(client);
        at = clients.erase(at);
      } else {
        ++at;
      }
    }
    if (!FD_ISSET(listener, &readable)) continue;
    const int client = accept_client(listener);
    if (client >= FD_SETSIZE) close(client);  // FD_SET would write beyond the end of the set
    if (client >= 0 && client < FD_SETSIZE) clients[client];  // owed nothing yet
  }
}
