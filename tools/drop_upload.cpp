#include "tools/drop_upload.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "protocols/files/name.h"
#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::tools {
namespace {

/// Large enough that reading, hashing and sending cost few calls, small enough for the cache.
constexpr std::size_t kPieceBytes = 512 * 1024;

/// The reply to a header is only a look into a directory away.
constexpr auto kHeaderPatience = std::chrono::seconds(30);

/// A server may say 65,535 bytes; a person reads a few lines.
constexpr std::size_t kMaxShownBytes = 1000;

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Outcome<LocalFile> LocalFile::open(const std::string& path, bool regular) {
  LocalFile file;
  file.shown = printable(path);
  const auto wrong = [&](int error) {
    return trouble(concat("cannot read ", file.shown, ": ", std::strerror(error)));
  };
  // A pipe is waited for only where it will do.
  file.fd = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | (regular ? O_NONBLOCK : 0)));
  if (!file.fd) return wrong(errno);
  struct stat status{};
  if (::fstat(file.fd.get(), &status) != 0) return wrong(errno);
  if (S_ISDIR(status.st_mode)) return wrong(EISDIR);
  if (S_ISREG(status.st_mode)) {
    file.size = static_cast<std::uint64_t>(status.st_size);
    char byte;
    if (regular && status.st_size == 0 && ::pread(file.fd.get(), &byte, 1, 0) == 1) {
      return trouble(
          concat("cannot send ", file.shown, ": it does not tell its size (--raw sends it)"));
    }
    ::posix_fadvise(file.fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  } else if (regular) {
    return trouble(concat("cannot send ", file.shown, ": not a regular file (--raw sends others)"));
  }
  file.mtime_ns = nanoseconds(status.st_mtim);
  file.name = path.substr(path.rfind('/') + 1);
  return file;
}

Outcome<LocalFile> LocalFile::standard_input() {
  LocalFile file;
  file.shown = file.name = "standard input";
  file.fd = Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
  if (!file.fd) return trouble(concat(file.shown, ": ", std::strerror(errno)));
  return file;
}

bool LocalFile::unchanged() const {
  if (!size) return true;
  struct stat status{};
  return ::fstat(fd.get(), &status) == 0 && (static_cast<std::uint64_t>(status.st_size) == *size &&
                                             nanoseconds(status.st_mtim) == mtime_ns);
}

Result<bool> send_watched(Socket& socket, std::span<const std::byte> bytes, Progress& progress) {
  while (!bytes.empty()) {
    const auto sent = socket.send(bytes, MSG_DONTWAIT);
    if (sent) {
      progress.add(*sent);
      bytes = bytes.subspan(*sent);
      continue;
    }
    if (sent.error().code != EAGAIN) return std::unexpected(sent.error());
    pollfd watched{socket.fileno(), POLLIN | POLLOUT, 0};
    if (::poll(&watched, 1, -1) < 0 && errno != EINTR) return fail("poll");
    if ((watched.revents & POLLIN) != 0) return false;
  }
  return true;
}

Outcome<Transfer> Uploader::upload(const LocalFile& file) {
  tries_ = 0;
  reached_ = 0;
  for (;;) {
    auto done = attempt(file);
    if (done) return std::move(*done);
    socket_.close();
    connected_ = false;
    const Failure& why = done.error();
    if (!why.broken) return std::unexpected(why.trouble);
    if (!options_.retry || tries_ == kTries) {
      gave_up_ = !why.answered;
      return std::unexpected(why.trouble);
    }
    const int pause = 1 << tries_++;
    complain("drop", concat(file.shown, ": ", why.trouble.text, "; trying again in ", pause, " s (",
                            tries_, " of ", kTries, ")"));
    ::sleep(static_cast<unsigned>(pause));
  }
}

Uploader::Step<Transfer> Uploader::attempt(const LocalFile& file) {
  if (auto done = connect(); !done) return std::unexpected(done.error());
  const auto offset = announce(file);
  if (!offset) return std::unexpected(offset.error());
  if (*offset > reached_) tries_ = 0;
  reached_ = std::max(reached_, *offset);
  if (auto done = hash_prefix(file, *offset); !done) return std::unexpected(done.error());
  Progress progress(file.name, file.size, *offset);
  if (auto done = send_body(file, *offset, progress); !done) return std::unexpected(done.error());
  if (auto done = send_digest(file); !done) return std::unexpected(done.error());
  return progress.transfer();
}

Uploader::Step<void> Uploader::connect() {
  if (connected_) return {};
  auto socket = connect_to(options_.host_port);
  if (!socket) {
    gave_up_ = !was_connected_;
    return std::unexpected(Failure{socket.error(), was_connected_});
  }
  socket_ = std::move(*socket);
  said_.clear();
  connected_ = was_connected_ = true;
  return {};
}

/// Sends the header; returns the bytes that the server has already.
Uploader::Step<std::uint64_t> Uploader::announce(const LocalFile& file) {
  drop::Header header;
  header.flags = options_.replace ? drop::kMayReplace : std::uint8_t{0};
  header.size = *file.size;
  header.id = drop::upload_id(file.name, *file.size, file.mtime_ns);
  header.name = file.name;
  const auto bytes = drop::encode(header);
  if (!bytes) return std::unexpected(Failure{{.text = bytes.error().operation}});
  if (auto sent = socket_.sendall(*bytes); !sent) {
    if (auto said = reply(); said && said->status != drop::Status::go_on) return refused(*said);
    return lost(how_lost(sent.error()));
  }
  const auto said = reply_to_header();
  if (!said) return std::unexpected(said.error());
  if (said->status != drop::Status::go_on) return refused(*said);
  if (said->offset > header.size) {
    return std::unexpected(Failure{{.text = concat("the server says that it has ", said->offset,
                                                   " of ", header.size, " bytes")}});
  }
  return said->offset;
}

Uploader::Step<void> Uploader::hash_prefix(const LocalFile& file, std::uint64_t size) {
  sha_ = files::Sha256();
  for (std::uint64_t at = 0; at < size;) {
    const auto piece = read(file, at, size);
    if (!piece) return std::unexpected(piece.error());
    sha_.update(*piece);
    at += piece->size();
  }
  return {};
}

Uploader::Step<void> Uploader::send_body(const LocalFile& file, std::uint64_t offset,
                                         Progress& progress) {
  while (offset < *file.size) {
    const auto piece = read(file, offset, *file.size);
    if (!piece) return std::unexpected(piece.error());
    sha_.update(*piece);
    if (auto sent = send(*piece, progress); !sent) return sent;
    offset += piece->size();
  }
  // Without the digest the server keeps what came to itself.
  if (!file.unchanged())
    return std::unexpected(Failure{{.text = "it changed while it was being sent"}});
  return {};
}

Uploader::Step<void> Uploader::send_digest(const LocalFile& file) {
  Progress none({}, {});
  if (auto sent = send(sha_.finish(), none); !sent) return sent;
  const auto said = reply();
  if (!said) return std::unexpected(said.error());
  if (said->status != drop::Status::go_on) return refused(*said);
  if (said->offset != *file.size) {
    return std::unexpected(Failure{{.text = concat("the server says that it stored ", said->offset,
                                                   " of ", *file.size, " bytes")}});
  }
  return {};
}

/// The next bytes of the file before `end`, in piece_; never none.
Uploader::Step<std::span<const std::byte>> Uploader::read(const LocalFile& file,
                                                          std::uint64_t offset, std::uint64_t end) {
  piece_.resize(kPieceBytes);
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, end - offset));
  ssize_t size = -1;
  do {
    size = ::pread(file.fd.get(), piece_.data(), most, static_cast<off_t>(offset));
  } while (size < 0 && errno == EINTR);
  if (size < 0)
    return std::unexpected(Failure{{.text = concat("cannot read: ", std::strerror(errno))}});
  if (size == 0)
    return std::unexpected(Failure{{.text = "it became shorter while it was being sent"}});
  return std::span(piece_).first(static_cast<std::size_t>(size));
}

/// A server that speaks now refuses, and its reason is worth more than "closed by peer": it may
/// wait to be read even where sending fails already.
Uploader::Step<void> Uploader::send(std::span<const std::byte> bytes, Progress& progress) {
  // What came behind an earlier reply comes before all that is still on its way.
  const Result<bool> sent = said_.empty() ? send_watched(socket_, bytes, progress) : false;
  if (sent && *sent) return {};
  const auto said = reply();
  if (!said) return sent ? std::unexpected(said.error()) : lost(how_lost(sent.error()));
  if (said->status != drop::Status::go_on) return refused(*said);
  return std::unexpected(Failure{{.text = "the server answered before it had all of the file"}});
}

Uploader::Step<drop::Reply> Uploader::reply() {
  drop::ReplyDecoder decoder;
  for (;;) {
    const drop::Fed fed = decoder.feed(said_);
    said_.erase(said_.begin(), said_.begin() + static_cast<std::ptrdiff_t>(fed.taken));
    if (fed.progress == drop::Progress::done) {
      spoke_ = true;
      return decoder.reply();
    }
    std::array<std::byte, 4096> bytes;
    const auto size = socket_.recv_into(bytes);
    timed_out_ = !size && size.error().code == ETIMEDOUT;
    if (!size) return lost(how_lost(size.error()));
    if (*size == 0) return lost(kClosedByPeer);
    said_.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*size));
  }
}

/// A server that knows no header takes it for the first bytes of a file, and waits for more.
Uploader::Step<drop::Reply> Uploader::reply_to_header() {
  if (auto set = socket_.settimeout(kHeaderPatience); !set) return lost(set.error().operation);
  auto said = reply();
  if (!said && timed_out_) {
    return std::unexpected(
        Failure{{.text = "the server does not answer; one that takes bytes only needs --raw"}});
  }
  if (auto set = socket_.settimeout({}); !set) return lost(set.error().operation);
  return said;
}

/// A server may not have noticed yet that an earlier connection of ours broke, and is busy with it;
/// after a break it may also be about to be restarted.
std::unexpected<Uploader::Failure> Uploader::refused(const drop::Reply& reply) const {
  const bool passes = reply.status == drop::Status::busy ||
                      (tries_ > 0 && reply.status == drop::Status::shutting_down);
  std::string said = printable(reply.message.substr(0, kMaxShownBytes));
  if (reply.status == drop::Status::exists) said += " (--replace replaces it)";
  return std::unexpected(
      Failure{{.text = said.empty() ? drop::sentence(reply.status) : said}, passes, true});
}

std::unexpected<Uploader::Failure> Uploader::lost(std::string_view how) const {
  return std::unexpected(Failure{{.text = std::string(how)}, spoke_});
}

}  // namespace sluice::tools
