#include "protocols/ftp/account.h"

#include <crypt.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "reactor/fd.h"
#include "reactor/text.h"

namespace sluice::ftp {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr std::string_view kAnonymous = "anonymous";

std::unexpected<std::string> wrong(std::string sentence) {
  return std::unexpected(std::move(sentence));
}

/// Without the locale, and so without a way around it.
bool equal_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char left, char right) {
    return (left >= 'A' && left <= 'Z' ? left + ('a' - 'A') : left) == right;
  });
}

bool is_anonymous(std::string_view name) {
  return equal_ignoring_case(name, kAnonymous) || equal_ignoring_case(name, "ftp");
}

bool is_control(char letter) {
  return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f;
}

/// Whether crypt(3) can have made it. What begins like no other method counts as DES, whose hashes
/// are 13 characters, so that a password that somebody put in place of its hash is noticed.
bool is_hash(const std::string& hash) {
  if (hash.size() >= CRYPT_OUTPUT_SIZE || hash.find('\0') != hash.npos) return false;
  const int method = ::crypt_checksalt(hash.c_str());
  if (method != CRYPT_SALT_OK && method != CRYPT_SALT_METHOD_LEGACY) return false;
  return hash[0] == '$' || hash[0] == '_' || hash.size() == 13;
}

std::string fault_of_secret(const Secret& secret) {
  if (secret.kind == Secret::Kind::any) return {};
  if (secret.text.empty()) return "the password is empty";
  if (secret.kind == Secret::Kind::hash && !is_hash(secret.text)) {
    return "the password is not a hash that crypt(3) knows: make one with 'sluice passwd'";
  }
  return {};
}

struct File {
  std::string text;
  bool read_by_others = false;
};

Result<File> read_small_file(const std::string& path) {
  // A FIFO would hold the loop when the users are read again.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail("open");
  struct stat status;
  if (::fstat(fd.get(), &status) != 0) return fail("fstat");
  if (S_ISDIR(status.st_mode)) return fail("read", EISDIR);
  if (!S_ISREG(status.st_mode)) return fail("not a regular file", EINVAL);
  File file;
  file.read_by_others = (status.st_mode & S_IROTH) != 0;
  char buffer[4096];
  for (;;) {
    const ssize_t size = ::read(fd.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail("read");
    if (size == 0) return file;
    file.text.append(buffer, static_cast<std::size_t>(size));
    if (file.text.size() > kMaxFileBytes) return fail("over a mebibyte", EFBIG);
  }
}

/// The text up to the next `end`, which is taken away with it; all of it when there is none.
std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

std::string root_below(const std::string& base, std::string_view root) {
  if (root.empty()) return base;
  if (root.starts_with('/')) return std::string(root);
  return concat(base, base.ends_with('/') ? "" : "/", root);
}

std::expected<void, std::string> add_line(Accounts& accounts, std::string_view line,
                                          const std::string& base) {
  if (std::ranges::count(line, ':') != 3) return wrong("expected name:hash:root:permissions");
  const std::string_view name = take_until(line, ':');
  const std::string_view hash = take_until(line, ':');
  const std::string_view root = take_until(line, ':');
  const std::string_view letters = line.empty() ? Permissions::kRead : line;
  const auto permissions = Permissions::parse(letters);
  if (!permissions) {
    return wrong(concat("the permissions ", letters, " are not all of ", Permissions::kAll));
  }
  return accounts.add(std::string(name), {Secret::Kind::hash, std::string(hash)},
                      root_below(base, root), *permissions);
}

}  // namespace

std::string fault_of_name(std::string_view name) {
  if (name.empty()) return "the name is empty";
  if (name.size() > kMaxName) return concat("the name is over ", kMaxName, " bytes");
  if (name.starts_with('#')) return "a name cannot begin with #, as comments do";
  if (name.find(':') != name.npos) return "a name cannot hold a colon";
  if (std::ranges::any_of(name, is_control)) return "a name cannot hold control characters";
  if (is_anonymous(name)) {
    return concat("the name ", name, " is for those without a password: use --ftp-anonymous");
  }
  return {};
}

std::optional<Permissions> Permissions::parse(std::string_view letters) {
  Permissions permissions;
  for (const char letter : letters) {
    const std::size_t bit = kAll.find(letter);
    if (bit == kAll.npos) return std::nullopt;
    permissions.bits_ |= static_cast<std::uint16_t>(1U << bit);
  }
  return permissions;
}

bool Permissions::has(char letter) const {
  const std::size_t bit = kAll.find(letter);
  return bit != kAll.npos && (bits_ >> bit & 1U) != 0;
}

std::expected<void, std::string> Accounts::add(std::string name, Secret secret,
                                               const std::string& root, Permissions permissions) {
  if (std::string fault = fault_of_name(name); !fault.empty()) return wrong(std::move(fault));
  if (std::string fault = fault_of_secret(secret); !fault.empty()) return wrong(std::move(fault));
  return insert(std::move(name), std::move(secret), root, permissions, false);
}

std::expected<void, std::string> Accounts::add_anonymous(const std::string& root,
                                                         Permissions permissions) {
  return insert(std::string(kAnonymous), {Secret::Kind::any, ""}, root, permissions, true);
}

std::expected<void, std::string> Accounts::insert(std::string name, Secret secret,
                                                  const std::string& root, Permissions permissions,
                                                  bool anonymous) {
  if (entries_.contains(name)) return wrong(concat("the name ", name, " is there twice"));
  if (root.find('\0') != root.npos) return wrong("the root cannot hold a NUL");
  auto tree = files::Tree::open(root);
  if (!tree) return wrong(concat("the root ", root, ": ", std::strerror(tree.error().code)));
  auto account =
      std::make_shared<const Account>(Account{name, std::move(*tree), permissions, anonymous});
  entries_.emplace(std::move(name), Entry{std::move(account), std::move(secret)});
  return {};
}

std::expected<void, std::string> Accounts::read_file(const std::string& path,
                                                     const std::string& base,
                                                     std::string& warning) {
  const auto file = read_small_file(path);
  if (!file) return wrong(file.error().message(path));
  Accounts all = *this;
  std::string_view rest = file->text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    std::string_view line = take_until(rest, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with('#') || line.find_first_not_of(" \t") == line.npos) continue;
    if (auto added = add_line(all, line, base); !added) {
      return wrong(concat(path, " line ", number, ": ", added.error()));
    }
  }
  *this = std::move(all);
  warning.clear();
  if (file->read_by_others) {
    warning = concat(path, " may be read by every user of this machine: chmod o= it");
  }
  return {};
}

const Accounts::Entry* Accounts::find(std::string_view name) const {
  const auto found = entries_.find(is_anonymous(name) ? kAnonymous : name);
  return found == entries_.end() ? nullptr : &found->second;
}

bool Accounts::has_hashes() const {
  return std::ranges::any_of(
      entries_, [](const auto& entry) { return entry.second.secret.kind == Secret::Kind::hash; });
}

bool equal_secret(std::string_view left, std::string_view right) {
  const std::string_view other = left.size() == right.size() ? right : left;
  volatile unsigned difference = left.size() == right.size() ? 0U : 1U;
  for (std::size_t i = 0; i < left.size(); ++i) {
    difference = difference | static_cast<unsigned char>(left[i] ^ other[i]);
  }
  return difference == 0;
}

}  // namespace sluice::ftp
