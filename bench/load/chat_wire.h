#pragma once

#include <cstddef>
#include <cstring>
#include <string>

namespace load {

inline constexpr char kPayloadMark = '=';  ///< what every payload begins with

/// How a chat server or message broker is spoken to: what a client says first, how a payload is
/// published, and how it comes back. All clients are in one room, or subscribe to one subject,
/// `bench`. Made for payloads of one size, so that a message is found without looking at each byte.
struct Wire {
  std::string name;
  std::size_t size = 0;  ///< bytes of a payload

  std::string say_lead, say_trail;  ///< around a payload that is published

  std::string begin;       ///< of a message that is received, as far as all begin alike
  std::size_t before = 0;  ///< bytes before its payload
  std::string trail;       ///< after it
  bool packets = false;    ///< MQTT: anything else has a length; with the others it is a line

  struct Greeting {
    std::string text;
    std::string answer;  ///< all is set up once this has been received
  };
  Greeting greeting(std::size_t number, bool reads, bool writes) const;

  /// Calls on_payload(const char*) for each message and on_other() for whatever else is there;
  /// returns where what is not complete begins.
  template <class OnPayload, class OnOther>
  const char* parse(const char* at, const char* end, OnPayload&& on_payload,
                    OnOther&& on_other) const {
    const std::size_t whole = before + size + trail.size();
    const char first = begin.front();
    while (at < end) {
      const auto left = static_cast<std::size_t>(end - at);
      const std::size_t known = left < begin.size() ? left : begin.size();
      if (*at == first && (known == 1 || std::memcmp(at, begin.data(), known) == 0)) {
        if (left < whole) return at;
        if (trail.empty() || at[whole - 1] == trail.back()) {
          on_payload(at + before);
          at += whole;
          continue;
        }
      }
      const char* next = after_other(at, end);
      if (next == nullptr) return at;
      on_other();
      at = next;
    }
    return at;
  }

 private:
  const char* after_other(const char* at, const char* end) const {
    if (!packets) {
      const void* newline = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
      return newline == nullptr ? nullptr : static_cast<const char*>(newline) + 1;
    }
    std::size_t length = 0;
    int shift = 0;
    for (const char* byte = at + 1; byte < end && shift < 28; ++byte, shift += 7) {
      length |= static_cast<std::size_t>(*byte & 0x7f) << shift;
      if ((*byte & 0x80) != 0) continue;
      return static_cast<std::size_t>(end - byte - 1) < length ? nullptr : byte + 1 + length;
    }
    return nullptr;
  }
};

}  // namespace load
