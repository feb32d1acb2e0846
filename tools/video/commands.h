#pragma once

#include <optional>
#include <string>

#include "reactor/address.h"
#include "tools/video_command.h"

/// The four halves of `sluice-video`. Each returns an Exit.
namespace sluice::tools {

int serve_video(const Arguments& arguments);
int send_video(const Arguments& arguments);
int receive_video(const Arguments& arguments);
int record_video(const Arguments& arguments);

/// Why a command cannot go on: a sentence, and the Exit for who called it.
struct VideoFailure {
  std::string text;
  int exit = kFailed;
};
template <class T>
using VideoOutcome = std::expected<T, VideoFailure>;

/// Complains of it; returns the exit status.
int report(const VideoFailure& failure);

/// What `option` says, if it is there: where to listen, with numbers only; where to send or connect
/// to, all addresses of a name, a port above zero.
VideoOutcome<std::optional<Address>> listen_option(const Arguments& arguments,
                                                   std::string_view option);
VideoOutcome<std::vector<Address>> peer_option(const Arguments& arguments, std::string_view option);

}  // namespace sluice::tools
