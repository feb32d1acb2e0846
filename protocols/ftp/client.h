#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/ftp/client_data.h"
#include "protocols/ftp/client_transfer.h"
#include "protocols/ftp/failure.h"
#include "protocols/ftp/reply_reader.h"
#include "reactor/address.h"
#include "reactor/connector.h"
#include "reactor/reactor.h"
#include "reactor/stream.h"

namespace sluice::ftp {

/// The client's end of an FTP session: one control connection, and one data connection at a time.
///
///     new --connect()--> greeted --login()--> ready <--transfer--> --close() or a failure--> over
///
/// Every operation calls its `done` once, never from inside the call that begins it, and in the
/// order of the calls. Commands may be given while others are under way: they go out at once, and
/// the replies find their way by their order. Of retrieve(), store() and list() one runs at a time,
/// and no other command is to be given until it is done. Once the control connection is lost every
/// operation fails with what ended it: for another session, make another Client. Not movable; when
/// it may be inside one of its own calls, it is to be destroyed by Reactor::retire.
class Client final : public StreamHandler {
 public:
  struct Options {
    Duration connect_timeout = std::chrono::seconds(10);  ///< for each address
    Duration reply_timeout = std::chrono::seconds(60);    ///< nothing said where a reply is due
    Duration data_timeout = std::chrono::seconds(60);     ///< nothing moves in a transfer
    bool passive = true;                                  ///< else PORT and EPRT
    bool extended = true;  ///< EPSV and EPRT first, PASV and PORT only where they are refused
  };
  struct Login {
    std::string user = "anonymous";
    std::string password = "sluice@";
    std::string account{};
  };
  using OnReply = Function<void(Answer<ServerReply>)>;
  using OnTransfer = Function<void(Answer<Transferred>)>;
  using OnListed = Function<void(Answer<Listed>)>;
  using OnEntry = Function<void(const RemoteEntry&)>;

  Client(Reactor& reactor, const Options& options);
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Tries each address in turn; done with the greeting (220).
  void connect(std::vector<Address> addresses, OnReply done);
  /// USER, PASS and ACCT as far as they are asked for, then FEAT. May be repeated; no other command
  /// is to be given until it is done.
  void login(Login login, OnReply done);

  /// One command with one reply. Whatever the reply says is a result, also 5xx. A command with CR,
  /// LF or NUL in it is never sent: it fails in its turn (Failure::Kind::refused).
  void ask(std::string_view command, OnReply done);
  /// The same, where a reply of 4xx or 5xx is a failure.
  void demand(std::string_view command, Purpose purpose, OnReply done);

  /// The directory at `path` (empty: the working directory), an entry a call: by MLSD where the
  /// server has it, else by LIST.
  void list(std::string_view path, OnEntry on_entry, OnListed done);
  /// The lines of LIST or NLST as the server makes them; `arguments` may be empty.
  void list_raw(std::string_view verb, std::string_view arguments, ByteSink& sink, OnTransfer done);

  enum class Type : char { ascii = 'A', binary = 'I' };
  /// Whether the server has it from a transfer before; without, SIZE may mean something else.
  bool has_type(Type type) const { return type_ == static_cast<char>(type); }

  /// `sink` outlives the transfer. `offset`: REST. In ASCII, line ends arrive as LF.
  void retrieve(std::string_view path, Type type, std::uint64_t offset, ByteSink& sink,
                OnTransfer done);

  enum class Store : std::uint8_t { replace, append };  ///< STOR, APPE
  /// `content` begins with what the server gets first: with `offset` (REST, STOR) that is the
  /// file's byte at `offset`. In ASCII its line ends must be CR LF already (ascii_source()).
  void store(std::string_view path, Type type, Store how, std::uint64_t offset, Content content,
             OnTransfer done);

  /// Ends the transfer that runs, if one does: its `done` comes with Failure::Kind::aborted, the
  /// session goes on (unless the server does not answer ABOR within kAbortPatience).
  void abort();
  static constexpr auto kAbortPatience = std::chrono::seconds(5);
  /// Of a download that the server breaks off, what was on its way is still taken, until its data
  /// connection ends or brings nothing for so long.
  static constexpr auto kRestPatience = std::chrono::seconds(1);

  /// Bytes moved by the transfer that runs.
  std::uint64_t bytes() const;

  /// Whether FEAT has named it: "MFMT", "MLST", "SIZE", "REST STREAM". The first word or words, in
  /// capitals.
  bool has_feature(std::string_view feature) const;

  bool connected() const { return control_ && !lost_; }
  const Address& peer() const { return peer_; }
  Options& options() {
    return options_;
  }  ///< `passive` and `extended` may change between transfers
  /// Each line sent and received, for who wants to see; a password as `***`.
  void on_talk(Function<void(std::string_view line, bool from_server)> watch) {
    talk_ = std::move(watch);
  }

  /// Ends the connection at once. No `done` is called any more.
  void close();

  void on_data(Stream& stream, std::span<const std::byte> bytes) noexcept override;
  void on_eof(Stream& stream) noexcept override;
  void on_closed(Stream& stream, Error error) noexcept override;

 private:
  enum class Wanted : std::uint8_t { anything, no_failure, success };  // what is no Failure
  /// A command whose reply is due.
  struct Waiting {
    OnReply done;
    Purpose purpose = Purpose::anything;
    Wanted wanted = Wanted::anything;
    bool preliminary = false;  // 1xx are told, too
    bool unsent = false;       // was no command: fails when its turn comes
  };
  enum class Step : std::uint8_t { user, pass, account };
  /// The transfer that runs: client_transfer.cpp.
  struct Running;
  class ListingSink;

  void try_next_address();
  void on_connected(Result<Fd> socket);
  void send(std::string_view command, Waiting waiting, std::string_view shown = {});
  void flush();
  void take_replies();
  void take(ServerReply reply);
  static bool wanted(const ServerReply& reply, Wanted what);
  void fail_unsent();
  void lose(Failure why);
  void on_soon();
  void on_silence();

  void send_login(Step step, std::string_view value);
  void on_login(Step step, Answer<ServerReply> answer);
  void on_features(const Answer<ServerReply>& answer);
  void logged_in(Answer<ServerReply> answer);

  void begin(std::unique_ptr<Running> running, Type type);
  void set_type(Type type);
  void prepare();
  void on_passive(const Answer<ServerReply>& answer, bool extended);
  void prepare_active();
  void send_command();
  void on_restart(const Answer<ServerReply>& answer);
  void on_command(const Answer<ServerReply>& answer);
  void on_data_socket(Result<Fd> socket);
  void start_sending();
  void on_data_end(ClientData::End how, Error error);
  void give_up(Failure why);
  void conclude();
  void take_the_rest();
  void finish(Answer<Transferred> result);
  void start_list();
  void on_listed(Answer<Transferred> result);

  Reactor* reactor_;
  Options options_;
  Stream::Options control_options_, data_options_;
  Address peer_, local_;
  std::vector<Address> addresses_;  // still to be tried
  std::optional<Connector> connector_;
  std::optional<Stream> control_;
  std::optional<Failure> lost_;
  Error lost_error_{};      // of the last address tried
  std::string last_words_;  // of 421
  ReplyReader reader_;
  std::string outgoing_;  // commands, to go out as one
  bool telling_ = false;  // what came: whatever is asked for meanwhile goes out after that
  std::deque<Waiting> waiting_;
  Timer silence_;
  Timer soon_;  // what is to be told, but not from inside the call that found it
  Function<void(std::string_view, bool)> talk_;

  Login login_;
  OnReply on_logged_in_;
  std::optional<ServerReply> welcome_;  // while FEAT is under way
  std::vector<std::string> features_;

  std::unique_ptr<Running> running_;
  char type_ = 0;                // as the server knows it
  bool passive_proven_ = false;  // so that the command may follow without waiting
  bool extended_refused_ = false;
  bool marked_ = false;  // REST was sent, and no command that uses it up
  bool facts_refused_ = false;
  std::unique_ptr<ListingSink> listing_;
  OnListed on_listed_;
  OnEntry on_entry_;
  std::string listed_path_;
};

}  // namespace sluice::ftp
