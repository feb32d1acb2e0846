#include "protocols/drop/wire.h"

#include <algorithm>

#include "protocols/files/sha256.h"
#include "reactor/text.h"

namespace sluice::drop {
namespace {

constexpr std::size_t kVersionAt = 8, kFlagsAt = 9, kCipherAt = 10;

template <std::size_t N>
std::vector<std::byte> join(const std::array<std::byte, N>& head, std::string_view tail) {
  std::vector<std::byte> bytes(head.begin(), head.end());
  const auto rest = as_bytes(tail);
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  return bytes;
}

/// Moves bytes from the slice to the end of `text` until that has `size` of them.
std::size_t append(std::string& text, std::size_t size, std::span<const std::byte> bytes) {
  const std::size_t n = std::min(size - text.size(), bytes.size());
  text += as_text(bytes.first(n));
  return n;
}

std::string_view cut(std::string_view message) {
  if (message.size() <= kMaxMessageBytes) return message;
  std::size_t end = kMaxMessageBytes;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xc0) == 0x80) --end;
  return message.substr(0, end);
}

}  // namespace

UploadId upload_id(std::string_view name, std::uint64_t size, std::int64_t mtime_ns) {
  files::Sha256 sha;
  sha.update(as_bytes(name));
  sha.update(pack<"!Qq">(size, mtime_ns));
  const files::Sha256::Digest digest = sha.finish();
  UploadId id;
  std::copy_n(digest.begin(), id.size(), id.begin());
  return id;
}

const char* sentence(Status status) {
  switch (status) {
    case Status::go_on:
      return "all is well";
    case Status::bad_version:
      return "the server does not speak this version of the protocol";
    case Status::bad_flags:
      return "the server does not know one of the flags";
    case Status::bad_cipher:
      return "the server does not offer this cipher";
    case Status::bad_name:
      return "the server does not allow this name";
    case Status::exists:
      return "a file of that name is there already";
    case Status::busy:
      return "the same upload is running on another connection";
    case Status::disk_full:
      return "the server's disk is full";
    case Status::too_large:
      return "the file is larger than the server takes";
    case Status::io_error:
      return "the server could not store the file";
    case Status::bad_digest:
      return "the file was damaged on its way: the digest does not match";
    case Status::shutting_down:
      return "the server is shutting down";
    case Status::bad_magic:
      return "what came is not the header of an upload";
  }
  return "the server refused for a reason that this version does not know";
}

Status status_of(int error) {
  switch (error) {
    case 0:
      return Status::go_on;
    case EEXIST:
    case EISDIR:
    case ENOTEMPTY:
      return Status::exists;
    case EWOULDBLOCK:
      return Status::busy;
    case ENOSPC:
    case EDQUOT:
      return Status::disk_full;
    case EFBIG:
      return Status::too_large;
    case ENAMETOOLONG:
      return Status::bad_name;
    default:
      return Status::io_error;
  }
}

Result<std::vector<std::byte>> encode(const Header& header) {
  if (header.name.size() > kMaxNameBytes) return fail("the name is too long", ENAMETOOLONG);
  const auto name_size = static_cast<std::uint8_t>(header.name.size());
  const std::uint8_t no_cipher = 0;
  const auto fixed =
      pack<"!8sBBBBQ16s">(std::span<const std::byte>(kMagic), kVersion, header.flags, no_cipher,
                          name_size, header.size, std::span<const std::byte>(header.id));
  return join(fixed, header.name);
}

std::vector<std::byte> encode(const Reply& reply) {
  const std::string_view message = cut(reply.message);
  const auto message_size = static_cast<std::uint16_t>(message.size());
  const auto status = static_cast<std::uint8_t>(reply.status);
  return join(pack<"!BQH">(status, reply.offset, message_size), message);
}

Fed HeaderDecoder::feed(std::span<const std::byte> bytes) {
  std::size_t taken = 0;
  while (progress_ == Progress::need_more && taken < bytes.size() && fixed_size_ < kFixedBytes) {
    take_fixed(bytes[taken++]);
  }
  if (progress_ == Progress::need_more && fixed_size_ == kFixedBytes) {
    taken += append(header_.name, name_size_, bytes.subspan(taken));
    if (header_.name.size() == name_size_) progress_ = Progress::done;
  }
  return {taken, progress_};
}

void HeaderDecoder::take_fixed(std::byte byte) {
  const std::size_t at = fixed_size_++;
  fixed_[at] = byte;
  // At once, not at the end: another version may well have another layout.
  if (at < kMagic.size() && byte != kMagic[at]) why_ = Status::bad_magic;
  if (at == kVersionAt && byte != std::byte{kVersion}) why_ = Status::bad_version;
  if (at == kFlagsAt && (byte & ~std::byte{kMayReplace}) != std::byte{0}) why_ = Status::bad_flags;
  if (at == kCipherAt && byte != std::byte{0}) why_ = Status::bad_cipher;
  if (why_ != Status::go_on) progress_ = Progress::bad;
  if (fixed_size_ == kFixedBytes) end_fixed();
}

void HeaderDecoder::end_fixed() {
  const auto fields = *unpack<"!9xBxBQ16s">(fixed_);
  const std::string_view id = std::get<3>(fields);
  header_.flags = std::get<0>(fields);
  name_size_ = std::get<1>(fields);
  header_.size = std::get<2>(fields);
  std::copy_n(as_bytes(id).begin(), header_.id.size(), header_.id.begin());
}

Fed ReplyDecoder::feed(std::span<const std::byte> bytes) {
  if (progress_ == Progress::done) return {0, progress_};
  const std::size_t taken = std::min(kFixedBytes - fixed_size_, bytes.size());
  std::copy_n(bytes.begin(), taken, fixed_.begin() + fixed_size_);
  fixed_size_ += taken;
  if (fixed_size_ < kFixedBytes) return {taken, progress_};

  const auto [status, offset, message_size] = *unpack<"!BQH">(fixed_);
  reply_.status = Status{status};
  reply_.offset = offset;
  const std::size_t more = append(reply_.message, message_size, bytes.subspan(taken));
  if (reply_.message.size() == message_size) progress_ = Progress::done;
  return {taken + more, progress_};
}

std::size_t KindDetector::feed(std::span<const std::byte> bytes) {
  std::size_t taken = 0;
  while (kind_ == Kind::undecided && taken < bytes.size()) {
    if (bytes[taken] != kMagic[matched_]) {
      kind_ = Kind::raw;
      break;
    }
    ++taken;
    if (++matched_ == kMagic.size()) kind_ = Kind::framed;
  }
  return taken;
}

void KindDetector::end() {
  if (kind_ == Kind::undecided) kind_ = Kind::raw;
}

}  // namespace sluice::drop
