#pragma once

#include <string>

#include "reactor/error.h"
#include "reactor/fd.h"

/// What is sent and can be read only once.
namespace sluice::tools {

/// Whether `path` is `-`, standard input, or what is no regular file: a pipe, a terminal, a device.
bool is_stream(const std::string& path);

/// Opens it, to be read; it blocks.
Result<Fd> open_stream(const std::string& path);

}  // namespace sluice::tools
