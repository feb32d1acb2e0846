#include "protocols/video/sources.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "protocols/video/directory_source.h"
#include "protocols/video/mjpeg_file_source.h"
#include "protocols/video/pattern_source.h"
#include "protocols/video/v4l2_source.h"
#include "reactor/text.h"

namespace sluice::video {

std::expected<std::unique_ptr<FrameSource>, std::string> make_source(Reactor& reactor,
                                                                     std::string_view text,
                                                                     const SourceOptions& options) {
  if (text == "test") {
    if (auto fine = PatternSource::check(options); !fine) return std::unexpected(fine.error());
    return std::make_unique<PatternSource>(reactor, options);
  }
  std::string path(text);
  // What the kernel calls its cameras is opened as one, whatever stat(2) knows of it: that says
  // more precisely what is wrong with it.
  if (path.starts_with("/dev/video")) {
    return std::make_unique<V4l2Source>(reactor, std::move(path), options);
  }
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) {
    return std::unexpected(concat("cannot open ", path, ": ", std::strerror(errno)));
  }
  if (S_ISDIR(status.st_mode)) {
    return std::make_unique<DirectorySource>(reactor, std::move(path), options.fps);
  }
  if (S_ISREG(status.st_mode)) {
    return std::make_unique<MjpegFileSource>(reactor, std::move(path), options.fps, options.repeat);
  }
  if (S_ISCHR(status.st_mode)) {
    return std::make_unique<V4l2Source>(reactor, std::move(path), options);
  }
  return std::unexpected(concat(path, " is no directory, file or camera"));
}

std::string camera_path(std::string_view text) {
  const bool number = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  return number ? concat("/dev/video", text) : std::string(text);
}

}  // namespace sluice::video
