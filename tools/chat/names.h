#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tools/chat/message.h"

namespace sluice::tools {

/// Who and which rooms have been heard of, for completion: at most kMaxNames of each, so that a
/// server cannot fill the memory; then the one heard of longest ago goes.
class ChatNames {
 public:
  static constexpr std::size_t kMaxNames = 1000;

  void hear(const Message& message);
  void hear(const News& news);

  struct Candidates {
    std::size_t from = 0;  ///< the byte that the word begins with
    std::vector<std::string> texts = {};
  };
  /// What could stand for the word at the end of `before`: a command, a room behind /join, else a
  /// nick, with `: ` behind it where it begins the line. None for an empty word. ASCII letters
  /// count the same in both cases.
  Candidates complete(std::string_view before) const;

 private:
  std::vector<std::string> nicks_, rooms_;
};

/// Whether a room is what comes at the end of `before`.
bool wants_room(std::string_view before);

}  // namespace sluice::tools
