#include "tools/ftp/shell_complete.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "protocols/files/directory_reader.h"
#include "reactor/printable.h"
#include "tools/ftp/session.h"

namespace sluice::tools {
namespace {

/// Of one directory; nobody chooses from more, and a server may go on for ever.
constexpr std::size_t kMaxNames = 100'000;
constexpr std::size_t kMaxDirectories = 32;

/// With its `/`: "" for "a", "/" for "/a", "a/" for "a/b".
std::string_view folder_of(std::string_view path) {
  return path.substr(0, path.rfind('/') + 1);
}

bool is_directory(int folder, const files::DirectoryReader::Entry& entry) {
  if (entry.type != DT_LNK && entry.type != DT_UNKNOWN) return entry.type == DT_DIR;
  struct stat info;
  return ::fstatat(folder, entry.name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

WordKind kind_of_next(const OpenWord& word) {
  if (word.before.empty()) return WordKind::command;
  std::string_view name = word.before[0];
  if (name.starts_with('-')) name.remove_prefix(1);
  const auto command = find_shell_command(name);
  if (!command) return WordKind::other;
  return word.before.size() == 1 ? (*command)->first : (*command)->rest;
}

}  // namespace

void Completer::complete(std::string_view before_cursor) {
  if (busy_) return;
  word_ = open_word(before_cursor);
  switch (kind_of_next(word_)) {
    case WordKind::command:
      return offer_commands();
    case WordKind::on_off:
      return offer_words({"on", "off"});
    case WordKind::local:
      return offer_local(word_.text, false);
    case WordKind::local_directory:
      return offer_local(word_.text, true);
    case WordKind::remote:
      return offer_remote(word_.text, false);
    case WordKind::remote_directory:
      return offer_remote(word_.text, true);
    case WordKind::other:
      return;
  }
}

void Completer::offer_commands() {
  std::vector<std::string> names;
  for (const ShellCommand* command : shell_commands()) names.emplace_back(command->name);
  offer_words(std::move(names));
}

void Completer::offer_words(std::vector<std::string> words) {
  std::erase_if(words, [&](const std::string& word) { return !word.starts_with(word_.text); });
  if (words.empty()) return;
  if (words.size() == 1) words[0] += ' ';
  console_.offer(word_.from, std::move(words));
}

void Completer::offer_local(std::string_view path, bool only_directories) {
  const std::string folder(folder_of(path));
  Fd opened(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return;
  files::DirectoryReader reader(std::move(opened));
  Names names;
  while (names.size() < kMaxNames) {
    const auto entry = reader.next();
    if (!entry || !*entry) break;
    names.push_back({std::string((*entry)->text()), is_directory(reader.fd(), **entry)});
  }
  offer(path, names, only_directories);
}

void Completer::offer_remote(std::string_view path, bool only_directories) {
  only_directories_ = only_directories;
  const std::string_view folder = folder_of(path);
  const auto known = known_.find(folder);
  if (known != known_.end()) return offer(path, known->second, only_directories);
  if (link_.logged_in()) ask(std::string(folder));
}

void Completer::ask(std::string directory) {
  busy_ = true;
  names_.clear();
  asked_ = std::move(directory);
  link_.client().list(
      asked_, [this](const ftp::RemoteEntry& entry) { take(entry); },
      [this](const ftp::Answer<ftp::Listed>& answer) { on_listed(answer); });
}

void Completer::take(const ftp::RemoteEntry& entry) {
  if (names_.size() < kMaxNames) {
    using Type = ftp::RemoteEntry::Type;
    names_.push_back({entry.name, entry.type == Type::directory, entry.type == Type::link});
  } else {
    link_.client().abort();
  }
}

void Completer::on_listed(const ftp::Answer<ftp::Listed>& answer) {
  busy_ = false;
  if (!answer) return;
  if (known_.size() >= kMaxDirectories) known_.clear();
  const Names& names = known_[asked_] = std::move(names_);
  names_ = {};
  offer(word_.text, names, only_directories_);
}

void Completer::offer(std::string_view path, const Names& names, bool only_directories) {
  const std::string_view folder = folder_of(path), begun = path.substr(folder.size());
  std::vector<std::string> fitting;
  for (const Name& name : names) {
    if (only_directories && !name.directory && !name.link) continue;
    if (!name.text.starts_with(begun) || (begun.empty() && name.text[0] == '.')) continue;
    if (printable(name.text) != name.text) continue;  // it could not be typed
    fitting.push_back(
        quoted(concat(folder, name.text, name.directory ? "/" : ""), word_.quote, !name.directory));
  }
  if (fitting.empty()) return;
  std::ranges::sort(fitting);
  if (fitting.size() == 1 && !fitting[0].ends_with('/')) fitting[0] += ' ';
  console_.offer(word_.from, std::move(fitting));
}

}  // namespace sluice::tools
