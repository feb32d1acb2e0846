#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "protocols/video/sources.h"

namespace sluice::tools {

/// What `--source TEXT` names: all that make_source() knows, and the files that OpenCV reads. The
/// error is a sentence.
std::expected<std::unique_ptr<video::FrameSource>, std::string> open_source(
    Reactor& reactor, std::string_view text, const video::SourceOptions& options);

}  // namespace sluice::tools
