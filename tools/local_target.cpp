#include "tools/local_target.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "protocols/files/name.h"
#include "reactor/text.h"

namespace sluice::tools {
namespace {

constexpr std::string_view kSuffix = ".part";
constexpr int kTries = 8;

/// FNV-1a, so that long names that begin alike get different ones.
std::string hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  char digits[17] = {};
  std::to_chars(digits, digits + 16, hash, 16);
  return digits;
}

bool same(const files::FileInfo& a, const files::FileInfo& b) {
  return a.inode == b.inode && a.device == b.device;
}

Result<void> cut(const Fd& fd, std::uint64_t size) {
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return fail("ftruncate");
  return {};
}

void set_time(const Fd& fd, std::optional<timespec> modified) {
  if (!modified || !fd) return;
  const timespec times[2] = {{0, UTIME_OMIT}, *modified};
  (void)::futimens(fd.get(), times);  // a file system without such times is no reason to fail
}

}  // namespace

std::string part_path(std::string_view local) {
  const std::size_t name = local.rfind('/') + 1;
  if (local.size() - name + kSuffix.size() <= files::kMaxName) return concat(local, kSuffix);
  const std::string hash = hash_of(local.substr(name));
  const std::size_t kept = files::kMaxName - kSuffix.size() - hash.size() - 1;
  return concat(local.substr(0, name + kept), '~', hash, kSuffix);
}

LocalTarget::LocalTarget(const files::Tree* tree, std::string local, std::string part)
    : tree_(tree), local_(std::move(local)), part_(std::move(part)) {}

std::optional<files::FileInfo> LocalTarget::regular(const std::string& path) const {
  const auto info = tree_->info(path, false);
  if (!info || !info->is_regular()) return std::nullopt;
  return *info;
}

void LocalTarget::go_on_from(std::uint64_t offset, bool in_place) {
  begin_ = size_ = offset;
  in_place_ = in_place;
}

/// Opens one that is there. Whoever held the lock before may have given the file its name
/// meanwhile, or removed it: then it is another that has to be opened.
Result<void> LocalTarget::open_existing(const std::string& path) {
  for (int i = 0; i < kTries; ++i) {
    auto fd = tree_->open_write(path, files::Tree::Write::update);
    if (!fd) return std::unexpected(fd.error());
    if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) return fail("flock");
    const auto opened = files::file_info(fd->get(), "");
    if (!opened) return std::unexpected(opened.error());
    const auto named = tree_->info(path, false);
    if (named && named->is_link()) return fail("open (a symbolic link)", ELOOP);
    if (!named || !same(*named, *opened)) continue;
    if (opened->size < size_) return fail("open (it has changed meanwhile)", ESTALE);
    if (opened->size > size_) {
      if (auto done = cut(*fd, size_); !done) return done;
    }
    fd_ = std::move(*fd);
    return {};
  }
  return fail("open", EBUSY);
}

Result<void> LocalTarget::open() {
  if (in_place_ || size_ > 0) return open_existing(in_place_ ? local_ : part_);
  auto fd = tree_->open_write(part_, files::Tree::Write::create);
  if (!fd && fd.error().code == EEXIST) return open_existing(part_);
  if (!fd) return std::unexpected(fd.error());
  if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) return fail("flock");
  fd_ = std::move(*fd);
  return {};
}

Result<void> LocalTarget::write(std::span<const std::byte> bytes) {
  if (!fd_) {
    if (auto opened = open(); !opened) return opened;
  }
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("write");
    if (n == 0) return fail("write", EIO);
    size_ += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> LocalTarget::commit(std::optional<timespec> modified) {
  if (!fd_) {
    if (auto opened = open(); !opened) return opened;
  }
  set_time(fd_, modified);
  if (!in_place_) {
    if (auto renamed = tree_->rename(part_, local_); !renamed) return renamed;
  }
  fd_.reset();
  return {};
}

void LocalTarget::keep(std::optional<timespec> modified) {
  if (!fd_) return;
  if (size_ == 0 && !in_place_) return discard();
  set_time(fd_, modified);
  fd_.reset();
}

void LocalTarget::discard() {
  if (!fd_) return;
  if (in_place_) {
    (void)cut(fd_, begin_);
  } else {
    (void)tree_->remove_file(part_);
  }
  fd_.reset();
}

}  // namespace sluice::tools
