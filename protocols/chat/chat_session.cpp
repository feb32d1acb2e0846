#include "protocols/chat/chat_session.h"

#include <algorithm>

#include "protocols/chat/limits.h"
#include "protocols/chat/text.h"
#include "reactor/tcp.h"
#include "reactor/text.h"

namespace sluice::chat {

ChatSession::ChatSession(ChatService& service, Fd socket, const Address& peer)
    : Session(service, std::move(socket), peer),
      reader_(stream()),
      credit_(service.chat_options().burst),
      credit_since_(service.reactor().now()) {
  if (const std::string_view why = service.come(peer); !why.empty()) {
    stream().write(why);
    stream().close();
    failed();
  } else {
    stays_ = true;
    service.lobby().enter(reader_);
  }
}

ChatService& ChatSession::chat() const {
  return static_cast<ChatService&>(service());
}

/// First all say what waits, whatever it costs; then they go.
void ChatSession::drain() noexcept {
  if (chat().all_said()) return quit();
  if (const auto held = std::move(held_)) {
    while (held->waits()) obey(held->take());
    held->framer.flush([this](std::string_view text, bool) { obey(text); });
  }
}

/// What it has heard it still gets, as far as its socket takes it.
void ChatSession::quit() {
  reader_.send_told();
  go();
  stream().close();
}

void ChatSession::ended() noexcept {
  go();
  if (stays_) chat().gone(peer());
}

/// Out of its room, and its name is free.
void ChatSession::go() {
  Room* room = reader_.room();
  if (!room) return;
  room->leave(reader_);
  chat().left(*room);
  if (!nick().empty()) chat().forget(*this);
}

// --- messages ------------------------------------------------------------------------------------

void ChatSession::on_data(Stream&, std::span<const std::byte> bytes) noexcept {
  service().count().bytes_in += bytes.size();
  const bool shared = !held_;
  GapFramer& framer = shared ? chat().framer() : held_->framer;
  reader_.gather_told(chat().answers());
  framer.feed(as_text(bytes), [this](std::string_view text, bool) { on_message(text); });
  reader_.send_told();
  if (shared && framer.holding()) {
    GapFramer begun = std::exchange(framer, GapFramer(chat().chat_options().line));
    held_ ? void(held_->framer = std::move(begun)) : hold(std::move(begun));
  }
  if (!stream().open()) return;
  if (held_ && !waits()) {
    held_->framer.holding() ? held_->timer.start(chat().chat_options().gap) : held_.reset();
  }
}

void ChatSession::hold(GapFramer begun) {
  held_ = std::make_unique<Held>(std::move(begun));
  held_->timer = service().reactor().timer([this] { on_time(); });
}

/// While we do not read nothing can come, and that is no gap; nor is it one when a busy turn has
/// left unread what did come.
void ChatSession::on_time() {
  if (pressed_) return;
  if (waits()) return take_waiting();
  has_unread(stream().fd()) ? held_->timer.start(chat().chat_options().gap) : flush();
}

/// The gap has come, or the end.
void ChatSession::flush() {
  if (!held_) return;
  const auto held = std::move(held_);  // what is in it may have to wait, and then makes another
  held->framer.flush([this](std::string_view text, bool) { on_message(text); });
}

void ChatSession::on_eof(Stream&) noexcept {
  if (!waits()) flush();
  if (waits()) return;  // what it has said has still to be heard
  quit();
}

void ChatSession::on_drained(Stream&) noexcept {
  reader_.on_drained();
}

/// Who does not take our answers is not asked for more.
void ChatSession::on_backpressure(Stream&, bool on) noexcept {
  pressed_ = on;
  update_reading();
  if (!on && held_) held_->timer.start(waits() ? Duration::zero() : chat().chat_options().gap);
}

void ChatSession::update_reading() {
  pressed_ || waits() ? stream().pause_reading() : stream().resume_reading();
}

// --- credit --------------------------------------------------------------------------------------

/// One for each line; a paste is a loan that time pays back.
bool ChatSession::pay() {
  const auto& options = chat().chat_options();
  if (options.rate == 0) return true;
  const TimePoint now = service().reactor().now();
  const double seconds = std::chrono::duration<double>(now - credit_since_).count();
  credit_ = std::min(options.burst, credit_ + seconds * options.rate);
  credit_since_ = now;
  if (credit_ < 1) return false;
  credit_ -= 1;
  return true;
}

Duration ChatSession::until_credit() const {
  const std::chrono::duration<double> wait((1 - credit_) / chat().chat_options().rate);
  return std::chrono::ceil<std::chrono::milliseconds>(wait);
}

std::string_view ChatSession::Held::take() {
  const std::size_t end = waiting.find('\n', taken);
  const std::string_view message = std::string_view(waiting).substr(taken, end - taken);
  taken = end + 1;
  return message;
}

void ChatSession::wait(std::string_view message) {
  if (!held_) hold(GapFramer(chat().chat_options().line));
  const bool first = !held_->waits();
  if (first) held_->waiting.clear();
  if (first) held_->taken = 0;
  held_->waiting.append(message).push_back('\n');
  if (!first) return;
  update_reading();
  if (pressed_) return;
  held_->timer.start(until_credit());
  if (!nick().empty()) answer("slow down: your lines have to wait");
}

void ChatSession::take_waiting() {
  while (stream().open() && waits()) {
    if (pressed_) return;  // on_backpressure() goes on
    if (!pay()) return held_->timer.start(until_credit());
    obey(held_->take());
  }
  if (!stream().open()) return;
  update_reading();
  if (stream().ended_by_peer()) return on_eof(stream());
  held_->framer.holding() ? held_->timer.start(chat().chat_options().gap) : held_.reset();
}

void ChatSession::on_message(std::string_view message) {
  if (!stream().open()) return;
  pressed_ || waits() || !pay() ? wait(message) : obey(message);
}

void ChatSession::obey(std::string_view message) {
  if (!stream().open()) return;
  std::string& clean = chat().clean();
  clean.clear();
  append_clean(clean, message);
  if (clean.empty()) return;
  const ChatCommand command = parse_command(clean);
  command.verb == Verb::none ? say(command.argument) : run(command);
}

void ChatSession::say(std::string_view text) {
  const std::string line =
      nick().empty() ? chat().nameless_line(text) : concat(nick(), ": ", text, '\n');
  reader_.room()->say(reader_, line);
}

// --- commands ------------------------------------------------------------------------------------

template <class... Parts>
void ChatSession::answer(const Parts&... parts) {
  reader_.tell(concat("* ", parts..., '\n'));
}

void ChatSession::run(const ChatCommand& command) {
  switch (command.verb) {
    case Verb::nick:
      return set_nick(command.argument);
    case Verb::join:
      return join(command.argument);
    case Verb::leave:
      return join("lobby");
    case Verb::rooms:
      return list_rooms();
    case Verb::who:
      return list_people();
    case Verb::msg:
      return whisper(command);
    case Verb::me:
      return act(command.argument);
    case Verb::help:
      return reader_.tell(help_text());
    case Verb::quit:
      answer("goodbye");
      return quit();
    case Verb::none:
    case Verb::unknown:
      return answer("there is no ", command.word, " (see /help)");
  }
}

void ChatSession::act(std::string_view deed) {
  if (nick().empty()) return answer("give yourself a name first: /nick NAME");
  if (deed.empty()) return answer("what do you do? /me TEXT");
  if (tells_as_server(deed)) return answer("no: that would look like a line of the server's own");
  reader_.room()->say(reader_, concat("* ", nick(), ' ', deed, '\n'));
}

void ChatSession::set_nick(std::string_view wanted) {
  if (wanted.empty()) return answer("which name? /nick NAME");
  if (const auto good = check_nick(wanted); !good) return answer("no: ", good.error());
  if (wanted == nick()) return answer("that is your name already");
  if (const ChatSession* other = chat().find(wanted); other && other != this) {
    unsigned attempt = 2;
    while (chat().find(alternative(wanted, attempt))) ++attempt;
    return answer(other->nick(), " is taken; ", alternative(wanted, attempt), " is free");
  }
  if (!nick().empty()) chat().forget(*this);
  answer("you are now ", wanted);
  reader_.room()->rename(reader_, std::string(wanted));
  chat().remember(*this);
}

void ChatSession::join(std::string_view name) {
  if (name.starts_with('#')) name.remove_prefix(1);
  if (name.empty()) return answer("which room? /join ROOM");
  if (const auto good = check_room(name); !good) return answer("no: ", good.error());
  Room& old = *reader_.room();
  if (name == old.name()) return answer("you are in ", name, " already");
  Room* room = chat().room(name);
  if (!room) return answer("there are too many rooms");
  old.leave(reader_);
  chat().left(old);
  answer("you are in ", name, ", with ", room->readers().size(), " others");
  room->enter(reader_);
}

void ChatSession::list_rooms() {
  std::string list;
  std::size_t left = chat().rooms().size();
  std::size_t told = 0;
  for (const auto& [name, room] : chat().rooms()) {
    if (told++ == limits::kNamesInAnswer) break;
    list += concat(list.empty() ? "" : ", ", name, " (", room->readers().size(), ')');
    --left;
  }
  answer("rooms: ", list, left != 0 ? concat(" and ", left, " more") : "");
}

void ChatSession::list_people() {
  const Room& room = *reader_.room();
  std::string list;
  std::size_t told = 0, nameless = 0, more = 0;
  for (const Reader* reader : room.readers()) {
    if (reader->nick().empty()) {
      ++nameless;
    } else if (told == limits::kNamesInAnswer) {
      ++more;
    } else {
      list += concat(told++ == 0 ? "" : ", ", reader->nick());
    }
  }
  if (more != 0) list += concat(" and ", more, " more");
  if (nameless != 0) list += concat(list.empty() ? "" : ", ", nameless, " without a name");
  answer("in ", room.name(), ": ", list);
}

void ChatSession::whisper(const ChatCommand& command) {
  if (nick().empty()) return answer("give yourself a name first: /nick NAME");
  if (command.argument.empty() || command.text.empty()) return answer("/msg NAME TEXT");
  ChatSession* to = chat().find(command.argument);
  if (!to) return answer("there is no ", command.argument, " here");
  if (to->stream().queued() > limits::kAnswerBytes) return answer(to->nick(), " does not read");
  to->reader_.tell(concat(nick(), " (private): ", command.text, '\n'));
}

}  // namespace sluice::chat
