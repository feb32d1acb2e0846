#pragma once

#include "protocols/video/paced_source.h"
#include "protocols/video/sources.h"
#include "protocols/video/test_pattern.h"

namespace sluice::video {

/// The test pattern, as JPEG or as pixels; the number drawn is the frame's.
class PatternSource final : public PacedSource {
 public:
  PatternSource(Reactor& reactor, const SourceOptions& options);

  /// Whether it can be drawn so large.
  static Started check(const SourceOptions& options);

  std::string name() const override { return "test pattern"; }
  Encoding encoding() const override { return raw_ ? Encoding::bgr : Encoding::jpeg; }
  Started start(FrameSink& sink) override;

 private:
  void step() noexcept override;

  TestPattern pattern_;
  bool raw_;
};

}  // namespace sluice::video
