#pragma once

#include <ctime>
#include <string>
#include <vector>

#include "protocols/video/paced_source.h"

namespace sluice::video {

/// The JPEG files of a directory, in the order of their names, for ever. Which there are is looked
/// up at the start and, if files have come or gone, before each further round; each is read when
/// its time has come, so that it may change or vanish meanwhile.
class DirectorySource final : public PacedSource {
 public:
  DirectorySource(Reactor& reactor, std::string path, std::uint32_t fps);

  std::string name() const override { return path_; }
  Started start(FrameSink& sink) override;
  std::string_view trouble() const override { return trouble_; }

 private:
  void step() noexcept override;
  Result<std::vector<std::string>> list();
  void look_again();
  bool open_next();
  void finish();
  void pass_over();
  void refuse(std::string_view why);

  std::string path_;
  Fd directory_;
  std::vector<std::string> names_;
  timespec changed_{};      // when the directory was, before it was listed
  bool settled_ = false;    // that was long enough ago: a later change has another time
  std::size_t next_ = 0;    // of names_
  std::size_t failed_ = 0;  // one behind the other
  Fd file_;                 // that is being read
  std::size_t size_ = 0;    // that it had when it was opened
  std::vector<std::byte> bytes_;
  std::string trouble_;
  bool told_ = false;
};

}  // namespace sluice::video
