#pragma once

#include <memory>

#include "reactor/selector.h"

/// Internal: what the three backends offer to Selector::make, each in its own source file.
namespace sluice {

Result<std::unique_ptr<Selector>> make_epoll_selector();
Result<std::unique_ptr<Selector>> make_poll_selector();
Result<std::unique_ptr<Selector>> make_select_selector();

}  // namespace sluice
