#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "reactor/error.h"
#include "reactor/text.h"

namespace sluice {

/// Writes all of `bytes` to a descriptor that blocks: a file, a terminal, a pipe. Short writes go
/// on and EINTR is tried again; after an error nobody knows how much has been written.
Result<void> write_all(int fd, std::span<const std::byte> bytes);

inline Result<void> write_all(int fd, std::string_view text) {
  return write_all(fd, as_bytes(text));
}

}  // namespace sluice
