#pragma once

#include <time.h>

#include <memory>
#include <optional>
#include <string>

#include "protocols/ftp/client.h"
#include "protocols/ftp/data_port.h"

namespace sluice::ftp {

/// Whether it is one line.
inline bool can_be_sent(std::string_view command) {
  constexpr std::string_view kForbidden("\r\n\0", 3);
  return command.find_first_of(kForbidden) == command.npos;
}
inline Failure unsendable() {
  return {.kind = Failure::Kind::refused,
          .text = "a line end or a NUL in a name: no FTP command can hold it"};
}

/// A Client's transfer, from the first command to the last reply. Inside of Client.
///
///     TYPE? -> EPSV | PASV | EPRT | PORT -> REST? -> command -> 1xx -> final reply
///                          \-> data connection: connecting -> open -> ended    \-> done
///
/// The two ends come in either order. A failure stops what is not yet sent, ends the data
/// connection and, when the command is out, sends ABOR; done is it when no reply is due any more.
/// Where the server breaks a download off, or is lost, what it had sent is still taken: who resumes
/// goes on behind it.
struct Client::Running {
  enum class Data : std::uint8_t { none, connecting, waiting, open, ended, broken };

  std::string command;
  std::uint64_t offset = 0;
  ByteSink* sink = nullptr;  // of a download
  std::optional<Content> content;
  bool ascii = false;
  Purpose purpose = Purpose::reading;
  OnTransfer done;

  bool restarting = false;  // REST is out
  bool commanded = false;   // the command is out
  bool accepted = false;    // with 1xx
  std::optional<ServerReply> closing;
  std::optional<Failure> failure;

  Data state = Data::none;
  Error broken{};
  Fd socket{};  // of an upload, until it is accepted
  std::optional<Connector> connector{};
  std::optional<DataPort> port{};
  std::optional<ClientData> data{};
  Timer rest{};  // watches what comes of a download that has failed already

  /// No call comes from the data connection any more.
  void end_data() {
    connector.reset();
    if (port) port->close();
    socket.reset();
    if (data) data->abort();
    rest = {};
    state = Data::none;
  }
  /// Of a data connection that came to nothing the server may know more: there is no such file.
  Failure what_failed() const {
    if (failure->kind != Failure::Kind::network || !closing || closing->code < 400) return *failure;
    Failure told = failure_of(*closing, purpose);
    return told.kind == Failure::Kind::network ? *failure : told;
  }
  /// Whether the server may have sent more of a download, before what it said last.
  bool may_bring_more() const {
    return sink && accepted && (state == Data::open || state == Data::connecting);
  }
  /// Whether the data connection keeps the server from its reply.
  bool moving() {
    return state == Data::open || state == Data::connecting ||
           (state == Data::ended && content && data->arriving());
  }
};

/// Takes the lines of a listing apart.
class Client::ListingSink final : public ByteSink {
 public:
  ListingSink(ListingReader::Format format, OnEntry on_entry)
      : format_(format), reader_(format, ::time(nullptr)), on_entry_(std::move(on_entry)) {}

  Result<void> write(std::span<const std::byte> bytes) override {
    reader_.feed(bytes, [this](const RemoteEntry& entry) { tell(entry); });
    return {};
  }
  Listed finish() {
    reader_.finish([this](const RemoteEntry& entry) { tell(entry); });
    return {format_, reader_.entries(), reader_.bad_lines(), std::string(reader_.first_bad())};
  }
  OnEntry take_back() { return std::move(on_entry_); }
  /// Tells of no more, also of what has come already.
  void stop() { stopped_ = true; }

 private:
  void tell(const RemoteEntry& entry) {
    if (!stopped_) on_entry_(entry);
  }
  ListingReader::Format format_;
  ListingReader reader_;
  OnEntry on_entry_;
  bool stopped_ = false;
};

}  // namespace sluice::ftp
