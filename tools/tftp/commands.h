#pragma once

#include "tools/command.h"

namespace sluice::tools {

/// `sluice get` and `sluice put` of what is at tftp://; they return an Exit.
int get_by_tftp(const Arguments& arguments);
int put_by_tftp(const Arguments& arguments);

}  // namespace sluice::tools
