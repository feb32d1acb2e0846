#include "tools/video/recorder.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "reactor/log.h"

namespace sluice::tools {

using namespace std::chrono_literals;

namespace {

constexpr auto kLookForRoomEvery = 200ms;
/// Left on the disk when recording ends for that: nothing tells us when the file could not be
/// written, and without its index, which comes last, it does not play.
constexpr std::uint64_t kRoomBytes = 4 << 20;

/// The tag of a codec in the file is what was asked for, or OpenCV has taken another one. Other
/// formats have no such tags.
constexpr std::string_view kTagged[] = {".mp4", ".m4v", ".mov", ".avi"};

std::string_view directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& letter : result) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + ('a' - 'A'));
  }
  return result;
}

std::string extension_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? std::string() : lower(name.substr(dot));
}

/// ffmpeg takes what stands before a colon for a protocol, unless a slash comes first.
std::string plain_path(const std::string& path) {
  return path.starts_with('/') ? path : concat("./", path);
}

bool open_writer(cv::VideoWriter& writer, const std::string& path, std::string_view codec,
                 std::uint32_t fps, cv::Size size) {
  const QuietErrors quiet;
  const int fourcc = cv::VideoWriter::fourcc(codec[0], codec[1], codec[2], codec[3]);
  return guarded([&] { return writer.open(path, cv::CAP_FFMPEG, fourcc, fps, size); })
      .value_or(false);
}

struct Recording {
  bool readable = false;
  std::string codec;
};

Recording look_into(const std::string& path) {
  const QuietErrors quiet;
  return guarded([&] {
           cv::VideoCapture file;
           cv::Mat picture;
           Recording found;
           found.readable = file.open(path, cv::CAP_FFMPEG) && file.read(picture);
           const auto tag = static_cast<std::uint32_t>(file.get(cv::CAP_PROP_FOURCC));
           for (int shift = 0; shift < 32; shift += 8) {
             found.codec += static_cast<char>(tag >> shift & 0xff);
           }
           return found;
         })
      .value_or(Recording{});
}

}  // namespace

std::string_view Recorder::codec_for(std::string_view path) {
  const std::string extension = extension_of(path);
  if (extension == ".mp4" || extension == ".m4v" || extension == ".mov") return "mp4v";
  return extension == ".avi" ? "XVID" : "";
}

VideoOutcome<void> Recorder::check() const {
  const std::string& path = options_.path;
  const std::string directory(directory_of(path));
  struct stat status{};
  int error = ::access(directory.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
  if (::stat(path.c_str(), &status) == 0) {
    error = ::access(path.c_str(), W_OK) == 0 ? 0 : errno;
    if (S_ISDIR(status.st_mode)) error = EISDIR;
  }
  if (error != 0) return std::unexpected(VideoFailure{concat(path, ": ", std::strerror(error))});
  if (auto room = check_room(); !room) return room;

  std::string place = concat(::access("/tmp", W_OK) == 0 ? "/tmp" : directory, "/sluice-XXXXXX");
  if (!::mkdtemp(place.data())) return {};  // then the first picture tells
  const std::string extension = extension_of(path), trial = concat(place, "/trial", extension);
  cv::VideoWriter writer;
  const bool opened = open_writer(writer, trial, options_.codec, options_.fps, {640, 480});
  if (opened) {
    (void)guarded([&] {
      writer.write(cv::Mat::zeros(480, 640, CV_8UC3));
      writer.release();
    });
  }
  const Recording found = look_into(trial);
  ::unlink(trial.c_str());
  ::rmdir(place.c_str());
  const std::string what =
      concat("OpenCV cannot write ", options_.codec, " into ",
             extension.empty() ? "a file without an ending" : concat("a file of ", extension));
  if (!opened || !found.readable) return std::unexpected(VideoFailure{what});
  const bool tagged = std::ranges::find(kTagged, extension) != std::end(kTagged);
  if (tagged && lower(found.codec) != lower(options_.codec)) {
    return std::unexpected(VideoFailure{
        concat(what, ", but would take ", found.codec, ": say --codec ", found.codec)});
  }
  return {};
}

VideoOutcome<void> Recorder::check_room() const {
  struct statvfs disk{};
  if (::statvfs(std::string(directory_of(options_.path)).c_str(), &disk) != 0) return {};
  if (disk.f_blocks == 0) return {};  // one that has no size
  if (std::uint64_t{disk.f_bavail} * disk.f_frsize >= kRoomBytes) return {};
  return std::unexpected(VideoFailure{concat(options_.path, ": the disk is full but for the last ",
                                             kRoomBytes >> 20, " MiB, which are left free"),
                                      kDiskFull});
}

VideoOutcome<void> Recorder::begin(const cv::Mat& picture) {
  size_ = picture.size();
  if (!open_writer(writer_, plain_path(options_.path), options_.codec, options_.fps, size_)) {
    return std::unexpected(VideoFailure{concat(options_.path, ": OpenCV cannot write ", format())});
  }
  return {};
}

VideoOutcome<void> Recorder::take(const video::Frame& frame, TimePoint now) {
  auto picture = to_bgr(frame);
  if (!picture) {
    if (refused_++ == 0) log(LogLevel::warning, kVideoName, picture.error());
    return {};
  }
  if (now - looked_ >= kLookForRoomEvery) {
    looked_ = now;
    if (auto room = check_room(); !room) return room;
  }
  if (frames_ == 0) {
    if (auto begun = begin(*picture); !begun) return begun;
  }
  picture = to_size(*picture, static_cast<std::uint32_t>(size_.width),
                    static_cast<std::uint32_t>(size_.height));
  auto written = picture ? guarded([&] { writer_.write(*picture); })
                         : std::expected<void, std::string>(std::unexpected(picture.error()));
  if (!written) {
    return std::unexpected(VideoFailure{concat(options_.path, ": ", written.error())});
  }
  ++frames_;
  return {};
}

VideoOutcome<void> Recorder::finish() {
  if (frames_ == 0) return {};
  {
    const QuietErrors quiet;
    (void)guarded([this] { writer_.release(); });
  }
  if (look_into(plain_path(options_.path)).readable) return {};
  return std::unexpected(VideoFailure{concat(options_.path, ": what was written cannot be read")});
}

std::string Recorder::format() const {
  return concat(size_.width, 'x', size_.height, ", ", options_.codec, ", ", options_.fps, " fps");
}

}  // namespace sluice::tools
