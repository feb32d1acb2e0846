#include "protocols/chat/chat_service.h"

#include <unistd.h>

#include <algorithm>
#include <bit>

#include "protocols/chat/chat_session.h"
#include "protocols/chat/limits.h"
#include "protocols/chat/text.h"
#include "reactor/text.h"

namespace sluice::chat {
namespace {

constexpr std::string_view kLobby = "lobby";

Address host_of(const Address& peer) {
  Address host = peer.unmapped();
  host.set_port(0);
  return host;
}

}  // namespace

ChatService::ChatService(Reactor& reactor, Options options)
    : TcpService(reactor,
                 {.address = options.address, .stream = {.closing_stall = limits::kClosingStall}}),
      options_(std::move(options)),
      framer_(options_.line) {
  // A line of what is not UTF-8 becomes three times as long, and a ring has to hold it.
  options_.rooms.max_lag = std::bit_ceil(std::max(options_.rooms.max_lag, 4 * options_.line));
  (void)keep_room(kLobby);
  const std::string& directory = options_.rooms.transcripts;
  if (!directory.empty() && ::access(directory.c_str(), W_OK | X_OK) != 0) {
    log(LogLevel::error, name(), "no transcripts: ", Error::last("access").message(directory));
  }
}

ChatService::~ChatService() = default;

void ChatService::reload() {
  for (const auto& [name, room] : rooms_) room->reopen_transcript();
}

void ChatService::drain() {
  TcpService::drain();
  all_said_ = true;
  TcpService::drain();
}

std::unique_ptr<Session> ChatService::make_session(Fd socket, const Address& peer) {
  return std::make_unique<ChatSession>(*this, std::move(socket), peer);
}

Room* ChatService::room(std::string_view name) {
  const auto found = rooms_.find(name);
  if (found != rooms_.end()) return found->second.get();
  if (rooms_.size() >= limits::kMaxRooms) return nullptr;
  auto made = std::make_unique<Room>(reactor(), std::string(name), options_.rooms);
  return rooms_.emplace(name, std::move(made)).first->second.get();
}

Room* ChatService::keep_room(std::string_view name) {
  Room* kept = room(name);
  if (kept && std::ranges::find(kept_, kept) == kept_.end()) kept_.push_back(kept);
  return kept;
}

void ChatService::left(Room& room) {
  if (!room.readers().empty() || std::ranges::find(kept_, &room) != kept_.end()) return;
  const auto found = rooms_.find(room.name());
  reactor().retire(std::move(found->second));
  rooms_.erase(found);
}

void ChatService::say(Room& room, std::string_view text) {
  GapFramer framer(options_.line);
  const auto say = [&](std::string_view message, bool) {
    clean_.clear();
    append_clean(clean_, message);
    if (!clean_.empty()) room.say(nameless_line(clean_));
  };
  framer.feed(text, say);
  framer.flush(say);
}

std::string ChatService::nameless_line(std::string_view clean) const {
  const bool impersonates = looks_like_notice(clean) || find(seeming_speaker(clean)) != nullptr;
  return concat(impersonates ? "? " : "", clean, '\n');
}

// --- nicks ---------------------------------------------------------------------------------------

std::size_t ChatService::NickHash::operator()(std::string_view nick) const {
  return std::hash<std::string>()(fold(nick));
}
std::size_t ChatService::NickHash::operator()(const ChatSession* session) const {
  return (*this)(session->nick());
}
bool ChatService::SameNick::operator()(const ChatSession* a, std::string_view nick) const {
  return fold(a->nick()) == fold(nick);
}

ChatSession* ChatService::find(std::string_view nick) const {
  const auto found = nicks_.find(nick);
  return found == nicks_.end() ? nullptr : *found;
}

void ChatService::forget(ChatSession& session) {
  nicks_.erase(&session);
}

void ChatService::remember(ChatSession& session) {
  nicks_.insert(&session);
}

// --- how many ------------------------------------------------------------------------------------

std::string_view ChatService::come(const Address& peer) {
  if (clients_ >= options_.max_clients) return "* the server is full: come again later\n";
  const bool bounded = options_.bound_loopback || !peer.is_loopback();
  std::size_t& same = guests_[host_of(peer)];
  if (bounded && same >= options_.max_per_address) return "* too many from your address\n";
  ++same;
  ++clients_;
  return {};
}

void ChatService::gone(const Address& peer) {
  const auto found = guests_.find(host_of(peer));
  if (--found->second == 0) guests_.erase(found);
  --clients_;
}

}  // namespace sluice::chat
