#pragma once

#include <string>

#include "tools/ftp/choices.h"
#include "tools/ftp/url.h"

namespace sluice::tools {

/// `put -r`: what is in `directory` goes into the URL's directory, which is made when it is not
/// there, with those above it. Returns an Exit.
int put_tree(const Choices& choices, const std::string& directory, const FtpUrl& url);

}  // namespace sluice::tools
