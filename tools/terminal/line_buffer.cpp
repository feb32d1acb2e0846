#include "tools/terminal/line_buffer.h"

#include <algorithm>
#include <utility>

#include "reactor/text.h"
#include "tools/terminal/char_width.h"

namespace sluice::tools {
namespace {

bool is_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'z');
}

/// The longest beginning of whole code points.
std::string_view cut_to_bytes(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::size_t size = 0;
  while (true) {
    const std::size_t next = first_code_point(text.substr(size)).bytes;
    if (size + next > bytes) return text.substr(0, size);
    size += next;
  }
}

}  // namespace

void LineBuffer::set(std::string text, std::size_t cursor) {
  text.resize(cut_to_bytes(text, kMaxBytes).size());
  text_ = std::move(text);
  cursor_ = std::min(cursor, text_.size());
  settle();
}

void LineBuffer::insert(std::string_view text) {
  text = cut_to_bytes(text, kMaxBytes - text_.size());
  text_.insert(cursor_, text);
  cursor_ += text.size();
  settle();
}

void LineBuffer::replace_before_cursor(std::size_t from, std::string_view text) {
  const std::string before = text_;
  const std::size_t cursor = cursor_;
  (void)cut(from, cursor_);
  if (text_.size() + text.size() > kMaxBytes) return set(before, cursor);
  insert(text);
}

std::string LineBuffer::cut_to_blank() {
  return cut(run_before(cursor_, [](char c) { return c != ' '; }), cursor_);
}

void LineBuffer::transpose() {
  const std::size_t end = cursor_ == text_.size() ? cursor_ : right_of(cursor_);
  const std::size_t middle = left_of(end), start = left_of(middle);
  if (start == middle) return;
  std::string swapped =
      concat(text_.substr(middle, end - middle), text_.substr(start, middle - start));
  text_.replace(start, end - start, swapped);
  cursor_ = end;
  settle();
}

/// Clusters are found from the front only: it takes the ones before to know where one begins.
std::size_t LineBuffer::left_of(std::size_t place) const {
  std::size_t left = 0;
  for (std::size_t next = 0; next < place; next = right_of(next)) left = next;
  return left;
}

std::size_t LineBuffer::right_of(std::size_t place) const {
  if (place == text_.size()) return place;
  return place + first_cluster(std::string_view(text_).substr(place)).bytes;
}

/// Where the last run of clusters like that before `place` begins; the start without one.
std::size_t LineBuffer::run_before(std::size_t place, bool (*belongs)(char)) const {
  std::size_t start = 0;
  bool inside = false;
  for (std::size_t at = 0; at < place; at = right_of(at)) {
    const bool now_inside = belongs(text_[at]);
    if (now_inside && !inside) start = at;
    inside = now_inside;
  }
  return start;
}

std::size_t LineBuffer::word_left_of(std::size_t place) const {
  return run_before(place, is_word);
}

std::size_t LineBuffer::word_right_of(std::size_t place) const {
  while (place < text_.size() && !is_word(text_[place])) place = right_of(place);
  while (place < text_.size() && is_word(text_[place])) place = right_of(place);
  return place;
}

std::string LineBuffer::cut(std::size_t from, std::size_t to) {
  std::string taken = text_.substr(from, to - from);
  text_.erase(from, to - from);
  cursor_ = from;
  settle();
  return taken;
}

/// What stands side by side now may be one cluster: then the cursor goes behind it.
void LineBuffer::settle() {
  std::size_t place = 0;
  while (place < cursor_) place = right_of(place);
  cursor_ = place;
}

}  // namespace sluice::tools
