#include "protocols/video/directory_source.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>

#include <algorithm>

#include "protocols/files/directory_reader.h"
#include "protocols/video/jpeg.h"
#include "reactor/log.h"

namespace sluice::video {
namespace {

constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

/// Seconds within which two changes of a directory may have the same time.
constexpr std::time_t kClockStep = 1;

bool is_jpeg_name(std::string_view name) {
  for (const std::string_view ending : {".jpg", ".jpeg"}) {
    // A name that is nothing but its ending is that of a hidden file.
    if (name.size() > ending.size() && name.front() != '.' &&
        strncasecmp(name.data() + name.size() - ending.size(), ending.data(), ending.size()) == 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

DirectorySource::DirectorySource(Reactor& reactor, std::string path, std::uint32_t fps)
    : PacedSource(reactor, fps), path_(std::move(path)) {}

Started DirectorySource::start(FrameSink& sink) {
  set_sink(sink);
  directory_ = Fd(::open(path_.c_str(), kFlags));
  if (!directory_) {
    return std::unexpected(concat("cannot open ", path_, ": ", std::strerror(errno)));
  }
  auto names = list();
  if (!names) return std::unexpected(names.error().message(path_));
  if (names->empty()) {
    return std::unexpected(
        concat(path_, " holds no pictures: none of its files is *.jpg or *.jpeg"));
  }
  names_ = std::move(*names);
  return {};
}

Result<std::vector<std::string>> DirectorySource::list() {
  Fd listed(::openat(directory_.get(), ".", kFlags));
  struct stat status;
  if (!listed || ::fstat(listed.get(), &status) != 0) return fail("open");
  changed_ = status.st_mtim;
  settled_ = std::time(nullptr) - changed_.tv_sec > kClockStep;
  std::vector<std::string> names;
  files::DirectoryReader reader(std::move(listed));
  while (true) {
    const auto entry = reader.next();
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) break;
    if (is_jpeg_name((*entry)->text())) names.emplace_back((*entry)->text());
  }
  std::ranges::sort(names);
  return names;
}

/// Before a further round. When there is nothing any more, those that there were are tried on.
void DirectorySource::look_again() {
  struct stat status;
  if (::fstat(directory_.get(), &status) != 0) return;
  const bool changed =
      status.st_mtim.tv_sec != changed_.tv_sec || status.st_mtim.tv_nsec != changed_.tv_nsec;
  if (settled_ && !changed) return;
  if (auto names = list(); names && !names->empty()) names_ = std::move(*names);
}

void DirectorySource::step() noexcept {
  if (!file_ && !open_next()) return pass_over();
  const std::span<std::byte> room = reactor().read_buffer().first(kSliceBytes);
  const ssize_t n = ::read(file_.get(), room.data(), room.size());
  if (n < 0 && errno == EINTR) return go_on();
  if (n < 0) {
    refuse(std::strerror(errno));
    return pass_over();
  }
  bytes_.insert(bytes_.end(), room.begin(), room.begin() + n);
  if (bytes_.size() > kMaxPictureBytes) {
    refuse("it is too large");
    return pass_over();
  }
  if (n > 0 && bytes_.size() < size_) return go_on();
  finish();
}

/// The next file, to be read from its beginning. One that has vanished is no frame that was lost.
bool DirectorySource::open_next() {
  if (next_ == names_.size()) {
    look_again();
    next_ = 0;
  }
  const std::string& name = names_[next_++];
  bytes_.clear();
  // Not to wait for whom a FIFO would wait.
  file_ = Fd(::openat(directory_.get(), name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file_) {
    if (errno != ENOENT) refuse(std::strerror(errno));
    return false;
  }
  struct stat status;
  if (::fstat(file_.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    refuse("it is no regular file");
    return false;
  }
  size_ = static_cast<std::size_t>(status.st_size);
  return true;
}

void DirectorySource::finish() {
  auto picture = whole_jpeg(bytes_);
  if (!picture) {
    refuse(picture.error());
    return pass_over();
  }
  file_.reset();
  failed_ = 0;
  trouble_.clear();
  give(std::move(picture->bytes), picture->width, picture->height);
}

/// On to the next one; but when there was none in a whole round, that waits for the next tick.
void DirectorySource::pass_over() {
  file_.reset();
  if (++failed_ < names_.size()) return go_on();
  failed_ = 0;
  if (trouble_.empty()) {
    trouble_ = concat(path_, ": none of its pictures can be read now");
    log(LogLevel::warning, "video", trouble_);
  }
}

void DirectorySource::refuse(std::string_view why) {
  lose();
  if (std::exchange(told_, true)) return;
  const std::string& name = names_[next_ - 1];
  log(LogLevel::warning, "video", path_, "/", name, " is passed over: ", why,
      "; more such files will only be counted");
}

}  // namespace sluice::video
