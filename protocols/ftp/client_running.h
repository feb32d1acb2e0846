#pragma once

#include <time.h>

#include <memory>
#include <optional>
#include <string>

#include "protocols/ftp/client.h"
#include "protocols/ftp/data_port.h"

namespace sluice::ftp {

/// A Client's transfer, from the first command to the last reply. Inside of Client.
///
///     TYPE? -> EPSV | PASV | EPRT | PORT -> REST? -> command -> 1xx -> final reply
///                          \-> data connection: connecting -> open -> ended    \-> done
///
/// The two ends come in either order. A failure stops what is not yet sent, ends the data
/// connection and, when the command is out, sends ABOR; done is it when no reply is due any more.
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

  /// No call comes from the data connection any more.
  void end_data() {
    connector.reset();
    if (port) port->close();
    socket.reset();
    if (data) data->abort();
  }
  bool moving() const { return state == Data::open || state == Data::connecting; }
};

/// Takes the lines of a listing apart.
class Client::ListingSink final : public ByteSink {
 public:
  ListingSink(ListingReader::Format format, OnEntry on_entry)
      : format_(format), reader_(format, ::time(nullptr)), on_entry_(std::move(on_entry)) {}

  Result<void> write(std::span<const std::byte> bytes) override {
    reader_.feed(bytes, on_entry_);
    return {};
  }
  Listed finish() {
    reader_.finish(on_entry_);
    return {format_, reader_.entries(), reader_.bad_lines(), std::string(reader_.first_bad())};
  }
  OnEntry take_back() { return std::move(on_entry_); }

 private:
  ListingReader::Format format_;
  ListingReader reader_;
  OnEntry on_entry_;
};

}  // namespace sluice::ftp
