#pragma once

#include "protocols/tcp_service.h"

namespace sluice::offer {

/// Sends one file to whoever asks by any message. The plain answer is the file's base name and then
/// its bytes, with a pause between them, since nothing else parts the two; best effort. To a
/// request `SLUICE/1\n` the answer is: name length u16, size u64 (big-endian), name, bytes. Then it
/// closes. The file is opened for each client, so that it may be replaced while the service runs.
class OfferService final : public TcpService {
 public:
  struct Options {
    Address address;
    std::string file;
    /// Between name and bytes; in any case four round trips as TCP has measured them.
    Duration pause = std::chrono::milliseconds(100);
  };

  OfferService(Reactor& reactor, Options options);
  std::string_view name() const override { return "offer"; }

  /// The file must be a regular one that can be read.
  Started start() override;

  const Options& offer_options() const { return options_; }
  std::string_view base_name() const;
  /// ENOENT, EACCES; EISDIR or EINVAL for what is not a regular file.
  Result<FileRange> open_file() const;

 protected:
  std::unique_ptr<Session> make_session(Fd socket, const Address& peer) override;

 private:
  Options options_;
};

}  // namespace sluice::offer
