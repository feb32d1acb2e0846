#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "protocols/drop/wire.h"
#include "protocols/files/sha256.h"
#include "reactor/fd.h"
#include "reactor/socket.h"
#include "tools/client.h"
#include "tools/progress.h"

/// What `sluice drop` does with one file.
namespace sluice::tools {

/// A file of ours, open for reading.
struct LocalFile {
  /// Where `regular` is set, only a regular file, whose size is known; else also a pipe.
  static Outcome<LocalFile> open(const std::string& path, bool regular);
  /// From where it stands; of unknown size.
  static Outcome<LocalFile> standard_input();

  /// Whether size and modification time are still those of the opening.
  bool unchanged() const;

  Fd fd;
  std::string shown;                  ///< the path as given, fit for a terminal
  std::string name;                   ///< the last component of the path
  std::optional<std::uint64_t> size;  ///< of a regular file
  std::int64_t mtime_ns = 0;
};

/// Sends all of `bytes` unless the server speaks meanwhile, which it does only to refuse: false.
Result<bool> send_watched(Socket& socket, std::span<const std::byte> bytes, Progress& progress);

/// Uploads files in drop's framed form (protocols/drop/wire.h), one after the other over one
/// connection, which it makes at the first and, when it breaks, again: up to kTries times for one
/// file without any progress, with pauses of 1, 2, 4, 8 and 16 seconds.
class Uploader {
 public:
  static constexpr int kTries = 5;

  struct Options {
    std::string host_port;
    bool replace = false;
    bool retry = true;
  };

  explicit Uploader(Options options) : options_(std::move(options)) {}

  /// `file` is regular. Returns what was done once the server has said that the file is whole.
  Outcome<Transfer> upload(const LocalFile& file);

  /// True once the server is out of reach, so that another upload makes no sense.
  bool gave_up() const { return gave_up_; }

 private:
  struct Failure {
    Trouble trouble;
    bool broken = false;    ///< another try may do
    bool answered = false;  ///< the server is there, and refuses
  };
  template <class T>
  using Step = std::expected<T, Failure>;

  Step<Transfer> attempt(const LocalFile& file);
  Step<void> connect();
  Step<std::uint64_t> announce(const LocalFile& file);
  Step<void> hash_prefix(const LocalFile& file, std::uint64_t size);
  Step<void> send_body(const LocalFile& file, std::uint64_t offset, Progress& progress);
  Step<void> send_digest(const LocalFile& file);
  Step<std::span<const std::byte>> read(const LocalFile& file, std::uint64_t offset,
                                        std::uint64_t end);
  Step<void> send(std::span<const std::byte> bytes, Progress& progress);
  Step<drop::Reply> reply();
  Step<drop::Reply> reply_to_header();
  std::unexpected<Failure> refused(const drop::Reply& reply) const;
  std::unexpected<Failure> lost(std::string_view how) const;

  Options options_;
  Socket socket_;
  bool connected_ = false;      // socket_ is
  bool was_connected_ = false;  // it has been, at some time: then losing it is worth a retry
  bool gave_up_ = false;
  bool spoke_ = false;         // there was a reply: it is a server of this kind
  bool timed_out_ = false;     // the last reply() did
  int tries_ = 0;              // of this file, since there was progress last
  std::uint64_t reached_ = 0;  // the farthest offset of this file that the server told
  files::Sha256 sha_;
  std::vector<std::byte> piece_;
  std::vector<std::byte> said_;  // came behind the reply read last
};

}  // namespace sluice::tools
