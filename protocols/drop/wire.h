#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/error.h"
#include "reactor/pack.h"
#include "reactor/printable.h"

/// The framed form of drop, which carries files of known length, each with a name and a digest, and
/// goes on where an earlier upload broke off. Integers are big-endian.
///
///     client  header   magic 8, version u8, flags u8, cipher u8, name length u8, size u64,
///                      upload id 16, name
///     server  reply    status u8, offset u64, message length u16, message
///     client  bytes    from offset to size, then the SHA-256 (32) of the whole file
///     server  reply    offset is now the size stored; the next header may follow
///
/// Nothing here knows a socket. The decoders take slices cut anywhere, and only what is theirs.
namespace sluice::drop {

/// A byte above 0x7f and control characters, as in PNG's: no text file begins with it.
inline constexpr std::array<std::byte, 8> kMagic =
    pack<"!8B">(0x89, 0x53, 0x4c, 0x44, 0x0d, 0x0a, 0x1a, 0x00);
inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::uint8_t kMayReplace = 1;  ///< flags, bit 0: a file of that name is replaced
inline constexpr std::size_t kDigestBytes = 32;
inline constexpr std::size_t kMaxNameBytes = 255;       ///< the length is a u8
inline constexpr std::size_t kMaxMessageBytes = 65535;  ///< the length is a u16
using UploadId = std::array<std::byte, 16>;

/// The first 16 bytes of the SHA-256 over the name's bytes, the size (u64, big-endian) and the
/// modification time in nanoseconds since 1970 (i64, two's complement, big-endian).
UploadId upload_id(std::string_view name, std::uint64_t size, std::int64_t mtime_ns);

/// What a reply says, as numbered on the wire. A server may send one that is not here.
enum class Status : std::uint8_t {
  go_on = 0,
  bad_version = 1,
  bad_flags = 2,
  bad_cipher = 3,
  bad_name = 4,
  exists = 5,
  busy = 6,
  disk_full = 7,
  too_large = 8,
  io_error = 9,
  bad_digest = 10,
  shutting_down = 11,
  bad_magic = 12,
};

/// What the status means, for a person: "a file of that name is there already".
const char* sentence(Status status);
/// The status that tells a client of a failed system call; `error` is an errno value.
Status status_of(int error);

struct Header {
  std::uint8_t flags = 0;
  std::uint64_t size = 0;
  UploadId id{};
  std::string name;  ///< the bytes as sent, of any length: files::check_name() judges them
  bool may_replace() const { return (flags & kMayReplace) != 0; }
};

/// ENAMETOOLONG when the name is over kMaxNameBytes.
Result<std::vector<std::byte>> encode(const Header& header);

struct Reply {
  Status status = Status::go_on;
  std::uint64_t offset = 0;
  std::string message;  ///< as sent; printable() makes it fit for a terminal
};

/// A message over kMaxMessageBytes is cut, between two characters.
std::vector<std::byte> encode(const Reply& reply);

enum class Progress { need_more, done, bad };

/// What a decoder made of a slice: how many bytes it took, and where it is now.
struct Fed {
  std::size_t taken = 0;
  Progress progress = Progress::need_more;
};

/// Reads one header. The first wrong byte is the last it takes; once done or bad, none till
/// reset().
class HeaderDecoder {
 public:
  Fed feed(std::span<const std::byte> bytes);
  void reset() { *this = {}; }

  const Header& header() const { return header_; }  ///< valid when done
  Status why() const { return why_; }               ///< valid when bad

 private:
  static constexpr std::size_t kFixedBytes = 36;
  void take_fixed(std::byte byte);
  void end_fixed();

  Progress progress_ = Progress::need_more;
  Status why_ = Status::go_on;
  std::size_t fixed_size_ = 0;
  std::array<std::byte, kFixedBytes> fixed_{};
  std::size_t name_size_ = 0;
  Header header_;
};

/// Reads one reply, likewise; there is no bad one.
class ReplyDecoder {
 public:
  Fed feed(std::span<const std::byte> bytes);
  void reset() { *this = {}; }

  const Reply& reply() const { return reply_; }  ///< valid when done

 private:
  static constexpr std::size_t kFixedBytes = 11;
  Progress progress_ = Progress::need_more;
  std::size_t fixed_size_ = 0;
  std::array<std::byte, kFixedBytes> fixed_{};
  Reply reply_;
};

enum class Kind { undecided, raw, framed };

/// Tells a raw upload from a framed one by its first bytes: framed when all 8 are the magic, raw at
/// the first that differs. What was taken until then is held(), the beginning of the file or
/// header.
class KindDetector {
 public:
  /// Takes bytes while undecided, and never the one that differs. Returns how many it took.
  std::size_t feed(std::span<const std::byte> bytes);
  /// The peer has ended: a bare beginning of the magic is a (short) raw file.
  void end();

  Kind kind() const { return kind_; }
  std::span<const std::byte> held() const { return std::span(kMagic).first(matched_); }

 private:
  std::size_t matched_ = 0;
  Kind kind_ = Kind::undecided;
};

}  // namespace sluice::drop
