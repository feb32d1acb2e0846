#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bench/load/chat_wire.h"

namespace load {

/// `c00042`: the nick, or MQTT's client identifier; all of one length. The letter is another one in
/// the next process, whose clients come while a server may not yet have noticed that these have
/// gone.
inline std::string client_name(std::size_t number) {
  const std::string digits = std::to_string(number);
  const auto letter = static_cast<char>('a' + getpid() % 26);
  return letter + std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
}

/// An MQTT packet (3.1.1, section 2) of that first byte; its length is written as in 2.2.3.
inline std::string mqtt_head(char type, std::size_t length) {
  std::string head(1, type);
  do {
    head += static_cast<char>((length % 128) | (length >= 128 ? 0x80 : 0));
    length /= 128;
  } while (length > 0);
  return head;
}

inline std::string mqtt_text(std::string_view text) {
  return std::string(1, '\0') + static_cast<char>(text.size()) + std::string(text);
}

inline Wire::Greeting Wire::greeting(std::size_t number, bool reads, bool writes) const {
  if (name == "raw") return {"/hello\n", "* ok\n"};
  if (name == "sluice") {
    return {"/nick " + client_name(number) + "\n/join bench\n", "* you are in bench"};
  }
  if (name == "redis") {
    if (!reads) return {"PING\r\n", "+PONG\r\n"};
    return {std::string(writes ? "HELLO 3\r\n" : "") + "SUBSCRIBE bench\r\n", "bench\r\n:1\r\n"};
  }
  if (name == "nats") {
    return {std::string(R"(CONNECT {"verbose":false,"pedantic":false,"echo":false})") + "\r\n" +
                (reads ? "SUB bench 1\r\n" : "") + "PING\r\n",
            "PONG\r\n"};
  }
  const std::string about = mqtt_text("MQTT") + std::string("\4\2\0\0", 4);  // a clean session
  const std::string who = mqtt_text(client_name(number));
  const std::string connect = mqtt_head('\x10', about.size() + who.size()) + about + who;
  if (!reads) return {connect, std::string("\x20\2\0\0", 4)};
  const std::string topic = std::string("\0\1", 2) + mqtt_text("bench") + '\0';
  return {connect + mqtt_head('\x82', topic.size()) + topic, std::string("\x90\3\0\1\0", 5)};
}

/// `talk`: all clients write and read. Redis then takes RESP3, where who subscribes may publish.
inline Wire make_wire(const std::string& name, std::size_t size, bool talk) {
  const std::string length = std::to_string(size);
  Wire wire;
  wire.name = name;
  wire.size = size;
  wire.say_trail = wire.trail = "\n";
  if (name == "raw") {
    wire.begin = kPayloadMark;
  } else if (name == "sluice") {
    wire.begin = client_name(0).front();
    wire.before = client_name(0).size() + 2;  // `c00042: `
  } else if (name == "redis") {
    wire.say_trail = wire.trail = "\r\n";
    wire.say_lead = "*3\r\n$7\r\nPUBLISH\r\n$5\r\nbench\r\n$" + length + "\r\n";
    wire.begin =
        std::string(talk ? ">3" : "*3") + "\r\n$7\r\nmessage\r\n$5\r\nbench\r\n$" + length + "\r\n";
  } else if (name == "nats") {
    wire.say_trail = wire.trail = "\r\n";
    wire.say_lead = "PUB bench " + length + "\r\n";
    wire.begin = "MSG bench 1 " + length + "\r\n";
  } else if (name == "mqtt") {
    const std::string topic = mqtt_text("bench");
    wire.say_trail = wire.trail = "";
    wire.say_lead = wire.begin = mqtt_head('\x30', topic.size() + size) + topic;
    wire.packets = true;
  } else {
    std::fprintf(stderr, "no such wire: %s\n", name.c_str());
    std::exit(2);
  }
  if (wire.begin.size() > 1) wire.before = wire.begin.size();
  return wire;
}

}  // namespace load
