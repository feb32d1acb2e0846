#include "tools/serve_table.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocols/drop/drop_service.h"
#include "protocols/echo/echo_service.h"
#include "protocols/echo/udp_echo_service.h"
#include "protocols/offer/offer_service.h"
#include "protocols/time/time_service.h"
#include "protocols/words/words_service.h"
#include "reactor/text.h"
#include "reactor/write_all.h"
#include "tools/serve_chat.h"
#include "tools/serve_ftp.h"
#include "tools/serve_http.h"
#include "tools/serve_multicast.h"
#include "tools/serve_tftp.h"
#include "tools/serve_video.h"

namespace sluice::tools {
namespace {

constexpr std::string_view kDropDirectory = "sluice-data/drop";
constexpr std::string_view kOfferDirectory = "sluice-data/offer";
constexpr std::string_view kOfferFile = "sluice-data/offer/welcome.txt";
constexpr std::string_view kFtpWelcome = "sluice-data/ftp/welcome.txt";
constexpr std::string_view kTftpWelcome = "sluice-data/tftp/welcome.txt";

Made make_echo(Reactor& reactor, const Address& address, const ServeSettings& settings) {
  const std::string name = settings.text("echo-mode", "concurrent");
  const auto mode = echo::parse_mode(name);
  if (!mode) {
    return std::unexpected(concat("--echo-mode is concurrent, sequential or once, not ", name));
  }
  return std::make_unique<echo::EchoService>(reactor, address, *mode);
}

Made make_udp_echo(Reactor& reactor, const Address& address, const ServeSettings& settings) {
  echo::UdpEchoService::Options options{.address = address};
  const auto rate = settings.number("udp-echo-rate", options.rate, 0, 1'000'000'000);
  if (!rate) return std::unexpected(rate.error());
  options.rate = *rate;
  options.bound_loopback = settings.has("udp-echo-rate");
  return std::make_unique<echo::UdpEchoService>(reactor, options);
}

Made make_time(Reactor& reactor, const Address& address, const ServeSettings&) {
  return std::make_unique<time::TimeService>(reactor, address);
}

Made make_words(Reactor& reactor, const Address& address, const ServeSettings& settings) {
  const auto gap = settings.number("words-gap", 50, 1, 60'000);
  if (!gap) return std::unexpected(gap.error());
  return std::make_unique<words::WordsService>(reactor, address, std::chrono::milliseconds(*gap));
}

Made make_drop(Reactor& reactor, const Address& address, const ServeSettings& settings) {
  const auto clients = settings.number("drop-clients", 0, 1, UINT32_MAX);
  if (!clients) return std::unexpected(clients.error());
  const auto max_size = settings.number("drop-max-size", UINT64_MAX, 1, UINT64_MAX);
  if (!max_size) return std::unexpected(max_size.error());
  return std::make_unique<drop::DropService>(
      reactor, drop::DropService::Options{.address = address,
                                          .directory = settings.text("drop-dir", kDropDirectory),
                                          .serve_clients = *clients,
                                          .max_size = *max_size,
                                          .allow_hidden = settings.has("drop-hidden"),
                                          .sync = settings.has("sync")});
}

Made make_offer(Reactor& reactor, const Address& address, const ServeSettings& settings) {
  const auto pause = settings.number("offer-pause", 100, 0, 60'000);
  if (!pause) return std::unexpected(pause.error());
  return std::make_unique<offer::OfferService>(
      reactor, offer::OfferService::Options{.address = address,
                                            .file = settings.text("offer-file", kOfferFile),
                                            .pause = std::chrono::milliseconds(*pause)});
}

template <class... Parts>
std::string ours(const Parts&... parts) {
  return concat(program_invocation_name, ' ', parts...);
}

constexpr ServiceKind kKinds[] = {
    {"echo", "127.0.0.1:65432", "", make_echo,
     [](const std::string& address, const ServeSettings&) {
       return ours("echo ", address, " hello");
     }},
    {"udp-echo", "127.0.0.1:65433", "", make_udp_echo,
     [](const std::string& address, const ServeSettings&) {
       return ours("udp-echo ", address, " hello");
     }},
    {"time", "127.0.0.1:5000", "", make_time,
     [](const std::string& address, const ServeSettings&) { return ours("time ", address); }},
    {"words", "127.0.0.1:5001", "", make_words,
     [](const std::string& address, const ServeSettings&) {
       return ours("words ", address, " 7");
     }},
    {"drop", "127.0.0.1:8080", "drop-dir", make_drop,
     [](const std::string& address, const ServeSettings&) {
       return ours("drop README.md ", address);
     }},
    {"offer", "127.0.0.1:5002", "offer-file", make_offer,
     [](const std::string& address, const ServeSettings&) { return ours("receive ", address); }},
    {"chat", "127.0.0.1:55555", "", make_chat,
     [](const std::string& address, const ServeSettings&) { return ours("chat ", address); }},
    {"ftp", "127.0.0.1:2121", "ftp-root", make_ftp, try_ftp},
    {"multicast", kMulticastDefault, "", nullptr,
     [](const std::string& address, const ServeSettings& settings) {
       return ours("multicast send ", address, " hello --interface ",
                   settings.text("multicast-interface", "lo"));
     },
     make_multicast},
    {"tftp", "127.0.0.1:6969", "tftp-root", make_tftp,
     [](const std::string& address, const ServeSettings&) {
       return ours("get tftp://", address, "/welcome.txt");
     }},
    {"video", "127.0.0.1:9000", "", nullptr,
     [](const std::string& address, const ServeSettings&) {
       return ours("video receive --tcp ", address);
     },
     make_video},
    {"video-rtp", "", "", nullptr,
     [](const std::string&, const ServeSettings&) { return std::string(); }, make_video_rtp, true,
     "sending to"},
    {"http", "127.0.0.1:8000", "", nullptr,
     [](const std::string& address, const ServeSettings&) {
       return concat("curl http://", address, "/metrics  # and / for a browser");
     },
     make_http},
};

std::expected<void, std::string> make_directory(std::string_view path) {
  const std::string name(path);
  if (mkdir(name.c_str(), 0777) == 0 || errno == EEXIST) return {};
  return std::unexpected(Error::last("mkdir").message(name));
}

/// Leaves one that is there as it is.
std::expected<void, std::string> make_file(std::string_view path, std::string_view text) {
  const std::string name(path);
  Fd file(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file) {
    if (errno == EEXIST) return {};
    return std::unexpected(Error::last("open").message(name));
  }
  auto written = write_all(file.get(), text);
  if (written) return {};
  unlink(name.c_str());
  return std::unexpected(written.error().message(name));
}

}  // namespace

std::span<const ServiceKind> service_kinds() {
  return kKinds;
}

std::expected<void, std::string> prepare_default_data() {
  for (const std::string_view path :
       {kDataDirectory, kDropDirectory, kOfferDirectory, kFtpRoot, kTftpRoot}) {
    if (auto made = make_directory(path); !made) return made;
  }
  if (auto made = make_file(kOfferFile, "This file came from sluice, by sendfile.\n"); !made) {
    return made;
  }
  if (auto made = make_file(kFtpWelcome, "What is put beside this file is served by FTP.\n");
      !made) {
    return made;
  }
  return make_file(kTftpWelcome, "What is put beside this file is served by TFTP.\n");
}

}  // namespace sluice::tools
