#pragma once

#include <span>
#include <string>
#include <vector>

#include "protocols/http/metrics_text.h"
#include "protocols/http/process_figures.h"
#include "protocols/service.h"
#include "reactor/callback.h"
#include "reactor/clock.h"
#include "reactor/reactor_stats.h"

namespace sluice::http {

/// What is told of one service. Its texts are as they are: who writes them out escapes them.
struct ServiceState {
  std::string name;
  std::string address;
  std::string trouble;  ///< why it does not run; empty while it does
  ServiceCounters counters = {};
};

/// The services of the process, asked for whenever somebody looks.
using ListServices = Function<std::vector<ServiceState>()>;

/// A picture that the page shows, as it is now.
struct PictureState {
  std::string path;  ///< where it comes from, here
  std::string alt;   ///< for those who do not see it
  std::string note;  ///< a line about it
};

struct Overview {
  Duration uptime{};
  bool draining = false;
  std::vector<ServiceState> services;
  std::vector<PictureState> pictures = {};
};

/// What another module has to tell beside it.
using WriteMetrics = Function<void(MetricsText& text)>;

/// Prometheus' text format, version 0.0.4.
std::string to_prometheus(const Overview& overview, const ReactorStats& stats,
                          const ProcessFigures& process, std::span<WriteMetrics> others = {});

/// What the page asks for every second.
std::string to_json(const Overview& overview);

}  // namespace sluice::http
