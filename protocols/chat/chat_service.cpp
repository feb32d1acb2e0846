#include "protocols/chat/chat_service.h"

#include <algorithm>
#include <bit>

#include "protocols/chat/chat_session.h"
#include "protocols/chat/limits.h"

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
    : TcpService(reactor, {.address = options.address, .stream = {}}),
      options_(std::move(options)),
      framer_(options_.line) {
  // A line of what is not UTF-8 becomes three times as long, and a ring has to hold it.
  options_.rooms.max_lag = std::bit_ceil(std::max(options_.rooms.max_lag, 4 * options_.line));
  (void)room(kLobby);
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

void ChatService::left(Room& room) {
  if (!room.readers().empty() || room.name() == kLobby) return;
  const auto found = rooms_.find(room.name());
  reactor().retire(std::move(found->second));
  rooms_.erase(found);
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
