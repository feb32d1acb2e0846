#include "tools/chat/chat_desk.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <utility>

#include "reactor/text.h"
#include "tools/client.h"
#include "tools/command.h"

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestPause = 30s;
constexpr auto kFarewell = 2s;  // for the server to take the last lines

}  // namespace

ChatDesk::ChatDesk(std::string host_port, std::vector<Address> addresses, Entrance entrance)
    : host_port_(std::move(host_port)),
      entrance_(std::move(entrance)),
      colours_(colours_of_environment()),
      link_(reactor_, std::move(addresses), *this),
      random_(static_cast<unsigned>(std::time(nullptr) ^ getpid())) {}

int ChatDesk::run() {
  link_.connect();
  if (const auto ran = reactor_.run(); !ran) status_ = complain("chat", ran.error().message());
  return status_;
}

void ChatDesk::stop(int status) {
  status_ = status;
  stage_ = Stage::leaving;
  timer_ = {};
  reactor_.stop();
}

// --- the connection ------------------------------------------------------------------------------

void ChatDesk::on_unreachable(Error error) noexcept {
  if (!was_there_) {
    const auto why = std::strerror(error.code);
    return stop(complain("chat", concat("cannot connect to ", host_port_, ": ", why)));
  }
  if (stage_ == Stage::leaving) return;
  timer_ = reactor_.after(next_pause(), [this] { link_.connect(); });
}

/// Only now is the terminal taken: until then ^C ends the command as any other.
void ChatDesk::first_connected() {
  was_there_ = true;
  take_signals();
  console_.emplace(reactor_, static_cast<ConsoleHandler&>(*this), &history_);
  if (console_->interactive()) quiet_.emplace();
}

void ChatDesk::take_signals() {
  (void)reactor_.on_signal(SIGINT, [this] { interrupted(); });
  for (const int number : {SIGTERM, SIGHUP}) {
    (void)reactor_.on_signal(number, [this] { stop(kFailed); });
  }
}

void ChatDesk::on_connected() noexcept {
  if (!was_there_) first_connected();
  if (stage_ == Stage::leaving) return;
  if (!entrance_.wanted().empty()) return enter();
  stage_ = Stage::nameless;
  link_.command(entrance_.begin());
  if (asked_ == Asked::nothing) ask_nick();
}

void ChatDesk::enter() {
  stage_ = Stage::entering;
  link_.command(entrance_.begin());
  timer_ = reactor_.after(kEntrancePatience, [this] {
    entrance_.give_up();
    talk();
    show();
    if (asked_ == Asked::nothing) ask_line();
  });
}

/// The server knows us, or nobody.
void ChatDesk::talk() {
  stage_ = Stage::talking;
  timer_ = {};
  if (tries_ > 0) notice("connected again");
  tries_ = 0;
  warned_ = false;
  link_.let_out();
}

void ChatDesk::on_lost(Error error) noexcept {
  if (stage_ == Stage::leaving) return reactor_.stop();
  stage_ = Stage::away;
  wants_rooms_.reset();
  const bool told = tries_ > 0;
  const Duration pause = next_pause();
  timer_ = reactor_.after(pause, [this] { link_.connect(); });
  if (told) return;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(pause).count();
  notice(concat("connection lost: ", error ? how_lost(error) : kClosedByPeer, "; trying again in ",
                seconds, " s"));
  show();
}

/// 1, 2, 4, … seconds, up to a quarter less, so that not all come back at once.
Duration ChatDesk::next_pause() {
  const Duration pause = std::min<Duration>(kLongestPause, 1s * (1 << std::min(tries_, 5U)));
  ++tries_;
  std::uniform_real_distribution<double> less(0.75, 1.0);
  return std::chrono::duration_cast<Duration>(pause * less(random_));
}

void ChatDesk::leave() {
  if (stage_ != Stage::talking) {
    if (link_.waits()) notice("what you said while not connected was not sent");
    show();
    return stop(kOk);
  }
  stage_ = Stage::leaving;
  if (console_) console_->cancel();
  (void)link_.say("/quit");
  link_.end();
  timer_ = reactor_.after(kFarewell, [this] { reactor_.stop(); });
}

// --- what is heard -------------------------------------------------------------------------------

void ChatDesk::on_heard(std::string_view line) noexcept {
  std::string flat(line);
  std::ranges::replace(flat, '\t', ' ');  // one blank, so that we know how wide it is
  const Message message = read_message(flat);
  names_.hear(message);
  if (message.kind == Message::Kind::notice) return hear_notice(message);
  tell(message);
}

void ChatDesk::hear_notice(const Message& message) {
  const News news = read_news(message.text);
  names_.hear(news);
  const Entrance::Step step = entrance_.hear(news);
  if (news.kind == News::Kind::rooms && wants_rooms_) {
    const auto found = names_.complete(*std::exchange(wants_rooms_, std::nullopt));
    return console_->offer(found.from, found.texts);
  }
  const bool named = step == Entrance::Step::named && stage_ == Stage::entering;
  if (named) talk();
  tell(message);
  if (named || (step == Entrance::Step::entered && stage_ == Stage::talking)) {
    link_.command("/who\n");  // for who comes in to see, and for completion
  }
  if (named && asked_ == Asked::nothing) {
    show();
    ask_line();
  }
  if (step == Entrance::Step::taken && stage_ == Stage::entering) nick_taken();
}

/// The server has named another.
void ChatDesk::nick_taken() {
  suggested_ = entrance_.free();
  if (asked_ == Asked::line) {  // somebody types, who is not to be asked now
    link_.command(entrance_.ask(suggested_, false));
  } else {
    stage_ = Stage::nameless;
    timer_ = {};
    show();
    ask_nick();
  }
}

void ChatDesk::on_heard_all() noexcept {
  show();
}

void ChatDesk::tell(const Message& message) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  char time[8] = "";
  if (localtime_r(&now, &parts)) (void)std::strftime(time, sizeof time, "%H:%M", &parts);
  shown_ += lay_out(message, time, console_->columns(), colours_);
}

void ChatDesk::notice(std::string_view text) {
  tell({Message::Kind::notice, {}, text});
}

void ChatDesk::show() {
  console_->print(std::exchange(shown_, {}));
}

}  // namespace sluice::tools
