#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "protocols/files/crc32.h"
#include "protocols/files/md5.h"
#include "protocols/files/sha1.h"
#include "protocols/files/sha256.h"

namespace sluice::files {

/// SHA-256 for who asks for nothing else; the others are for clients that know no better, and
/// protect against accidents only. Named as in the IANA registry of FTP hash names
/// (draft-bryan-ftpext-hash): "SHA-256", "SHA-1", "MD5", "CRC32".
enum class DigestKind { sha256, sha1, md5, crc32 };

std::string_view name_of(DigestKind kind);
/// The kind of that name, upper or lower case.
std::optional<DigestKind> parse_digest_kind(std::string_view name);

/// One of the four over bytes that come in pieces. A plain value, cannot fail.
class Digest {
 public:
  explicit Digest(DigestKind kind);
  void update(std::span<const std::byte> bytes);
  /// Lower-case hex digits of the digest; begins anew. CRC32 is eight digits, the most significant
  /// first (the CRC of zip, ISO 3309, as zlib has it).
  std::string finish();

 private:
  std::variant<Sha256, Sha1, Md5, Crc32> hash_;
};

}  // namespace sluice::files
