#include "tools/video/open_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "reactor/fd.h"
#include "reactor/text.h"
#include "tools/video/opencv_source.h"

namespace sluice::tools {
namespace {

enum class FileKind { jpegs, text, other };

FileKind kind_of(std::string_view head) {
  if (head.starts_with("\xff\xd8") || head.starts_with("--") || head.starts_with("\r\n--")) {
    return FileKind::jpegs;
  }
  if (head.starts_with("YUV4MPEG2 ")) return FileKind::other;
  // Playlists and the like, which would make ffmpeg open what they name, and pictures made of
  // letters.
  const bool text = std::ranges::all_of(head, [](char letter) {
    const auto code = static_cast<unsigned char>(letter);
    return code >= ' ' || (code >= '\a' && code <= '\r') || code == '\x1b';
  });
  return text ? FileKind::text : FileKind::other;
}

}  // namespace

std::expected<std::unique_ptr<video::FrameSource>, std::string> open_source(
    Reactor& reactor, std::string_view text, const video::SourceOptions& options) {
  const std::string path = video::camera_path(text);
  if (text == "test" || path.starts_with("/dev/")) {
    return video::make_source(reactor, path, options);
  }
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0) {
    return std::unexpected(concat(path, ": ", std::strerror(errno)));
  }
  if (S_ISDIR(status.st_mode) || S_ISCHR(status.st_mode)) {
    return video::make_source(reactor, path, options);
  }
  if (!S_ISREG(status.st_mode)) {
    return std::unexpected(concat(path, ": neither a camera nor a file nor a directory"));
  }
  std::array<char, 512> head;
  const ssize_t size = ::read(file.get(), head.data(), head.size());
  if (size < 0) return std::unexpected(concat(path, ": ", std::strerror(errno)));
  if (size == 0) return std::unexpected(concat(path, ": the file is empty"));
  switch (kind_of({head.data(), static_cast<std::size_t>(size)})) {
    case FileKind::jpegs:
      return video::make_source(reactor, path, options);
    case FileKind::text:
      return std::unexpected(concat(path, ": that is text, not a video"));
    case FileKind::other:
      break;
  }
  return std::make_unique<OpenCvSource>(
      reactor, path, OpenCvSource::Options{.fps = options.fps, .repeat = options.repeat});
}

}  // namespace sluice::tools
