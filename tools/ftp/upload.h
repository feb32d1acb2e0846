#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "protocols/files/file_info.h"
#include "protocols/files/tree.h"
#include "protocols/ftp/client.h"
#include "reactor/fd.h"
#include "reactor/reactor.h"
#include "tools/progress.h"

namespace sluice::tools {

/// One file to be stored.
struct UploadJob {
  /// Outlives the Upload. None: `local` is a path like any other, links followed.
  const files::Tree* tree = nullptr;
  std::string local{};
  std::unique_ptr<ftp::Source> instead{};  ///< e.g. standard input: `local` only names it
  std::string remote{};
  ftp::Client::Type type = ftp::Client::Type::binary;
  bool in_place = false;  ///< under its own name from the first byte on
  bool append = false;    ///< APPE, all of it, in place
  bool resume = false;    ///< go on from the temporary name or, where there is none, from `remote`
  bool keep_time = true;
  bool resume_temporary_only = false;  ///< with `resume`: never from `remote` itself
};

/// The name under which an upload to `remote` lies until it is whole: `.NAME.part` beside it.
/// Empty when that would be too long for a name.
std::string temporary_remote(std::string_view remote);

/// Stores a file over a session that has logged in.
///
///     new ─start()─▶ asking (SIZE, MDTM; to resume) ──▶ storing (STOR, APPE) ──▶ naming ──▶ done
///
/// It goes to temporary_remote(); once it is whole there, the time (MFMT, where the server has it)
/// and the name (RNFR, RNTO) follow in one go. When the server does not let it be renamed, the
/// failure says where the file lies. A local file that changes while it is read is a failure
/// (Kind::local), and nothing is renamed.
///
/// Not movable. Destroy it once `done` was called (also inside that call), or after
/// Client::close(). Until stored() nothing else may be asked of the Client.
class Upload {
 public:
  using OnDone = Function<void(ftp::Answer<Transfer>)>;

  Upload(Reactor& reactor, ftp::Client& client, UploadJob job, OnDone done);
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  /// `done` is called once, never from inside this call. Once only.
  void start();
  /// Ends it as soon as may be: `done` comes with Kind::aborted, the session goes on.
  void abort();
  /// Calls `stored` when only naming is left, all of it said: the Client can take the next transfer
  /// already. Not called when there is no naming, or a failure. To be set before start().
  void on_stored(Callback stored) { stored_ = std::move(stored); }

  /// Bytes of the file that are there, with those that were there before.
  std::uint64_t done_bytes() const;
  std::uint64_t skipped() const { return offset_; }
  std::optional<std::uint64_t> total() const { return total_; }
  /// What the user should know although nothing failed: why it began anew, a time not kept.
  const std::string& note() const { return note_; }
  bool nothing_to_do() const { return nothing_to_do_; }  ///< it was whole already
  Duration elapsed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  enum class Way : std::uint8_t { temporary, in_place };
  struct Remote {
    std::optional<std::uint64_t> size;
    std::optional<timespec> modified;
  };

  Result<void> open_local();
  void ask_facts();
  void ask_facts_of(const std::string& path, Remote& facts, bool last);
  void decide();
  void store();
  void on_over(const ftp::Answer<ftp::Transferred>& answer);
  void name();
  void on_named(const ftp::Answer<ftp::ServerReply>& reply);
  bool unchanged() const;
  const std::string& target() const;
  void finish();
  void fail(ftp::Failure failure);

  ftp::Client& client_;
  UploadJob job_;
  OnDone done_;
  Callback stored_;
  std::string temporary_;
  Fd file_;
  files::FileInfo local_{};
  Remote at_temporary_, at_final_;
  std::optional<ftp::Failure> failure_;
  std::optional<std::uint64_t> total_;
  std::uint64_t offset_ = 0;
  std::uint64_t sent_ = 0;  // once it is over
  std::string note_;
  std::string refusal_;  // of RNFR or RNTO
  TimePoint start_;
  Timer later_;
  Way way_ = Way::temporary;
  bool append_ = false;
  bool storing_ = false;
  bool aborted_ = false;
  bool nothing_to_do_ = false;
};

}  // namespace sluice::tools
