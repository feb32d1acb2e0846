#include "protocols/offer/offer_service.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>

#include "reactor/pack.h"

namespace sluice::offer {
namespace {

constexpr std::string_view kFramedRequest = "SLUICE/1\n";
/// How long the rest of a request may take whose beginning looks like kFramedRequest: a lost
/// packet's time, as nobody else begins so.
constexpr auto kRequestGap = std::chrono::seconds(1);

Duration round_trip(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return Duration::zero();
  return std::chrono::microseconds(info.tcpi_rtt);
}

///     asking --SLUICE/1--> sending (header, bytes) --> closed
///        \--any other message--> pausing (name sent) --pause over--> sending (bytes) --> closed
class OfferSession final : public Session {
 public:
  OfferSession(OfferService& service, Fd socket, const Address& peer)
      : Session(service, std::move(socket), peer),
        timer_(service.reactor().timer([this] { on_timer(); })) {}

  void on_data(Stream&, std::span<const std::byte> bytes) noexcept override {
    service().count().bytes_in += bytes.size();
    if (step_ != Step::asking) return;
    request_ += as_text(bytes.first(std::min(bytes.size(), kFramedRequest.size())));
    if (request_.starts_with(kFramedRequest)) {
      answer_framed();
    } else if (kFramedRequest.starts_with(request_)) {
      timer_.start(kRequestGap);
    } else {
      answer_plain();
    }
  }

  void on_eof(Stream& stream) noexcept override {
    if (step_ != Step::asking) return;  // the client has said all it wanted, and still reads
    request_.empty() ? stream.close() : answer_plain();
  }

  void drain() noexcept override {
    if (step_ != Step::asking) return;
    timer_.stop();
    stream().close();
  }

 private:
  enum class Step { asking, pausing, sending };

  OfferService& offer() const { return static_cast<OfferService&>(service()); }

  bool open() {
    auto file = offer().open_file();
    if (file) {
      file_ = std::move(*file);
      return true;
    }
    log(LogLevel::error, file.error().message(offer().offer_options().file));
    stream().close();
    step_ = Step::sending;
    return false;
  }

  void answer_framed() {
    timer_.stop();
    if (!open()) return;
    const std::string_view name = offer().base_name();
    stream().write(pack<"!HQ">(static_cast<std::uint16_t>(name.size()), file_.size));
    stream().write(name);
    send_file();
  }

  void answer_plain() {
    timer_.stop();
    if (!open()) return;
    step_ = Step::pausing;
    stream().write(offer().base_name());
    timer_.start(std::max(offer().offer_options().pause, 4 * round_trip(stream().fd())));
  }

  void on_timer() { step_ == Step::asking ? answer_plain() : send_file(); }

  void send_file() {
    step_ = Step::sending;
    service().count().bytes_out += file_.size;
    log(LogLevel::info, "is sent ", file_.size, " bytes");
    stream().write(std::move(file_));
    stream().close();
  }

  Step step_ = Step::asking;
  std::string request_;
  FileRange file_;
  Timer timer_;
};

}  // namespace

OfferService::OfferService(Reactor& reactor, Options options)
    : TcpService(reactor, {.address = options.address}), options_(std::move(options)) {}

Started OfferService::start() {
  if (auto file = open_file(); !file) {
    return std::unexpected(file.error().message(options_.file));
  }
  return TcpService::start();
}

std::string_view OfferService::base_name() const {
  const std::string_view path = options_.file;
  return path.substr(path.rfind('/') + 1);
}

Result<FileRange> OfferService::open_file() const {
  Fd file(open(options_.file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!file) return fail("open");
  struct stat status;
  if (fstat(file.get(), &status) < 0) return fail("fstat");
  if (S_ISDIR(status.st_mode)) return fail("open", EISDIR);
  if (!S_ISREG(status.st_mode)) return fail("open (not a regular file)", EINVAL);
  posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return FileRange{std::move(file), 0, static_cast<std::uint64_t>(status.st_size)};
}

std::unique_ptr<Session> OfferService::make_session(Fd socket, const Address& peer) {
  return std::make_unique<OfferSession>(*this, std::move(socket), peer);
}

}  // namespace sluice::offer
