#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/files/tree.h"

namespace sluice::ftp {

/// What an account may do, by pyftpdlib's letters:
///
/// * `e` change directory (CWD, CDUP);
/// * `l` list (LIST, NLST, STAT, MLSD, MLST, SIZE, MDTM);
/// * `r` read files (RETR, HASH);
/// * `a` append to files (APPE);
/// * `d` remove (DELE, RMD);
/// * `f` rename (RNFR, RNTO), which may replace a file;
/// * `m` make directories (MKD);
/// * `w` store files (STOR, STOU);
/// * `M` change modes (SITE CHMOD, MFF);
/// * `T` change times (MFMT, MDTM, SITE UTIME, MFF).
class Permissions {
 public:
  static constexpr std::string_view kRead = "elr";
  static constexpr std::string_view kAll = "elradfmwMT";

  Permissions() = default;
  /// Nothing when there is another letter in it.
  static std::optional<Permissions> parse(std::string_view letters);
  bool has(char letter) const;

 private:
  std::uint16_t bits_ = 0;
};

/// One who may log in. Sessions share it, so that it outlives a reload of the users.
struct Account {
  std::string name;
  files::Tree root;
  Permissions permissions;
  bool anonymous = false;
};

/// How a password is checked.
struct Secret {
  enum class Kind { plain, hash, any };  ///< `any`: anonymous
  Kind kind = Kind::any;
  std::string text;  ///< the password, or its crypt(3) hash
};

/// Those who may log in. Names are compared byte by byte; `anonymous` and `ftp` are the same
/// account, in upper and lower case alike.
class Accounts {
 public:
  struct Entry {
    std::shared_ptr<const Account> account;
    Secret secret;
  };

  /// The error is a sentence that names what is wrong: a name that is there already, that is empty,
  /// over 64 bytes, begins with #, holds a colon or control characters, or means the anonymous
  /// account; an empty password, a hash that crypt(3) does not know, a root that cannot be opened
  /// as a directory.
  std::expected<void, std::string> add(std::string name, Secret secret, const std::string& root,
                                       Permissions permissions);
  std::expected<void, std::string> add_anonymous(const std::string& root, Permissions permissions);

  /// Reads a file of `name:hash:root:permissions` lines; blank lines and those that begin with `#`
  /// are passed over. A root that is not absolute is one below `base`; an empty one is `base`.
  /// Empty permissions are Permissions::kRead. Says the line number and what is wrong with it: a
  /// name twice, an empty one, a hash that crypt(3) does not know, a root that cannot be opened,
  /// a letter that means nothing; then none of the file is taken. It is a regular file of 1 MiB at
  /// most. One that others may read is taken but `warning` says so; else `warning` is empty.
  std::expected<void, std::string> read_file(const std::string& path, const std::string& base,
                                             std::string& warning);

  /// Null when there is none of that name.
  const Entry* find(std::string_view name) const;
  bool empty() const { return entries_.empty(); }
  bool has_hashes() const;

 private:
  std::expected<void, std::string> insert(std::string name, Secret secret, const std::string& root,
                                          Permissions permissions, bool anonymous);

  std::map<std::string, Entry, std::less<>> entries_;
};

/// Why nobody can have that name, as a sentence; empty when one can. What is not allowed is said at
/// Accounts::add.
std::string fault_of_name(std::string_view name);

/// Compares in a time that does not depend on where the first difference is.
bool equal_secret(std::string_view left, std::string_view right);

}  // namespace sluice::ftp
