#include "tools/serve_multicast.h"

#include "protocols/chat/chat_service.h"
#include "protocols/multicast/multicast_service.h"
#include "reactor/text.h"

namespace sluice::tools {
namespace {

using multicast::MulticastService;

/// As for every service: what is not asked for by name serves this machine only.
constexpr std::string_view kLoopback = "lo";

std::expected<std::vector<multicast::GroupSpec>, std::string> parse_groups(const Making& making) {
  std::vector<std::string_view> texts = making.settings.find_all("multicast");
  if (texts.empty()) texts = {making.address};
  const std::string interface = making.settings.text("multicast-interface", kLoopback);
  const std::string* source = making.settings.find("multicast-source");
  std::vector<multicast::GroupSpec> groups;
  for (const std::string_view text : texts) {
    auto spec = multicast::parse_group_spec(text);
    if (!spec) return std::unexpected(concat("--multicast: ", spec.error()));
    if (spec->interface.empty() && interface != "all") spec->interface = interface;
    if (spec->interface == "all") spec->interface.clear();
    if (!spec->source && source) {
      auto parsed = multicast::parse_source(*source, spec->group);
      if (!parsed) return std::unexpected(concat("--multicast-source: ", parsed.error()));
      spec->source = std::move(*parsed);
    }
    groups.push_back(std::move(*spec));
  }
  return groups;
}

/// What says a text to everybody in a room of the chat, which was made before.
std::expected<multicast::CallSink::Say, std::string> say_to_room(const Making& making,
                                                                 std::string_view name) {
  Service* service = making.find("chat");
  if (!service) return std::unexpected("--multicast-to-room needs --chat");
  auto* chat = static_cast<chat::ChatService*>(service);  // nothing else has that name
  if (const auto good = chat::check_room(name); !good) {
    return std::unexpected(concat("--multicast-to-room ", name, ": ", good.error()));
  }
  chat::Room* room = chat->keep_room(name);
  if (!room) return std::unexpected("--multicast-to-room: there are too many rooms");
  return [chat, room](std::string_view text) { chat->say(*room, text); };
}

}  // namespace

Made make_multicast(const Making& making) {
  const ServeSettings& settings = making.settings;
  MulticastService::Options options;
  auto groups = parse_groups(making);
  if (!groups) return std::unexpected(std::move(groups.error()));
  options.receiver.groups = std::move(*groups);
  options.may_fail = !settings.has("multicast") && !settings.has("multicast-interface");
  const auto renew = settings.number("multicast-renew", 0, 1, 86'400);
  if (!renew) return std::unexpected(renew.error());
  options.receiver.renew_silent = std::chrono::seconds(*renew);
  options.file = settings.text("multicast-write", "");
  options.program = settings.text("multicast-exec", "");
  if (settings.has("multicast-raw")) options.framing = multicast::Framing::raw;
  if (const std::string* room = settings.find("multicast-to-room")) {
    auto say = say_to_room(making, *room);
    if (!say) return std::unexpected(std::move(say.error()));
    options.say = std::move(*say);
  }
  return std::make_unique<MulticastService>(making.reactor, std::move(options));
}

}  // namespace sluice::tools
