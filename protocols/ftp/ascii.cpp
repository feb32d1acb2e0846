#include "protocols/ftp/ascii.h"

#include <cstring>

namespace sluice::ftp {
namespace {

constexpr std::byte kCr{'\r'};
constexpr std::byte kLf{'\n'};

using Bytes = std::span<const std::byte>;

/// How many bytes come before the first `wanted`; all of them if there is none.
std::size_t before(std::byte wanted, Bytes bytes) {
  if (bytes.empty()) return 0;
  const void* at = std::memchr(bytes.data(), std::to_integer<int>(wanted), bytes.size());
  if (at == nullptr) return bytes.size();
  return static_cast<std::size_t>(static_cast<const std::byte*>(at) - bytes.data());
}

void append(std::vector<std::byte>& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

void ToNetwork::convert(Bytes bytes, std::vector<std::byte>& out) {
  while (!bytes.empty()) {
    const std::size_t line = before(kLf, bytes);
    append(out, bytes.first(line));
    if (line > 0) after_cr_ = bytes[line - 1] == kCr;
    if (line == bytes.size()) return;
    if (!after_cr_) out.push_back(kCr);
    out.push_back(kLf);
    after_cr_ = false;
    bytes = bytes.subspan(line + 1);
  }
}

void FromNetwork::convert(Bytes bytes, std::vector<std::byte>& out) {
  if (bytes.empty()) return;
  if (holds_cr_ && bytes.front() != kLf) out.push_back(kCr);
  holds_cr_ = false;
  while (!bytes.empty()) {
    const std::size_t text = before(kCr, bytes);
    append(out, bytes.first(text));
    if (text == bytes.size()) return;
    bytes = bytes.subspan(text + 1);
    if (bytes.empty()) {
      holds_cr_ = true;
    } else if (bytes.front() != kLf) {
      out.push_back(kCr);
    }
  }
}

void FromNetwork::finish(std::vector<std::byte>& out) {
  if (holds_cr_) out.push_back(kCr);
  holds_cr_ = false;
}

}  // namespace sluice::ftp
