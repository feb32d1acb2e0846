#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocols/files/tree.h"
#include "protocols/ftp/client.h"
#include "reactor/reactor.h"
#include "tools/local_target.h"
#include "tools/progress.h"

namespace sluice::tools {

/// The number or the time in a reply to SIZE or MDTM (RFC 3659 sections 3 and 4), if it is one.
std::optional<std::uint64_t> size_in(const ftp::Answer<ftp::ServerReply>& reply);
std::optional<timespec> time_in(const ftp::Answer<ftp::ServerReply>& reply);

/// One file to be fetched.
struct DownloadJob {
  const files::Tree* tree = nullptr;  ///< outlives the Download
  std::string local{};                ///< path in the tree: "/name"
  std::string remote{};
  ftp::Client::Type type = ftp::Client::Type::binary;
  bool resume = false;  ///< go on from `local`.part or, where there is none, from `local` itself
  bool keep_time = true;
  ftp::ByteSink* instead = nullptr;  ///< e.g. standard output: nothing else local is used
  std::uint64_t instead_from = 0;    ///< the sink has had so many bytes of the file already
  bool resume_part_only = false;     ///< with `resume`: never from `local` itself
  std::string part{};                ///< path of the unfinished file; empty: part_path(local)
  /// From a listing: then SIZE and MDTM are not asked. A size that is known is held to.
  bool known = false;
  std::optional<std::uint64_t> size{};
  std::optional<timespec> modified{};
};

/// Fetches a file over a session that has logged in.
///
///     new ─start()─▶ asking (SIZE, MDTM) ──▶ fetching (RETR) ──▶ done
///                        └── there already ────────────────────────▲
///
/// What comes is written to `NAME.part` and takes the place of NAME once it is whole: the server
/// has said so (226) and the size is that of SIZE. A size that lies, in either direction, is a
/// failure (Kind::protocol). The unfinished file stays, unless it is empty or too long, for a later
/// Download with `resume`, which goes on from there, or begins anew, and says so in note(), when
/// the server's file is shorter or newer than what is here, or REST is refused.
///
/// Not movable. Destroy it once `done` was called (also inside that call), or after
/// Client::close(). While it runs nothing else may be asked of the Client.
class Download {
 public:
  using OnDone = Function<void(ftp::Answer<Transfer>)>;

  Download(Reactor& reactor, ftp::Client& client, DownloadJob job, OnDone done);
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;

  /// `done` is called once, never from inside this call. Once only.
  void start();
  /// Ends it as soon as may be: `done` comes with Kind::aborted, the session goes on.
  void abort();

  /// Bytes of the file that are here, with those that were here before.
  std::uint64_t done_bytes() const { return offset_ + received_; }
  std::uint64_t skipped() const { return offset_; }  ///< of them, those from before
  std::optional<std::uint64_t> total() const { return size_; }
  /// What the user should know although nothing failed: why it began anew. Mostly empty.
  const std::string& note() const { return note_; }
  bool nothing_to_do() const { return nothing_to_do_; }  ///< it was whole already
  Duration elapsed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  /// Counts what comes, and stops what is more than was announced.
  class Meter final : public ftp::ByteSink {
   public:
    explicit Meter(Download& owner) : owner_(owner) {}
    Result<void> write(std::span<const std::byte> bytes) override;

   private:
    Download& owner_;
  };

  void ask_facts();
  void decide();
  void go_on_from(const files::FileInfo& here, bool in_place);
  void fetch();
  void on_fetched(const ftp::Answer<ftp::Transferred>& answer);
  bool begin_anew_without_rest(const ftp::Failure& failure);
  void finish();
  void fail(ftp::Failure failure);

  ftp::Client& client_;
  DownloadJob job_;
  OnDone done_;
  Meter meter_{*this};
  LocalTarget target_;
  std::optional<std::uint64_t> size_;
  std::optional<timespec> modified_;
  std::uint64_t offset_ = 0;
  std::uint64_t received_ = 0;
  std::string note_;
  TimePoint start_;
  Timer later_;
  bool too_much_ = false;
  bool aborted_ = false;
  bool nothing_to_do_ = false;
};

}  // namespace sluice::tools
