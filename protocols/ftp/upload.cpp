#include "protocols/ftp/upload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reactor/text.h"

namespace sluice::ftp {
namespace {

using Write = files::Tree::Write;

constexpr int kUniqueTries = 10'000;

}  // namespace

Result<Upload> Upload::begin(const files::Tree& tree, std::string_view path, How how) {
  Upload upload;
  if (how != How::atomic) {
    auto file = tree.open_write(path, Write::create);
    upload.created_ = file.has_value();
    if (!file && file.error().code == EEXIST && how == How::append) {
      file = tree.open_write(path, Write::append);
    }
    if (file) {
      upload.file_ = std::move(*file);
      return upload;
    }
    if (file.error().code != EEXIST) return std::unexpected(file.error());
  }
  // Opened only to be told what open(2) says of writing to it: a mode, a directory, a FIFO.
  const auto old = tree.open_write(path, Write::update);
  if (!old && old.error().code != ENOENT) return std::unexpected(old.error());
  const auto info = tree.info(path);
  return set_aside(tree, path, info ? &*info : nullptr);
}

Result<Upload> Upload::set_aside(const files::Tree& tree, std::string_view path,
                                 const files::FileInfo* old) {
  auto place = tree.place_of(path);
  if (!place) return std::unexpected(place.error());
  Upload upload;
  upload.aside_ = std::make_unique<Aside>(Aside{std::move(*place), std::nullopt});
  auto file = files::NewFile::create(upload.aside_->place.directory);
  if (!file) return std::unexpected(file.error());
  if (old) (void)::fchmod(file->fd(), old->mode & 0777);
  upload.aside_->file = std::move(*file);
  return upload;
}

Result<Upload> Upload::resume(const files::Tree& tree, std::string_view path,
                              std::uint64_t offset) {
  Upload upload;
  auto file = tree.open_write(path, Write::update);
  if (!file) return std::unexpected(file.error());
  struct stat status{};
  if (::fstat(file->get(), &status) != 0) return fail("fstat");
  if (static_cast<std::uint64_t>(status.st_size) < offset) return fail("lseek", ERANGE);
  if (::lseek(file->get(), static_cast<off_t>(offset), SEEK_SET) < 0) return fail("lseek");
  upload.file_ = std::move(*file);
  return upload;
}

Result<Upload> Upload::unique(const files::Tree& tree, std::string& path) {
  for (int i = 0; i < kUniqueTries; ++i) {
    const std::string tried = i == 0 ? path : concat(path, '.', i);
    auto file = tree.open_write(tried, Write::create);
    if (!file && (file.error().code == EEXIST || file.error().code == EISDIR)) continue;
    if (!file) return std::unexpected(file.error());
    path = tried;
    Upload upload;
    upload.file_ = std::move(*file);
    upload.created_ = true;
    return upload;
  }
  return fail("create a file", EEXIST);
}

Result<void> Upload::write(std::span<const std::byte> bytes) {
  if (!text_) return store(bytes);
  converted_.clear();
  text_->convert(bytes, converted_);
  return store(converted_);
}

Result<void> Upload::store(std::span<const std::byte> bytes) {
  if (aside_) return aside_->file->write(bytes);
  while (!bytes.empty()) {
    const ssize_t size = ::write(file_.get(), bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail("write");
    if (size == 0) return fail("write", EIO);
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
  return {};
}

void Upload::abandon(const files::Tree& tree, std::string_view path) {
  struct stat ours{};
  if (!created_ || ::fstat(file_.get(), &ours) != 0 || ours.st_size != 0) return;
  const auto there = tree.info(path, false);
  if (there && there->inode == ours.st_ino) (void)tree.remove_file(path);
}

Result<void> Upload::finish(bool sync) {
  if (text_) {
    converted_.clear();
    text_->finish(converted_);
    if (auto stored = store(converted_); !stored) return stored;
  }
  if (!aside_) {
    while (sync && ::fdatasync(file_.get()) != 0) {
      if (errno != EINTR) return fail("fdatasync");
    }
    // Network file systems tell of a full disk only when a descriptor is closed.
    if (::close(file_.release()) != 0 && errno != EINTR) return fail("close");
    return {};
  }
  if (sync) {
    if (auto synced = aside_->file->sync(); !synced) return synced;
  }
  if (auto committed = aside_->file->commit(aside_->place.name, true); !committed) return committed;
  return sync ? aside_->place.directory.sync() : Result<void>();
}

}  // namespace sluice::ftp
