#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string_view>

#include "protocols/video/frame.h"

namespace sluice::video {

/// The frame in a payload of the TCP format, told apart by its first bytes and its size; without a
/// number and a time. The error names what is wrong.
std::expected<Frame, std::string_view> read_payload(std::span<const std::byte> payload);

}  // namespace sluice::video
