#include "tools/ftp/shell_words.h"

#include <optional>

#include "reactor/text.h"

namespace sluice::tools {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

constexpr std::string_view kSpecial = " \t\"'\\;#*?[";  // for who types it, not only for us

/// Walks over a line a character at a time, and knows what is quoted.
class Scanner {
 public:
  explicit Scanner(std::string_view line) : line_(line) {}

  bool at_end() const { return position_ == line_.size(); }
  std::size_t position() const { return position_; }
  char quote() const { return quote_; }
  /// Of what take() has taken last.
  bool was_plain() const { return plain_; }

  /// The next character of a word; none for a quote that begins or ends, or a last backslash.
  std::optional<char> take() {
    const char c = line_[position_++];
    plain_ = false;
    if (c == '\\' && quote_ != '\'') return take_escaped();
    if (quote_ != 0) {
      if (c != quote_) return c;
      quote_ = 0;
      return std::nullopt;
    }
    if (c == '"' || c == '\'') {
      quote_ = c;
      return std::nullopt;
    }
    plain_ = true;
    return c;
  }

 private:
  std::optional<char> take_escaped() {
    if (at_end()) return std::nullopt;
    const char next = line_[position_];
    if (quote_ == '"' && next != '"' && next != '\\') return '\\';
    ++position_;
    return next;
  }

  std::string_view line_;
  std::size_t position_ = 0;
  char quote_ = 0;
  bool plain_ = false;
};

/// Calls `end_of(word, begin)` for each word that a blank ends, `separator()` at each `;`; returns
/// the word that the line ends within, if it does.
struct Pending {
  std::string text;
  std::size_t begin = 0;
  char quote = 0;
  bool open = false;
};
template <class EndOf, class Separator>
Pending walk(std::string_view line, EndOf end_of, Separator separator) {
  Pending word;
  Scanner scanner(line);
  const auto finish = [&] {
    if (word.open) end_of(std::move(word.text));
    word = {};
  };
  while (!scanner.at_end()) {
    const std::size_t begin = scanner.position();
    const auto c = scanner.take();
    if (c && scanner.was_plain() && (is_blank(*c) || *c == ';')) {
      finish();
      if (*c == ';') separator(begin);
      continue;
    }
    if (!word.open) word.begin = begin;
    word.open = true;
    if (c) word.text += *c;
  }
  word.quote = scanner.quote();
  if (!word.open) word.begin = line.size();
  return word;
}

/// Only at the front: a blank at the end may be quoted by a backslash.
std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

}  // namespace

std::expected<std::vector<std::string>, std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  Pending last =
      walk(line, [&](std::string word) { words.push_back(std::move(word)); }, [](std::size_t) {});
  if (last.quote != 0) return std::unexpected(concat("the quote ", last.quote, " does not end"));
  if (last.open) words.push_back(std::move(last.text));
  return words;
}

std::vector<std::string_view> split_commands(std::string_view line) {
  std::vector<std::string_view> commands;
  std::size_t begin = 0;
  bool comment = false;
  const auto add = [&](std::size_t end) {
    const std::string_view command = trimmed(line.substr(begin, end - begin));
    comment = comment || command.starts_with('#');
    if (!command.empty() && !comment) commands.push_back(command);
    begin = end + 1;
  };
  walk(line, [](const std::string&) {}, add);
  add(line.size());
  return commands;
}

OpenWord open_word(std::string_view line) {
  OpenWord open;
  Pending last = walk(
      line, [&](std::string word) { open.before.push_back(std::move(word)); },
      [&](std::size_t) { open.before.clear(); });
  open.text = std::move(last.text);
  open.from = last.begin;
  open.quote = last.quote;
  return open;
}

std::string quoted(std::string_view text, char quote, bool whole) {
  std::string typed;
  if (quote != 0) typed += quote;
  for (const char c : text) {
    if (quote == '\'' && c == '\'') {
      typed += "'\\''";
      continue;
    }
    const bool escaped = quote == '"' ? c == '"' || c == '\\'
                         : quote == 0 ? kSpecial.find(c) != std::string_view::npos
                                      : false;
    if (escaped) typed += '\\';
    typed += c;
  }
  if (quote != 0 && whole) typed += quote;
  return typed;
}

}  // namespace sluice::tools
