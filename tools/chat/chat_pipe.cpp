#include "tools/chat/chat_pipe.h"

#include <unistd.h>

#include <utility>

#include "protocols/chat/chat_service.h"
#include "protocols/chat/command.h"
#include "reactor/text.h"
#include "reactor/write_all.h"
#include "tools/client.h"
#include "tools/command.h"

namespace sluice::tools {

using namespace std::chrono_literals;

ChatPipe::ChatPipe(std::string host_port, std::vector<Address> addresses, Entrance entrance)
    : host_port_(std::move(host_port)),
      entrance_(std::move(entrance)),
      link_(reactor_, std::move(addresses), *this),
      console_(reactor_, *this) {}

int ChatPipe::run() {
  link_.connect();
  if (const auto ran = reactor_.run(); !ran) return complain("chat", ran.error().message());
  return status_;
}

void ChatPipe::fail(std::string_view why) {
  if (status_ != kOk) return;
  status_ = complain("chat", why);
  console_.cancel();
  reactor_.stop();
}

// --- the server ----------------------------------------------------------------------------------

void ChatPipe::on_unreachable(Error error) noexcept {
  fail(concat("cannot connect to ", host_port_, ": ", std::strerror(error.code)));
}

void ChatPipe::on_connected() noexcept {
  link_.command(entrance_.begin());
  if (entrance_.wanted().empty()) return begin();
  timer_ = reactor_.after(kEntrancePatience, [this] {
    entrance_.give_up();
    begin();
  });
}

void ChatPipe::begin() {
  timer_ = {};
  link_.let_out();
}

void ChatPipe::on_heard(std::string_view line) noexcept {
  heard_ += line;
  heard_ += '\n';
  const Message message = read_message(line);
  if (message.kind != Message::Kind::notice) return;
  switch (entrance_.hear(read_news(message.text))) {
    case Entrance::Step::named:
      if (timer_ && !ended_) begin();
      return;
    case Entrance::Step::taken:
      complain("chat", concat(message.text.substr(0, message.text.find(" is taken")),
                              " is taken: you are ", entrance_.free()));
      return link_.command(entrance_.ask(entrance_.free(), false));
    default:
      return;
  }
}

void ChatPipe::on_heard_all() noexcept {
  const std::string heard = std::exchange(heard_, {});
  if (const auto written = write_all(STDOUT_FILENO, heard); !written) {
    fail(concat("standard output: ", std::strerror(written.error().code)));
  }
}

void ChatPipe::on_lost(Error error) noexcept {
  if (ended_ && !error) return reactor_.stop();
  fail(concat("connection lost: ", error ? how_lost(error) : kClosedByPeer));
}

// --- what is said --------------------------------------------------------------------------------

void ChatPipe::ask() {
  asking_ = true;
  console_.ask({});
}

/// No line is asked for before the last is on its way: the input waits for the server.
void ChatPipe::on_sent() noexcept {
  if (ended_) {
    timer_ = reactor_.after(patience(), [this] { reactor_.stop(); });
  } else if (!asking_) {
    ask();
  }
}

void ChatPipe::on_line(std::string line) noexcept {
  asking_ = false;
  if (line == "exit") return quit();
  if (chat::parse_command(line).verb == chat::Verb::quit) {
    (void)link_.say(line);
    return quit();
  }
  entrance_.say(line);
  ++said_;
  (void)link_.say(entrance_.sent_as(line));  // there is room, since all before it was sent
}

void ChatPipe::on_end() noexcept {
  asking_ = false;
  quit();
}

void ChatPipe::quit() {
  ended_ = true;
  link_.end();
}

/// Until the server must have closed the connection, which ours does when it has said all that it
/// has heard: many lines at once at its own pace.
Duration ChatPipe::patience() const {
  const chat::ChatService::Options usual;
  const double late = (static_cast<double>(said_) - usual.burst) / usual.rate;
  return 2s + std::chrono::ceil<std::chrono::seconds>(
                  std::chrono::duration<double>(std::max(late, 0.0)));
}

}  // namespace sluice::tools
