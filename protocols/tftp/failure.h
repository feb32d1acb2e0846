#pragma once

#include <string>
#include <string_view>

#include "protocols/tftp/packet.h"
#include "reactor/error.h"

namespace sluice::tftp {

/// What a peer is told of a failure here.
ErrorCode code_for(const Error& error);
/// A sentence for it, that names `subject` where there is one: "no such file: /boot/kernel".
std::string text_for(const Error& error, std::string_view subject = {});

}  // namespace sluice::tftp
