#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocols/files/new_file.h"
#include "protocols/files/tree.h"
#include "protocols/ftp/ascii.h"

namespace sluice::ftp {

/// A file on its way in, written in one of two ways:
///
/// * in place: a new name, REST, APPE. What is left of a broken upload stays and can be resumed.
/// * set aside: a name that exists. A hidden file beside it takes its place when whole, so that a
///   broken upload never harms the old one.
///
/// Move-only; ends with finish(), or as broken when destroyed without.
class Upload {
 public:
  enum class How {
    store,   ///< STOR: in place when the name is new, else set aside
    atomic,  ///< STOR: always set aside
    append,  ///< APPE
  };
  /// Errors of files::Tree; EISDIR, EINVAL, EACCES … for what stands there and is not to be
  /// replaced.
  static Result<Upload> begin(const files::Tree& tree, std::string_view path, How how);
  /// STOR after REST: in place from `offset` on. ERANGE when the file is shorter.
  static Result<Upload> resume(const files::Tree& tree, std::string_view path,
                               std::uint64_t offset);
  /// STOU: a name that is not there yet, made of `path`, which it becomes.
  static Result<Upload> unique(const files::Tree& tree, std::string& path);

  void set_ascii() { text_.emplace(); }

  Result<void> write(std::span<const std::byte> bytes);
  /// It is broken: a file that was made for it goes again if nothing came, `tree` and `path` being
  /// those of begin(). Otherwise what was written in place stays.
  void abandon(const files::Tree& tree, std::string_view path);
  /// All has come: gives the file its name. With `sync` it is on the disk then.
  Result<void> finish(bool sync);

 private:
  /// The hidden file, where it lies (which has to stay put), what it is to be.
  struct Aside {
    files::Tree::Place place;
    std::optional<files::NewFile> file;
  };

  Upload() = default;
  static Result<Upload> set_aside(const files::Tree& tree, std::string_view path,
                                  const files::FileInfo* old);
  Result<void> store(std::span<const std::byte> bytes);

  Fd file_;                       // in place
  bool created_ = false;          // by us
  std::unique_ptr<Aside> aside_;  // set aside
  std::optional<FromNetwork> text_;
  std::vector<std::byte> converted_;
};

}  // namespace sluice::ftp
