#pragma once

#include <string>

#include "protocols/http/metrics.h"
#include "protocols/http/response.h"

namespace sluice::http {

/// The page at `/`: complete as it is sent, kept up to date by its script where scripts run. Loads
/// nothing from anywhere, and its Content-Security-Policy names its style and its script by their
/// digests, so that no other could run even if one got in.
class Page {
 public:
  Page();
  Response show(const Overview& overview) const;

 private:
  std::string policy_;
};

/// `0 B`, `999 B`, `1.0 kB`, `2.4 GB`: as the script of the page writes them, too.
std::string human_bytes(std::uint64_t bytes);

}  // namespace sluice::http
