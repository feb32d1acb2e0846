#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/files/directory.h"
#include "protocols/files/new_file.h"
#include "protocols/files/sha256.h"
#include "protocols/udpfile/wire.h"
#include "reactor/datagram.h"

namespace sluice::udpfile {

/// What became of one file.
struct Outcome {
  std::string name;
  Address from;
  std::uint64_t bytes = 0;
  std::uint64_t datagrams = 0;  ///< of contents
  files::Sha256::Digest digest{};
  bool end_seen = false;      ///< else it ended by silence, or by the error
  std::uint64_t renamed = 0;  ///< datagrams that read like the name and were taken for it
  std::uint64_t dropped = 0;  ///< that this machine had no room for meanwhile, its or another's
  /// Under its name. Else the error says why not, or it has not the size that was expected; then
  /// nothing of it is left.
  bool saved = false;
  Error error;

  /// As many bytes as were expected, or nothing was expected, the end was seen and nothing is known
  /// to be lost. It may have holes all the same: nothing in the protocol would show them.
  bool looks_whole = false;
};

/// Who owns a Receiver hears of it here. May close it in any of them.
class ReceiverHandler {
 public:
  virtual ~ReceiverHandler() = default;
  virtual void on_file(const Outcome& file) noexcept = 0;
  /// A name that is not answered OK; told once for a sender that repeats it. The text is foreign.
  virtual void on_refused(const Address& from, std::string_view name,
                          std::string_view why) noexcept = 0;
};

/// Receives files, one after the other; see wire.h.
///
///            a good name            the end, 2 s of silence, a full disk
///     waiting ──────────▶ receiving ────────────────────────────────────▶ waiting
///
/// While one is received only its sender is heard: contents and names from elsewhere are passed
/// over. What the sender of a file sends after its end is no name. A file lies under a temporary
/// name until it has ended; then it gets its own, whole or not, unless it is known not to be whole
/// by its size.
class Receiver final : private DatagramHandler {
 public:
  struct Options {
    Address address;
    bool replace = false;  ///< files that are there already
    bool hidden = false;   ///< names with a leading dot are fine
    Duration silence = kSilence;
    std::optional<std::uint64_t> expected;  ///< bytes; more are not stored
  };

  /// The directory must outlive it.
  Receiver(Reactor& reactor, ReceiverHandler& handler, const files::Directory& directory,
           Options options);

  Result<void> open();
  /// Ends at once; of an unfinished file nothing is left.
  void close();

  const Address& address() const { return socket_.address(); }
  bool receiving() const { return file_.has_value(); }
  /// Of the file that is being received.
  const std::string& name() const { return now_.name; }
  std::uint64_t bytes() const { return now_.bytes; }

 private:
  void on_datagrams(Datagram& socket, std::span<const Received> batch) noexcept override;
  void take(const Received& received);
  void take_name(const Received& received);
  void refuse(const Received& received, std::string_view name, std::string_view why);
  void say_ready(const Received& received);
  bool comes_late(const Address& from);
  bool store();
  void finish(bool end_seen, Error error = {});

  Reactor* reactor_;
  ReceiverHandler* handler_;
  const files::Directory* directory_;
  Options options_;
  Datagram socket_;
  Timer silence_;
  bool any_ = false;
  std::optional<files::NewFile> file_;  // there while one is received
  Outcome now_;
  files::Sha256 hash_;
  std::vector<std::byte> unwritten_;  // of the batch
  std::uint64_t dropped_before_ = 0;

  // Of the sender before: what it still sends is no name until then, or until it was silent so
  // long.
  Address last_;
  TimePoint deaf_until_;
  bool until_silent_ = false;

  Address refused_;
  std::string refused_name_;
};

}  // namespace sluice::udpfile
