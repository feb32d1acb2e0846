#pragma once

#include <string>
#include <vector>

#include "protocols/video/jpeg_splitter.h"
#include "protocols/video/paced_source.h"

namespace sluice::video {

/// The pictures of one file, in which they lie one behind another or as parts of a multipart body.
class MjpegFileSource final : public PacedSource {
 public:
  MjpegFileSource(Reactor& reactor, std::string path, std::uint32_t fps, bool repeat);

  std::string name() const override { return path_; }
  Started start(FrameSink& sink) override;
  std::string_view trouble() const override { return trouble_; }

 private:
  void step() noexcept override;
  ssize_t read_on();
  bool split();
  void come_to_end();
  void rewind();

  std::string path_;
  bool repeat_;
  Fd file_;
  std::vector<std::byte> chunk_;
  std::size_t chunk_at_ = 0, chunk_end_ = 0;
  JpegSplitter splitter_;
  std::uint64_t broken_ = 0;  // of the splitter, counted as lost
  std::uint64_t given_ = 0;   // in this round
  std::string trouble_;
};

}  // namespace sluice::video
