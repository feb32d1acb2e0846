#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/files/digest.h"
#include "protocols/ftp/account.h"
#include "protocols/ftp/command_reader.h"
#include "protocols/ftp/data_port.h"
#include "protocols/ftp/facts.h"
#include "protocols/ftp/hash_job.h"
#include "protocols/ftp/login.h"
#include "protocols/ftp/transfer.h"
#include "protocols/tcp_service.h"

namespace sluice::ftp {

class FtpService;

/// What a session's commands have set.
struct Settings {
  bool ascii = true;       ///< TYPE; A at first (RFC 959 section 5.1)
  bool epsv_only = false;  ///< EPSV ALL
  std::uint8_t facts = kAllFacts;
  files::DigestKind hash = files::DigestKind::sha256;
  std::uint64_t restart = 0;                                     ///< REST, for the next transfer
  std::optional<std::pair<std::uint64_t, std::uint64_t>> range;  ///< RANG: first and last byte
  std::string cwd = "/";
  std::string rename_from;  ///< RNFR
};

/// What a transfer is, beside its bytes.
struct TransferNote {
  enum class Kind { retrieve, store, listing };
  Kind kind = Kind::listing;
  std::string path;
  bool ascii = false;
  TimePoint began{};
};

/// One client of an FtpService: its control connection. Commands are done one after the other;
/// those that take time make it busy, and what comes meanwhile waits:
///
///     idle --transfer, HASH, STAT of a path, PASS--> busy --its end--> idle …
///
/// but for ABOR, which ends a transfer or a digest at once, and in a transfer STAT and NOOP.
/// Replies to a client that takes none pause the reading of its commands.
class FtpSession final : public Session {
 public:
  enum class Busy : std::uint8_t { no, login, transfer, hash, listing };

  FtpSession(FtpService& service, Fd socket, const Address& peer);

  void on_data(Stream& stream, std::span<const std::byte> bytes) noexcept override;
  void on_eof(Stream& stream) noexcept override;
  void on_backpressure(Stream& stream, bool on) noexcept override;
  void on_drained(Stream& stream) noexcept override;
  void drain() noexcept override;
  void ended() noexcept override;

  // --- for the commands ---
  FtpService& ftp() const;
  void reply(int code, std::string_view text);
  void write(std::string_view text);
  /// 550 and what the system says, or 452 and the like where a fuller word is due.
  void refuse(Error error, std::string_view path);
  /// The last reply, and the end.
  void close(int code, std::string_view text);

  Settings& settings() { return settings_; }
  /// Also the end of a log-in: everything as at the start but for the connection itself.
  void reset_settings();
  /// From now on it is idleness that ends the session.
  void logged_in() { on_idle_timer(); }
  /// From now on it is the time to log in.
  void logged_out();
  Login& login() { return login_; }
  /// Of who is logged in.
  const Account& account() const { return *login_.account(); }
  const files::Tree& tree() const { return account().root; }
  std::string_view user() const;

  /// Commands wait until set_idle(), which goes on with them.
  void set_busy(Busy what) { busy_ = what; }
  void set_idle();

  DataPort& data_port();
  bool has_data_port() const { return data_port_ && data_port_->ready(); }
  /// 150, then the data connection, then the transfer and its last reply.
  void begin_transfer(TransferNote note, std::string_view announcement, Transfer::Job job);
  /// The digest stands between the texts of the reply.
  struct HashReply {
    int code;
    std::string before, after;
  };
  void begin_hash(Fd file, std::uint64_t begin, std::uint64_t end, files::DigestKind kind,
                  HashReply form);
  /// Sends `source` as the middle lines of a reply, then `last`.
  void begin_listing(std::unique_ptr<Source> source, std::string last);
  void abort_work();
  std::string status() const;

  template <class... Parts>
  void log_line(LogLevel level, const Parts&... parts) const {
    log(level, parts...);
  }

 private:
  struct WaitingLine {
    CommandReader::Kind kind;
    std::string text;
  };

  std::size_t take(std::span<const std::byte> bytes);
  void take_line(CommandReader::Line line);
  bool answer_at_once(std::string_view text);
  void execute(CommandReader::Line line);
  void execute_command(std::string_view line);
  void begin_taking(std::string& replies);
  void end_taking();
  bool must_hold() const;
  void run_waiting();
  void go_on();

  void connected(Result<Fd> socket);
  void transfer_ended(Outcome outcome);
  void log_transfer(const Outcome& outcome);
  bool control_stands();
  void send_held_replies();
  void drop_transfer();
  void abandon_transfer();
  void on_idle_timer();
  void leave();

  CommandReader reader_;
  Busy busy_ = Busy::no;
  bool taking_ = false;   // lines are being done further up the stack
  bool pressed_ = false;  // replies wait to be taken
  bool eof_ = false;      // the client says no more
  bool draining_ = false;
  bool counted_ = false;
  std::vector<WaitingLine> waiting_;  // those before next_waiting_ are done
  std::size_t next_waiting_ = 0;
  std::size_t waiting_bytes_ = 0;
  std::vector<std::byte> held_;  // came behind what waits; reading is paused

  Login login_;
  Settings settings_;
  TimePoint login_began_;
  TimePoint last_activity_;
  Timer idle_;
  std::unique_ptr<DataPort> data_port_;
  std::unique_ptr<Transfer> transfer_;
  TransferNote note_;
  std::unique_ptr<HashJob> hash_;
  std::unique_ptr<SourcePump> listing_;
  std::string* held_replies_ = nullptr;  // while lines are being taken
};

}  // namespace sluice::ftp
