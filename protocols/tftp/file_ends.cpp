#include "protocols/tftp/file_ends.h"

#include <sys/stat.h>
#include <unistd.h>

namespace sluice::tftp {

Result<std::size_t> FileSource::read(std::span<std::byte> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t size = ::read(file_.get(), out.data() + filled, out.size() - filled);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail("read");
    if (size == 0) break;
    filled += static_cast<std::size_t>(size);
  }
  return filled;
}

Result<std::unique_ptr<FileSink>> FileSink::create(const files::Tree& tree, std::string_view path,
                                                   const Options& options) {
  const auto old = tree.info(path);
  if (!old && old.error().code != ENOENT) return std::unexpected(old.error());
  if (old && old->is_directory()) return fail("open", EISDIR);
  if (old && !old->is_regular()) return fail("open", EINVAL);
  if (old && !options.replace) return fail("open", EEXIST);
  if (old) {
    // Opened only to be told what open(2) says of writing to it.
    const auto opened = tree.open_write(path, files::Tree::Write::update);
    if (!opened) return std::unexpected(opened.error());
  }
  if (options.expected > options.max_size) return fail("write", EFBIG);
  auto place = tree.place_of(path);
  if (!place) return std::unexpected(place.error());
  if (options.expected != 0) {
    const auto room = place->directory.free_bytes();
    if (room && *room < options.expected) return fail("write", ENOSPC);
  }
  std::unique_ptr<FileSink> sink(new FileSink(std::move(*place), options));
  auto file = files::NewFile::create(sink->place_.directory);
  if (!file) return std::unexpected(file.error());
  if (old) (void)::fchmod(file->fd(), old->mode & 0777);
  sink->file_ = std::move(*file);
  return sink;
}

Result<void> FileSink::write(std::span<const std::byte> bytes) {
  if (bytes.size() > options_.max_size - file_->size()) return fail("write", EFBIG);
  return file_->write(bytes);
}

Result<void> FileSink::finish() {
  if (options_.sync) {
    if (auto synced = file_->sync(); !synced) return synced;
  }
  if (auto committed = file_->commit(place_.name, options_.replace); !committed) return committed;
  return options_.sync ? place_.directory.sync() : Result<void>();
}

}  // namespace sluice::tftp
