#include "protocols/video/pattern_source.h"

namespace sluice::video {
namespace {

TestPattern pattern_of(const SourceOptions& options) {
  TestPattern pattern;
  if (options.width != 0) pattern.width = options.width;
  if (options.height != 0) pattern.height = options.height;
  return pattern;
}

}  // namespace

PatternSource::PatternSource(Reactor& reactor, const SourceOptions& options)
    : PacedSource(reactor, options.fps), pattern_(pattern_of(options)), raw_(options.raw) {}

Started PatternSource::check(const SourceOptions& options) {
  const TestPattern pattern = pattern_of(options);
  if (pattern.width % 16 == 0 && pattern.height % 16 == 0 && pattern.width >= 320 &&
      pattern.height >= 240 && pattern.width <= 8192 && pattern.height <= 8192) {
    return {};
  }
  return std::unexpected(concat("the test pattern cannot be ", pattern.width, "x", pattern.height,
                                ": width and height are multiples of 16, from 320x240 to "
                                "8192x8192"));
}

Started PatternSource::start(FrameSink& sink) {
  set_sink(sink);
  return {};
}

void PatternSource::step() noexcept {
  const std::uint64_t number = next_number();
  const auto bytes = raw_ ? pattern_.draw_bgr(number) : pattern_.draw_jpeg(number);
  give(SharedBytes(bytes), pattern_.width, pattern_.height);
}

}  // namespace sluice::video
