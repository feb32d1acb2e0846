#pragma once

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <vector>

#include "bench/load/chat_message.h"
#include "bench/load/chat_protocols.h"
#include "bench/load/load.h"

namespace load {

struct Client {
  int fd = -1;
  std::size_t place = 0;  // in the crowd
  bool reads = false, writes = false;
  bool open = true;
  bool ready = false;      // the answer to its greeting has come
  std::string answer;      // that it waits for, until then
  std::string rest;        // received, and not complete
  std::string owed;        // still to be sent
  std::size_t missed = 0;  // messages that were left out, and may still come
};

/// The clients of a chat server, connected and greeted. Their sockets block; each call says itself
/// that it does not wait.
class Crowd {
 public:
  /// In the order of the clients' places.
  Crowd(const Wire& wire, const Target& target, std::size_t readers, std::size_t talkers,
        std::size_t writers)
      : wire_(wire), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    const std::size_t total = readers + talkers + writers;
    while (ready_ < total) {
      if (clients_.size() < total && clients_.size() - ready_ < kPending) {
        connect_one(target, clients_.size() < readers + talkers, clients_.size() >= readers);
      }
      if (clients_.size() == total || clients_.size() - ready_ == kPending) take_answers(1000);
    }
  }

  std::deque<Client>& clients() { return clients_; }

  void watch(int operation, Client& client, std::uint32_t events) const {
    epoll_event event{};
    event.events = events | EPOLLET;
    event.data.ptr = &client;
    epoll_ctl(epoll_, operation, client.fd, &event);
  }

  template <class OnEvent>
  void turn(int wait_ms, OnEvent&& on_event) const {
    epoll_event events[kEventsPerTurn];
    const int count = epoll_wait(epoll_, events, kEventsPerTurn, wait_ms);
    for (int i = 0; i < count; ++i) {
      on_event(*static_cast<Client*>(events[i].data.ptr), events[i].events);
    }
  }

 private:
  static constexpr std::size_t kPending = 256;  // in the server's queue at most
  static constexpr int kEventsPerTurn = 128;

  void connect_one(const Target& target, bool reads, bool writes) {
    const std::size_t place = clients_.size();
    Client& client = clients_.emplace_back();
    client.place = place;
    client.reads = reads;
    client.writes = writes;
    client.fd = socket(target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto* address = reinterpret_cast<const sockaddr*>(&target.address);
    if (client.fd < 0 || connect(client.fd, address, target.size) != 0) die("connect");
    const int on = 1;
    if (writes) setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const linger at_once{1, 0};  // no TIME_WAIT
    setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    const auto [text, answer] = wire_.greeting(place, reads, writes);
    if (send(client.fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) die("send");
    client.answer = answer;
    watch(EPOLL_CTL_ADD, client, EPOLLIN);
  }

  void take_answers(int wait_ms) {
    turn(wait_ms, [this](Client& client, std::uint32_t) {
      char text[4096];
      for (;;) {
        const ssize_t got = recv(client.fd, text, sizeof text, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) die("the server closed during the greeting");
        client.rest.append(text, static_cast<std::size_t>(got));
        if (client.ready) continue;
        const std::size_t found = client.rest.find(client.answer);
        if (found == std::string::npos) continue;
        client.ready = true;
        ++ready_;
        client.rest.erase(0, found + client.answer.size());
        client.answer = {};
      }
    });
  }

  const Wire& wire_;
  int epoll_;
  std::deque<Client> clients_;
  std::size_t ready_ = 0;
};

}  // namespace load
