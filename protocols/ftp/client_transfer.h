#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>

#include "protocols/ftp/ascii.h"
#include "protocols/ftp/remote_entry.h"
#include "protocols/ftp/reply_reader.h"
#include "protocols/ftp/source.h"
#include "reactor/buffer.h"
#include "reactor/stream.h"

namespace sluice::ftp {

/// Where the bytes of a download go.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  /// All of `bytes`; an error ends the transfer (Failure::Kind::local).
  virtual Result<void> write(std::span<const std::byte> bytes) = 0;
};

/// What an upload sends: a range of a file, by sendfile, or what is made on the way.
using Content = std::variant<FileRange, std::unique_ptr<Source>>;

/// What a transfer that came to its end has done.
struct Transferred {
  std::uint64_t bytes = 0;  ///< over the data connection
  ServerReply reply;        ///< the closing one
};

/// What a listing has given.
struct Listed {
  ListingReader::Format format = ListingReader::Format::facts;
  std::uint64_t entries = 0;
  std::uint64_t bad_lines = 0;  ///< no entry could be made of them
  std::string first_bad{};      ///< as it came
};

}  // namespace sluice::ftp
