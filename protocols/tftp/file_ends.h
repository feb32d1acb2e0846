#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "protocols/files/new_file.h"
#include "protocols/files/tree.h"
#include "protocols/tftp/source.h"

namespace sluice::tftp {

/// An open file, from where it stands.
class FileSource final : public Source {
 public:
  explicit FileSource(Fd file) : file_(std::move(file)) {}
  Result<std::size_t> read(std::span<std::byte> out) override;

 private:
  Fd file_;
};

/// A file of a Tree that appears whole or not at all: hidden until finish(), gone without it.
class FileSink final : public Sink {
 public:
  struct Options {
    bool replace = false;  ///< one that exists; else EEXIST
    std::uint64_t max_size = UINT64_MAX;
    std::uint64_t expected = 0;  ///< bytes, as far as is known
    bool sync = false;
  };

  /// `path` as Tree takes it. EEXIST, EISDIR, EACCES …; EFBIG when more is expected than may be,
  /// ENOSPC when more than there is room for.
  static Result<std::unique_ptr<FileSink>> create(const files::Tree& tree, std::string_view path,
                                                  const Options& options);

  Result<void> write(std::span<const std::byte> bytes) override;
  Result<void> finish() override;

 private:
  FileSink(files::Tree::Place place, const Options& options)
      : place_(std::move(place)), options_(options) {}

  files::Tree::Place place_;  // which the file below points to
  Options options_;
  std::optional<files::NewFile> file_;
};

}  // namespace sluice::tftp
