#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/load/load.h"

namespace load {

/// One control connection of the FTP load program: blocking, no more than the measurements need.
/// Sending and reading the reply are apart, so that one thread can keep several sessions busy by
/// sending to all before it reads from any. An unexpected reply ends the program.
class FtpSession {
 public:
  explicit FtpSession(const Target& server) : server_(server), fd_(connect_to(server)) {}
  FtpSession(const FtpSession&) = delete;
  FtpSession& operator=(const FtpSession&) = delete;
  FtpSession(FtpSession&& other) noexcept
      : server_(other.server_), fd_(other.fd_), text_(std::move(other.text_)) {
    other.fd_ = -1;
  }
  ~FtpSession() {
    if (fd_ >= 0) close(fd_);
  }

  void send_command(std::string_view verb, std::string_view argument = {}) const {
    std::string line(verb);
    if (!argument.empty()) line.append(" ").append(argument);
    line += "\r\n";
    if (send(fd_, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
      die("send command");
    }
  }

  /// The last line of the next reply, which must begin with one of `digits`: "2" or "13".
  std::string reply(std::string_view digits) {
    std::string line = next_line();
    if (line.size() > 3 && line[3] == '-') {
      const std::string last = line.substr(0, 3) + " ";
      while (!(line = next_line()).starts_with(last)) {
      }
    }
    if (line.empty() || digits.find(line[0]) == std::string_view::npos) {
      std::fprintf(stderr, "unexpected reply: %s\n", line.c_str());
      std::exit(1);
    }
    return line;
  }

  /// To be called once, after the connection: waits for the greeting.
  void log_in(std::string_view user, std::string_view password) {
    reply("2");
    send_command("USER", user);
    if (reply("23")[0] == '3') {
      send_command("PASS", password);
      reply("2");
    }
  }

  void binary() {
    send_command("TYPE", "I");
    reply("2");
  }

  /// The reply to EPSV, already sent: returns the data connection.
  int data_connection() {
    const std::string line = reply("2");
    const std::size_t at = line.find("|||");
    if (at == std::string::npos) die("no port in the reply to EPSV");
    Target target = server_;
    const auto port = htons(static_cast<std::uint16_t>(std::atoi(line.c_str() + at + 3)));
    if (target.address.ss_family == AF_INET6) {
      reinterpret_cast<sockaddr_in6*>(&target.address)->sin6_port = port;
    } else {
      reinterpret_cast<sockaddr_in*>(&target.address)->sin_port = port;
    }
    return connect_to(target);
  }

  /// EPSV, the connection, and the command, whose reply is not yet read.
  int transfer(std::string_view verb, std::string_view path) {
    send_command("EPSV");
    const int data = data_connection();
    send_command(verb, path);
    return data;
  }

 private:
  std::string next_line() {
    std::size_t end = 0;
    while ((end = text_.find('\n')) == std::string::npos) {
      std::array<char, 4096> part;
      const ssize_t got = recv(fd_, part.data(), part.size(), 0);
      if (got < 0) die("recv reply");
      if (got == 0) {
        std::fprintf(stderr, "the server closed the session\n");
        std::exit(1);
      }
      text_.append(part.data(), static_cast<std::size_t>(got));
    }
    std::string line = text_.substr(0, text_[end > 0 ? end - 1 : 0] == '\r' ? end - 1 : end);
    text_.erase(0, end + 1);
    return line;
  }

  Target server_;
  int fd_;
  std::string text_;  // received and not yet used
};

}  // namespace load
