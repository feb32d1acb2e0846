#pragma once

#include "tools/command.h"

/// The two halves of `sluice multicast`. Each returns an Exit.
namespace sluice::tools {

inline constexpr std::string_view kMulticast = "multicast";

int send_multicast(const Arguments& arguments);
int receive_multicast(const Arguments& arguments);

}  // namespace sluice::tools
