#include "tools/video/feed.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "reactor/fd.h"
#include "reactor/text.h"
#include "reactor/write_all.h"
#include "tools/run_loop.h"
#include "tools/video/open_source.h"

namespace sluice::tools {
namespace {

constexpr std::uint64_t kMaxWidth = 16'384;
constexpr std::uint64_t kMaxFps = 240;
/// 46,081 bytes at the 1480 that an Ethernet frame has room for behind the IP header.
constexpr std::string_view kFragments =
    "to another machine each datagram of --udp travels in some 32 fragments, and a picture is lost "
    "with any of them; --rtp sends what needs none";

/// Who sends datagrams is not told that nobody listens there, so that there is one address to take:
/// that of IPv4, as the lecture's receivers have it.
VideoOutcome<std::optional<Address>> datagram_peer(const Arguments& arguments,
                                                   std::string_view option) {
  const auto addresses = peer_option(arguments, option);
  if (!addresses) return std::unexpected(addresses.error());
  if (addresses->empty()) return std::nullopt;
  const auto v4 = std::ranges::find(*addresses, AF_INET, &Address::family);
  const Address& chosen = v4 == addresses->end() ? addresses->front() : *v4;
  if (chosen.family() != AF_UNIX) return chosen;
  return std::unexpected(VideoFailure{concat(option, " takes HOST:PORT"), kWrongUsage});
}

}  // namespace

VideoOutcome<Feed::Plan> Feed::plan(const Arguments& arguments) {
  const auto wrong = [](std::string text) {
    return std::unexpected(VideoFailure{std::move(text), kWrongUsage});
  };
  Plan plan;
  const auto source = arguments.value("--source");
  if (!source || source->empty()) return wrong("--source says what is to be seen");
  const auto width = number_option(arguments, "--width", 0, 8, kMaxWidth);
  if (!width) return wrong(width.error());
  const auto fps = number_option(arguments, "--fps", 0, 1, kMaxFps);
  if (!fps) return wrong(fps.error());
  const auto quality = number_option(arguments, "--quality", 80, 1, 100);
  if (!quality) return wrong(quality.error());
  auto udp = datagram_peer(arguments, "--udp");
  if (!udp) return std::unexpected(std::move(udp.error()));
  auto rtp = datagram_peer(arguments, "--rtp");
  if (!rtp) return std::unexpected(std::move(rtp.error()));
  if (arguments.has("--sdp") && !*rtp) return wrong("--sdp goes with --rtp");
  plan.source = *source;
  plan.source_options.fps = static_cast<std::uint32_t>(*fps);
  plan.hubs = {.width = static_cast<std::uint32_t>(*width),
               .quality = static_cast<int>(*quality),
               .for_rtp = rtp->has_value()};
  plan.udp = std::move(*udp);
  plan.rtp = std::move(*rtp);
  plan.description = arguments.value("--sdp").value_or("");
  return plan;
}

void Feed::Plan::expect(bool jpegs) {
  // A camera gives JPEGs whenever it has them.
  source_options.raw = !jpegs || source != "test";
}

Feed::Feed(Reactor& reactor, Plan plan) : reactor_(&reactor), plan_(std::move(plan)) {}

VideoOutcome<void> Feed::open() {
  auto source = open_source(*reactor_, plan_.source, plan_.source_options);
  if (!source) return std::unexpected(VideoFailure{std::move(source.error())});
  hubs_ = std::make_unique<Hubs>(*reactor_, std::move(*source), plan_.hubs);
  if (auto started = hubs_->start(); !started) {
    return std::unexpected(VideoFailure{std::move(started.error())});
  }
  return {};
}

VideoOutcome<void> Feed::start() {
  if (plan_.udp) {
    if (!plan_.udp->is_loopback()) complain(kVideoName, kFragments);
    udp_ = std::make_unique<video::UdpFrameSender>(hubs_->chunks(), *plan_.udp);
    if (auto started = udp_->start(); !started) {
      return std::unexpected(VideoFailure{std::move(started.error())});
    }
  }
  if (!plan_.rtp) return {};
  rtp_ =
      std::make_unique<video::RtpSender>(hubs_->rtp(), video::RtpSender::Options{.to = *plan_.rtp});
  if (auto started = rtp_->start(); !started) {
    return std::unexpected(VideoFailure{std::move(started.error())});
  }
  return write_description();
}

VideoOutcome<void> Feed::write_description() const {
  const std::string& path = plan_.description;
  if (path.empty()) return {};
  const std::string text = rtp_->description();
  if (path == "-") {
    if (print(text) == kOk) return {};
    return std::unexpected(VideoFailure{"the description could not be written"});
  }
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666));
  int error = file ? 0 : errno;
  if (file) {
    if (const auto written = write_all(file.get(), text); !written) error = written.error().code;
  }
  if (error == 0) return {};
  return std::unexpected(VideoFailure{concat(path, ": ", std::strerror(error)),
                                      error == ENOSPC || error == EDQUOT ? kDiskFull : kFailed});
}

std::string Feed::lines() const {
  std::string text;
  if (udp_) text += concat("udp sending to ", *plan_.udp, '\n');
  if (rtp_) text += concat("rtp sending to ", *plan_.rtp, '\n');
  return text;
}

}  // namespace sluice::tools
