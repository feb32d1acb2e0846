#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "protocols/chat/nick.h"
#include "protocols/chat/room.h"
#include "protocols/gap_framer.h"
#include "protocols/tcp_service.h"

namespace sluice::chat {

class ChatSession;

/// Chat rooms for clients that send lines, or messages without any end (GapFramer), and are sent
/// lines. See protocols/chat/README.md.
class ChatService final : public TcpService {
 public:
  struct Options {
    Address address = {};
    Duration gap = std::chrono::milliseconds(50);  ///< that ends a message without a newline
    std::size_t line = GapFramer::kDefaultBound;   ///< bytes of a message; longer ones are cut
    double rate = 50;                              ///< lines a second of a client; 0: no bound
    double burst = 500;                            ///< and so many at once
    std::size_t max_clients = 20'000;
    std::size_t max_per_address = 1'000;  ///< but for loopback, where all are the same one
    bool bound_loopback = false;          ///< loopback, too
    RoomOptions rooms = {};
  };

  ChatService(Reactor& reactor, Options options);
  ~ChatService() override;

  std::string_view name() const override { return "chat"; }
  void reload() override;
  void drain() override;

  const Options& chat_options() const { return options_; }

  /// The room of that name, made if need be; null when there are too many.
  Room* room(std::string_view name);
  Room& lobby() { return *room("lobby"); }
  /// The same, and it stays when nobody is in it.
  Room* keep_room(std::string_view name);
  const std::map<std::string, std::unique_ptr<Room>, std::less<>>& rooms() const { return rooms_; }
  /// Empty rooms vanish, but for those that are kept, the lobby among them.
  void left(Room& room);

  /// What comes from outside the chat: each line of `text` is a message to all in the room, cleaned
  /// and cut as that of a client without a nick is. Commands are text.
  void say(Room& room, std::string_view text);
  /// The line, with its newline, for what somebody without a nick says: marked when it looks like
  /// one of ours, or of somebody with a nick.
  std::string nameless_line(std::string_view clean) const;

  /// Who has that nick, by fold().
  ChatSession* find(std::string_view nick) const;
  /// `session` gives up the nick it has, or gets the one it has set.
  void forget(ChatSession& session);
  void remember(ChatSession& session);

  /// Whether one more from there may stay: nothing, or why not. Paired with gone().
  std::string_view come(const Address& peer);
  void gone(const Address& peer);

  /// When draining: nothing that was said waits any more.
  bool all_said() const { return all_said_; }

  /// For one message at a time, so that no session needs its own.
  GapFramer& framer() { return framer_; }
  std::string& clean() { return clean_; }
  std::string& answers() { return answers_; }

 protected:
  std::unique_ptr<Session> make_session(Fd socket, const Address& peer) override;

 private:
  struct NickHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view nick) const;
    std::size_t operator()(const ChatSession* session) const;
  };
  struct SameNick {
    using is_transparent = void;
    bool operator()(const ChatSession* a, const ChatSession* b) const { return a == b; }
    bool operator()(const ChatSession* a, std::string_view nick) const;
    bool operator()(std::string_view nick, const ChatSession* a) const { return (*this)(a, nick); }
  };

  Options options_;
  GapFramer framer_;
  std::string clean_;
  std::string answers_;
  std::map<std::string, std::unique_ptr<Room>, std::less<>> rooms_;
  std::vector<const Room*> kept_;
  std::unordered_set<ChatSession*, NickHash, SameNick> nicks_;
  std::map<Address, std::size_t> guests_;  // by host; ports are 0
  std::size_t clients_ = 0;
  bool all_said_ = false;
};

}  // namespace sluice::chat
