#pragma once

#include <criterion/criterion.h>
#include <netinet/tcp.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/ftp/host_port.h"
#include "reactor/connector.h"
#include "reactor/text.h"
#include "tests/support/recording_handler.h"
#include "tests/support/sockets.h"

/// An FTP server that says what a test wants, on the client's own Reactor. Of itself it is a good
/// one, with one file for everybody; `on` puts other words, or other deeds, in a verb's place.
class ScriptedFtpServer {
 public:
  using Deed = std::function<void(const std::string& argument)>;

  explicit ScriptedFtpServer(sluice::Reactor& reactor) : reactor_(&reactor) {
    listen(listener_, watch_, address, [this](sluice::Fd socket) { welcome(std::move(socket)); });
    on("USER", "331 password?");
    on("PASS", "230 in");
    on("FEAT", "211-these\r\n MLST type*;size*;\r\n SIZE\r\n211 all");
    on("TYPE", "200 so be it");
    on("REST", "350 go on");
    on("EPSV",
       [this](const std::string&) { say(sluice::concat("229 here (|||", open_port(), "|)")); });
    on("PASV", [this](const std::string&) { say(pasv_reply("127,0,0,1")); });
    on("EPRT", [this](const std::string& argument) {
      if (const auto there = sluice::ftp::parse_eprt(argument)) call(*there);
      say("200 called");
    });
    on("PORT", [this](const std::string& argument) {
      if (const auto there = sluice::ftp::parse_port(argument)) call(*there);
      say("200 called");
    });
    for (const char* verb : {"RETR", "MLSD", "LIST", "NLST"}) {
      on(verb, [this](const std::string&) { give(); });
    }
    for (const char* verb : {"STOR", "APPE"}) {
      on(verb, [this](const std::string&) { take("226 stored"); });
    }
    on("ABOR", [this](const std::string&) {
      end_data();
      if (transferring) say("426 aborted");
      transferring = false;
      say("226 no transfer any more");
    });
  }

  void on(const std::string& verb, Deed deed) { deeds_[verb] = std::move(deed); }
  void on(const std::string& verb, const char* text) {
    deeds_[verb] = [this, said = std::string(text)](const std::string&) { say(said); };
  }
  /// Does nothing at all for `verb`.
  void silent_on(const std::string& verb) {
    deeds_[verb] = [](const std::string&) {};
  }

  void say(std::string_view line) { say_raw(sluice::concat(line, "\r\n")); }
  void say_raw(std::string_view bytes) {
    if (control) control->write(bytes);
  }
  void hang_up(bool reset = false) {
    if (!control) return;
    reset ? control->abort() : control->close();
  }

  /// "150", `content`, the end of the data, "226".
  void give() {
    transferring = true;
    say("150 here it comes");
    with_data([this] {
      data->write(content);
      data->close();
      transferring = false;
      say("226 that was it");
    });
  }
  /// "150", then what the client sends, until its end, into `stored`; then `last`.
  void take(const std::string& last) {
    transferring = true;
    say("150 send it");
    with_data([this, last] {
      incoming.when_eof = [this, last](sluice::Stream& stream) {
        stream.close();
        stored = incoming.data;
        transferring = false;
        say(last);
      };
      if (incoming.eofs > 0) incoming.when_eof(*data);
    });
  }

  /// Opens the data connection from here (PORT, EPRT).
  void call(const sluice::Address& there) {
    end_data();
    caller_.emplace(*reactor_, [this](sluice::Result<sluice::Fd> socket) {
      if (socket) open_data(std::move(*socket));
    });
    caller_->start(there, std::chrono::seconds(10));
  }
  /// Calls `deed` as soon as the data connection stands.
  void with_data(std::function<void()> deed) {
    when_data_ = std::move(deed);
    if (data) std::exchange(when_data_, nullptr)();
  }
  void end_data() {
    when_data_ = nullptr;
    data_watch_.reset();
    data_listener_.reset();
    if (data) data->abort();
    reactor_->retire(std::move(data));
  }
  std::uint16_t open_port() {
    end_data();
    listen(data_listener_, data_watch_, data_address, [this](sluice::Fd socket) {
      data_watch_.reset();
      data_listener_.reset();
      open_data(std::move(socket));
    });
    return data_address.port();
  }
  /// 227 with a port of ours, and with that host whether it is ours or not.
  std::string pasv_reply(std::string_view host) {
    const int port = open_port();
    return sluice::concat("227 here (", host, ',', port / 256, ',', port % 256, ')');
  }

  /// Asked first, of every line: whether it is done with already.
  std::function<bool(const std::string& line)> meddle;

  /// The command lines that came, as they came; and how often `line` did.
  std::vector<std::string> lines;
  long count(std::string_view line) const { return std::ranges::count(lines, line); }
  bool heard(std::string_view line) const { return count(line) > 0; }

  std::string greeting = "220 ready\r\n";
  std::string content = "all that there is\n";
  std::string stored;
  bool transferring = false;  ///< so that ABOR has something to end
  sluice::Address address;
  int clients = 0;
  std::unique_ptr<sluice::Stream> control;
  RecordingHandler talk;
  std::unique_ptr<sluice::Stream> data;
  RecordingHandler incoming;  ///< of the data connection
  sluice::Address data_address;

 private:
  void listen(sluice::Fd& listener, sluice::Watch& watch, sluice::Address& where,
              std::function<void(sluice::Fd)> accepted) {
    auto socket = sluice::tcp_listen(sluice::Address::loopback_v4(0));
    cr_assert(socket);
    listener = std::move(*socket);
    where = *sluice::Address::local_of(listener.get());
    auto call = std::make_unique<std::function<void(sluice::Fd)>>(std::move(accepted));
    auto watched = reactor_->on_readable(listener.get(), [fd = listener.get(), call = move(call)] {
      sluice::Fd got(::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!got) return;
      const int now = 1;  // no small piece waits for real time
      ::setsockopt(got.get(), IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
      (*call)(std::move(got));
    });
    cr_assert(watched);
    watch = std::move(*watched);
  }

  void welcome(sluice::Fd socket) {
    ++clients;
    reactor_->retire(std::move(control));
    talk = {};
    talk.when_data = [this](sluice::Stream&, std::span<const std::byte>) { hear(); };
    control = std::make_unique<sluice::Stream>(*reactor_, std::move(socket), talk);
    say_raw(greeting);
  }
  void hear() {
    for (std::size_t end; (end = talk.data.find("\r\n")) != talk.data.npos;) {
      const std::string line = talk.data.substr(0, end);
      talk.data.erase(0, end + 2);
      lines.push_back(line);
      if (meddle && meddle(line)) continue;
      const std::size_t space = std::min(line.find(' '), line.size());
      const auto deed = deeds_.find(line.substr(0, space));
      if (deed == deeds_.end()) {
        say("200 yes");
      } else {
        deed->second(line.substr(std::min(space + 1, line.size())));
      }
    }
  }
  void open_data(sluice::Fd socket) {
    incoming = {};
    incoming.when_eof = [](sluice::Stream&) {};
    data = std::make_unique<sluice::Stream>(*reactor_, std::move(socket), incoming);
    if (when_data_) std::exchange(when_data_, nullptr)();
  }

  sluice::Reactor* reactor_;
  sluice::Fd listener_, data_listener_;
  sluice::Watch watch_, data_watch_;
  std::map<std::string, Deed> deeds_;
  std::function<void()> when_data_;
  std::optional<sluice::Connector> caller_;
};
