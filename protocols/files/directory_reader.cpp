#include "protocols/files/directory_reader.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "protocols/files/name.h"

namespace sluice::files {
namespace {

constexpr std::size_t kBlock = 64 * 1024;

/// What getdents64(2) writes, one after the other.
struct Record {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  unsigned char type;
  char name[1];
};
constexpr std::size_t kNameOffset = offsetof(Record, name);
constexpr std::size_t kLargestRecord = (kNameOffset + kMaxName + 1 + 7) / 8 * 8;

bool is_dot_or_dots(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

}  // namespace

DirectoryReader::DirectoryReader(Fd directory) : fd_(std::move(directory)) {}

Result<std::optional<DirectoryReader::Entry>> DirectoryReader::next() {
  while (state_ != State::ended) {
    if (state_ == State::sorted) {
      if (position_ < sorted_.size()) return sorted_[position_++];
      break;
    }
    if (auto entry = next_in_block()) return entry;
    if (auto filled = fill(); !filled) {
      end();
      return std::unexpected(filled.error());
    }
  }
  end();
  return std::nullopt;
}

void DirectoryReader::end() {
  state_ = State::ended;
  block_.reset();
  sorted_ = {};
}

Result<void> DirectoryReader::fill() {
  const bool first = state_ == State::unread;
  if (first) block_ = std::make_unique_for_overwrite<std::byte[]>(kBlock);
  position_ = 0;
  auto size = read_block(0);
  if (!size) return std::unexpected(size.error());
  end_ = *size;
  state_ = end_ == 0 ? State::ended : State::in_order_of_block;
  // Only a directory that is known to have ended can be sorted: the kernel says so by giving
  // nothing although there was room for any entry.
  while (first && *size > 0 && kBlock - end_ >= kLargestRecord) {
    size = read_block(end_);
    if (!size) return std::unexpected(size.error());
    end_ += *size;
    if (*size == 0) sort();
  }
  return {};
}

Result<std::size_t> DirectoryReader::read_block(std::size_t at) {
  const long n = ::syscall(SYS_getdents64, fd_.get(), block_.get() + at, kBlock - at);
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno == ENOENT) return 0;  // removed meanwhile: it holds nothing more
  return fail("getdents64");
}

std::optional<DirectoryReader::Entry> DirectoryReader::next_in_block() {
  while (position_ < end_) {
    const std::byte* at = block_.get() + position_;
    std::uint16_t size;
    std::memcpy(&size, at + offsetof(Record, size), sizeof size);
    position_ += size;
    const char* name = reinterpret_cast<const char*>(at) + kNameOffset;
    if (is_dot_or_dots(name)) continue;
    const auto type = std::to_integer<unsigned char>(at[offsetof(Record, type)]);
    return Entry{name, std::strlen(name), type};
  }
  return std::nullopt;
}

void DirectoryReader::sort() {
  while (auto entry = next_in_block()) sorted_.push_back(*entry);
  std::sort(sorted_.begin(), sorted_.end(), [](const Entry& a, const Entry& b) {
    return std::strcmp(a.name, b.name) < 0;  // compares as unsigned bytes
  });
  position_ = 0;
  state_ = State::sorted;
}

}  // namespace sluice::files
