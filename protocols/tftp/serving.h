#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocols/files/tree.h"
#include "protocols/tftp/file_ends.h"
#include "protocols/tftp/packet.h"
#include "protocols/tftp/text_ends.h"
#include "protocols/tftp/transfer.h"

namespace sluice::tftp {

/// What a client hears whose request comes to nothing.
struct Refusal {
  ErrorCode code;
  std::string text;
};

/// Whether a datagram wants to be a request, well-formed or not.
bool is_request(std::span<const std::byte> datagram);

/// One request that a TftpService has granted: its file and its Transfer.
struct Serving {
  Address peer{};
  std::string request{};  // as it came
  std::string path{};     // as the client wrote it, then as the tree takes it
  bool write = false;
  bool dallies = false;  // it has ended, and is among those that dally
  bool gone = false;     // the service has forgotten it

  std::optional<std::uint64_t> size{};  // of the file that is read, octet
  std::unique_ptr<FileSource> source{};
  std::unique_ptr<FileSink> sink{};
  std::optional<TextSource> text_source{};
  std::optional<TextSink> text_sink{};
  std::unique_ptr<Transfer> transfer{};

  /// Both set `path`. Errors as of files::Tree and FileSink::create().
  Result<void> open_source(const files::Tree& tree, const Request& asked);
  Result<void> open_sink(const files::Tree& tree, const Request& asked,
                         const FileSink::Options& options);
  void make_transfer(Reactor& reactor, Transfer::Options options, Transfer::OnEnd on_end);
  /// The first packet for the transfer; empty when the blocks are to come at once.
  std::vector<std::byte> opening(const Request& asked, const Terms& terms) const;
  void let_go_of_files();
  /// For the log: "read /boot/kernel".
  std::string what() const;
};

}  // namespace sluice::tftp
