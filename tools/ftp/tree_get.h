#pragma once

#include "tools/ftp/choices.h"
#include "tools/ftp/url.h"

namespace sluice::tools {

/// `get -r`: what is in the URL's directory goes into `choices.output`, by default a directory of
/// its name here (the working directory for the server's root). Returns an Exit.
int get_tree(const Choices& choices, const FtpUrl& url);

}  // namespace sluice::tools
