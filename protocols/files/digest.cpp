#include "protocols/files/digest.h"

#include <strings.h>

#include <array>

namespace sluice::files {
namespace {

/// In the order of DigestKind.
constexpr std::array<std::string_view, 4> kNames = {"SHA-256", "SHA-1", "MD5", "CRC32"};

}  // namespace

std::string_view name_of(DigestKind kind) {
  return kNames[static_cast<std::size_t>(kind)];
}

std::optional<DigestKind> parse_digest_kind(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name.size() == kNames[i].size() &&
        ::strncasecmp(name.data(), kNames[i].data(), name.size()) == 0) {
      return static_cast<DigestKind>(i);
    }
  }
  return std::nullopt;
}

Digest::Digest(DigestKind kind) {
  switch (kind) {
    case DigestKind::sha256:
      break;
    case DigestKind::sha1:
      hash_.emplace<Sha1>();
      break;
    case DigestKind::md5:
      hash_.emplace<Md5>();
      break;
    case DigestKind::crc32:
      hash_.emplace<Crc32>();
      break;
  }
}

void Digest::update(std::span<const std::byte> bytes) {
  std::visit([bytes](auto& hash) { hash.update(bytes); }, hash_);
}

std::string Digest::finish() {
  return std::visit([](auto& hash) { return to_hex(hash.finish()); }, hash_);
}

}  // namespace sluice::files
