#include "tools/chat/received_lines.h"

#include <algorithm>

#include "tools/terminal/char_width.h"

namespace sluice::tools {

void ReceivedLines::hold(std::string_view part) {
  const std::size_t room = kMaxBytes - held_.size();
  held_ += part.substr(0, room);
  cut_ = cut_ || part.size() > room;
}

/// What is held becomes `clean_`. The end of a line that was cut is between two characters.
void ReceivedLines::finish() {
  if (held_.ends_with('\r')) held_.pop_back();
  for (std::size_t cut = 1; cut_ && cut <= std::min<std::size_t>(4, held_.size()); ++cut) {
    if (!is_cut_code_point(std::string_view(held_).substr(held_.size() - cut))) continue;
    held_.resize(held_.size() - cut);
    break;
  }
  clean_.clear();
  chat::append_clean(clean_, held_);
  if (cut_) clean_ += "…";
  held_.clear();
  if (held_.capacity() > kMaxBytes / 4) held_.shrink_to_fit();
  cut_ = false;
}

}  // namespace sluice::tools
