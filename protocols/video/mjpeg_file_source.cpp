#include "protocols/video/mjpeg_file_source.h"

#include <fcntl.h>
#include <unistd.h>

#include "protocols/video/jpeg.h"
#include "reactor/log.h"

namespace sluice::video {
namespace {

constexpr std::size_t kChunkBytes = 64 * 1024;

}  // namespace

MjpegFileSource::MjpegFileSource(Reactor& reactor, std::string path, std::uint32_t fps, bool repeat)
    : PacedSource(reactor, fps),
      path_(std::move(path)),
      repeat_(repeat),
      chunk_(kChunkBytes),
      splitter_(kMaxPictureBytes) {}

Started MjpegFileSource::start(FrameSink& sink) {
  set_sink(sink);
  file_ = Fd(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file_) return std::unexpected(concat("cannot open ", path_, ": ", std::strerror(errno)));
  for (std::size_t looked = 0; looked <= kMaxPictureBytes; looked += chunk_end_) {
    const ssize_t n = read_on();
    if (n < 0) return std::unexpected(concat("cannot read ", path_, ": ", std::strerror(errno)));
    if (n == 0) break;
    while (split()) {
      if (!read_jpeg(*splitter_.picture())) continue;
      rewind();
      return {};
    }
  }
  return std::unexpected(concat(path_, " holds no JPEG"));
}

void MjpegFileSource::step() noexcept {
  for (std::size_t read = 0; read < kSliceBytes;) {
    const bool found = split();
    for (; broken_ < splitter_.broken(); ++broken_) lose();
    if (found) {
      auto picture = whole_jpeg(*splitter_.picture());
      if (picture) {
        ++given_;
        trouble_.clear();
        return give(std::move(picture->bytes), picture->width, picture->height);
      }
      lose();
      continue;
    }
    const ssize_t n = read_on();
    if (n < 0) return end(concat("cannot read ", path_, ": ", std::strerror(errno)));
    if (n == 0) return come_to_end();
    read += static_cast<std::size_t>(n);
  }
  go_on();
}

ssize_t MjpegFileSource::read_on() {
  ssize_t n;
  do {
    n = ::read(file_.get(), chunk_.data(), chunk_.size());
  } while (n < 0 && errno == EINTR);
  chunk_at_ = 0;
  chunk_end_ = n > 0 ? static_cast<std::size_t>(n) : 0;
  return n;
}

/// Whether there is a picture in what has been read.
bool MjpegFileSource::split() {
  const std::span<const std::byte> left(chunk_.data() + chunk_at_, chunk_end_ - chunk_at_);
  if (left.empty()) return false;
  chunk_at_ += splitter_.feed(left);
  return splitter_.picture().has_value();
}

void MjpegFileSource::come_to_end() {
  if (splitter_.inside()) lose();
  if (!repeat_) return end({});
  if (given_ == 0 && trouble_.empty()) {
    trouble_ = concat(path_, " holds no JPEG now");
    log(LogLevel::warning, "video", trouble_);
  }
  const bool empty = given_ == 0;
  rewind();
  if (!empty) go_on();  // else the next tick looks again
}

void MjpegFileSource::rewind() {
  ::lseek(file_.get(), 0, SEEK_SET);
  chunk_at_ = chunk_end_ = 0;
  splitter_ = JpegSplitter(kMaxPictureBytes);
  broken_ = 0;
  given_ = 0;
}

}  // namespace sluice::video
