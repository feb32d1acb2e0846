#include "reactor/selector.h"

#include <sys/stat.h>

namespace sluice {

std::optional<SelectorKind> parse_selector_kind(std::string_view name) {
  if (name == "epoll") return SelectorKind::epoll;
  if (name == "poll") return SelectorKind::poll;
  if (name == "select") return SelectorKind::select;
  return std::nullopt;
}

Result<Token> Selector::add(int fd, Interest interest, void* data) {
  if (fd < 0) return fail("add", EBADF);
  const auto slot = static_cast<std::size_t>(fd);
  const bool known = slot < keys_.size();
  if (known && keys_[slot].registered) return fail("add", EEXIST);
  const Token token{fd, known ? keys_[slot].generation : 0};
  if (auto told = update(token, Interest::none, interest); !told)
    return std::unexpected(told.error());
  // The table grows to the number only now: one that is not open may be absurdly large.
  if (!known) keys_.resize(slot + 1);
  Key& key = keys_[slot];
  key.data = data;
  key.interest = key.applied = interest;
  key.registered = true;
  ++registered_;
  return token;
}

Selector::Key* Selector::registered_key(int fd) {
  if (fd < 0 || static_cast<std::size_t>(fd) >= keys_.size()) return nullptr;
  Key& key = keys_[static_cast<std::size_t>(fd)];
  return key.registered ? &key : nullptr;
}

Result<void> Selector::modify(int fd, Interest interest) {
  Key* key = registered_key(fd);
  if (!key) return fail("modify", ENOENT);
  key->interest = interest;
  if (!key->changed && interest != key->applied) {
    key->changed = true;
    changes_.push_back(fd);
  }
  return {};
}

Result<void> Selector::remove(int fd) {
  Key* key = registered_key(fd);
  if (!key) return fail("remove", ENOENT);
  // A failure means that the kernel has forgotten the descriptor already: just what is wanted.
  if (any(key->applied)) (void)update({fd, key->generation}, key->applied, Interest::none);
  key->data = nullptr;
  key->interest = key->applied = Interest::none;
  key->registered = false;
  ++key->generation;
  --registered_;
  return {};
}

std::size_t Selector::apply_changes() {
  std::size_t refused = 0;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const int fd = changes_[i];
    Key& key = keys_[static_cast<std::size_t>(fd)];
    key.changed = false;
    if (key.interest == key.applied) continue;
    if (update({fd, key.generation}, key.applied, key.interest)) {
      key.applied = key.interest;
    } else {
      key.changed = true;
      changes_[refused++] = fd;
    }
  }
  changes_.resize(refused);
  return refused;
}

Result<Selector::Key> Selector::get_key(int fd) const {
  if (fd < 0 || static_cast<std::size_t>(fd) >= keys_.size() ||
      !keys_[static_cast<std::size_t>(fd)].registered) {
    return fail("get_key", ENOENT);
  }
  return keys_[static_cast<std::size_t>(fd)];
}

Result<void> check_pollable(int fd) {
  struct stat status;
  if (fstat(fd, &status) < 0) return fail("fstat");
  if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) return fail("add", EPERM);
  return {};
}

}  // namespace sluice
