#include "tools/terminal/line_editor.h"

#include <algorithm>
#include <utility>

#include "reactor/text.h"
#include "tools/terminal/candidates.h"

namespace sluice::tools {

void LineEditor::begin(std::string prompt) {
  prompt_ = std::move(prompt);
  buffer_.set({});
  place_ = history_ ? history_->lines().size() : 0;
  new_line_.clear();
  search_.reset();
  asked_ = false;
  candidates_.clear();
  painter_.forget();
  active_ = changed_ = true;
}

LineEditor::Step LineEditor::feed(std::string_view bytes) {
  std::string_view rest = bytes;
  while (std::optional<Key> key = keys_.next(rest)) {
    if (const Event event = take(*key); event != Event::none) {
      return {bytes.size() - rest.size(), event};
    }
  }
  return {bytes.size(), Event::none};
}

LineEditor::Event LineEditor::end_sequence() {
  std::optional<Key> key = keys_.end_sequence();
  return key ? take(*key) : Event::none;
}

void LineEditor::cancel() {
  if (!active_) return;
  painter_.erase(output_);
  active_ = false;
}

void LineEditor::leave() {
  const std::size_t cursor = buffer_.cursor();
  buffer_.end();
  paint();
  painter_.leave(output_);
  buffer_.set(buffer_.text(), cursor);
}

void LineEditor::redraw() {
  if (!active_) return;
  painter_.erase(output_);
  changed_ = true;
}

void LineEditor::resize(std::size_t columns, std::size_t rows) {
  if (columns == columns_ && rows == rows_) return;
  columns_ = columns;
  rows_ = rows;
  painter_.resize(output_, columns, rows);
  changed_ = true;
}

void LineEditor::print_above(std::string_view text) {
  painter_.erase(output_);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    output_ += concat(text.substr(0, end), "\r\n");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  changed_ = true;
}

std::string LineEditor::take_line() {
  return std::exchange(line_, {});
}

std::string LineEditor::take_output() {
  if (active_ && changed_) paint();
  return std::exchange(output_, {});
}

LineEditor::Event LineEditor::take(Key& key) {
  changed_ = true;
  if (search_) {
    if (const std::optional<Event> event = take_in_search(key)) return *event;
  }
  return take_in_line(key);
}

LineEditor::Event LineEditor::take_in_line(Key& key) {
  const bool again = std::exchange(asked_, false) && key.kind == KeyKind::tab;
  if (!again) candidates_.clear();
  switch (key.kind) {
    case KeyKind::text:
    case KeyKind::paste:
      buffer_.insert(key.text);
      break;
    case KeyKind::enter:
      return finish(Event::line, "");
    case KeyKind::interrupt:
      return finish(Event::interrupt, "^C");
    case KeyKind::suspend:
      return Event::suspend;
    case KeyKind::end_of_input:
      if (buffer_.text().empty()) return finish(Event::end, "");
      buffer_.erase_right();
      break;
    case KeyKind::tab:
      asked_ = true;
      if (candidates_.empty()) return Event::complete;
      print_above(list_candidates(candidates_, columns_));
      break;
    case KeyKind::up:
      go_through_history(true);
      break;
    case KeyKind::down:
      go_through_history(false);
      break;
    case KeyKind::search:
      begin_search();
      break;
    case KeyKind::clear_screen:
      output_ += "\x1b[H\x1b[2J";
      painter_.forget();
      break;
    default:
      edit(key.kind);
  }
  return Event::none;
}

void LineEditor::edit(KeyKind kind) {
  switch (kind) {
    case KeyKind::left:
      return buffer_.left();
    case KeyKind::right:
      return buffer_.right();
    case KeyKind::home:
      return buffer_.home();
    case KeyKind::end:
      return buffer_.end();
    case KeyKind::word_left:
      return buffer_.word_left();
    case KeyKind::word_right:
      return buffer_.word_right();
    case KeyKind::erase:
      return buffer_.erase_left();
    case KeyKind::erase_right:
      return buffer_.erase_right();
    case KeyKind::erase_word:
      return keep(buffer_.cut_to_blank());
    case KeyKind::erase_left_word:
      return keep(buffer_.cut_word_left());
    case KeyKind::erase_right_word:
      return keep(buffer_.cut_word_right());
    case KeyKind::erase_to_start:
      return keep(buffer_.cut_to_start());
    case KeyKind::erase_to_end:
      return keep(buffer_.cut_to_end());
    case KeyKind::yank:
      return buffer_.insert(yanked_);
    case KeyKind::transpose:
      return buffer_.transpose();
    default:
      return;
  }
}

void LineEditor::keep(std::string taken) {
  if (!taken.empty()) yanked_ = std::move(taken);
}

LineEditor::Event LineEditor::finish(Event event, std::string_view mark) {
  buffer_.end();
  paint();
  painter_.leave(output_, mark);
  active_ = false;
  if (event == Event::line) line_ = buffer_.text();
  buffer_.set({});
  return event;
}

// --- history
// --------------------------------------------------------------------------------------

void LineEditor::go_through_history(bool older) {
  if (!history_) return;
  const std::vector<std::string>& lines = history_->lines();
  place_ = std::min(place_, lines.size());
  if (older ? place_ == 0 : place_ == lines.size()) return;
  if (place_ == lines.size()) new_line_ = buffer_.text();
  place_ = older ? place_ - 1 : place_ + 1;
  buffer_.set(place_ == lines.size() ? new_line_ : lines[place_]);
}

void LineEditor::begin_search() {
  if (!history_) return;
  search_ = Search{{}, history_->lines().size(), false, buffer_.text(), buffer_.cursor()};
}

/// The event of a key that belongs to the search; without one the line has the key.
std::optional<LineEditor::Event> LineEditor::take_in_search(const Key& key) {
  switch (key.kind) {
    case KeyKind::text:
    case KeyKind::paste:
      search_->wanted.insert(key.text);
      look_for(search_->found + 1);
      return Event::none;
    case KeyKind::erase:
      search_->wanted.erase_left();
      search_->found = history_->lines().size();
      buffer_.set(search_->line_before, search_->cursor_before);
      look_for(search_->found + 1);
      return Event::none;
    case KeyKind::search:
      look_for(search_->found);
      return Event::none;
    case KeyKind::give_up:
      buffer_.set(std::move(search_->line_before), search_->cursor_before);
      search_.reset();
      return Event::none;
    default:
      break;
  }
  if (search_->found < history_->lines().size()) {
    // As if one had gone there by Up: the line typed so far is behind the newest.
    if (place_ == history_->lines().size()) new_line_ = std::move(search_->line_before);
    place_ = search_->found;
  }
  search_.reset();
  return std::nullopt;
}

/// The newest line before the place `before` that holds what is wanted, and is not shown already.
void LineEditor::look_for(std::size_t before) {
  search_->failed = false;
  const std::string& wanted = search_->wanted.text();
  if (wanted.empty()) return;
  const std::vector<std::string>& lines = history_->lines();
  for (std::size_t i = std::min(before, lines.size()); i-- > 0;) {
    const std::size_t at = lines[i].rfind(wanted);
    if (at == std::string::npos) continue;
    if (before <= search_->found && lines[i] == buffer_.text()) continue;
    search_->found = i;
    buffer_.set(lines[i], at);
    return;
  }
  search_->failed = true;
}

// --- completion
// -----------------------------------------------------------------------------------

void LineEditor::offer(std::size_t from, std::vector<std::string> candidates) {
  if (!active_ || !asked_ || search_ || candidates.empty() || from > buffer_.cursor()) return;
  const std::string_view common = common_beginning(candidates);
  const bool settled = candidates.size() == 1;
  if (settled || common.size() >= buffer_.cursor() - from) {
    buffer_.replace_before_cursor(from, common);
    changed_ = true;
  }
  if (settled) {
    asked_ = false;
  } else {
    candidates_ = std::move(candidates);
  }
}

// --- showing
// --------------------------------------------------------------------------------------

void LineEditor::paint() {
  painter_.paint(output_, shown_prompt(), line(), cursor());
  changed_ = false;
}

std::string LineEditor::shown_prompt() const {
  if (!search_) return prompt_;
  return concat(search_->failed ? "(not found) '" : "(search) '", search_->wanted.text(), "': ");
}

}  // namespace sluice::tools
