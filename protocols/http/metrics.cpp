#include "protocols/http/metrics.h"

#include "protocols/http/escape.h"
#include "reactor/text.h"

namespace sluice::http {
namespace {

/// `12.345678`
std::string seconds(Duration time) {
  return concat(Decimal(std::chrono::duration_cast<std::chrono::microseconds>(time).count(), 6));
}

void add_services(MetricsText& text, const Overview& overview) {
  constexpr struct {
    std::string_view name, help;
    std::uint64_t ServiceCounters::* value;
  } kCounters[] = {
      {"sluice_connections_total", "Clients accepted.", &ServiceCounters::connections},
      {"sluice_failures_total", "Of them, ended by an error.", &ServiceCounters::failures},
      {"sluice_received_bytes_total", "Bytes from clients.", &ServiceCounters::bytes_in},
      {"sluice_sent_bytes_total", "Bytes to clients, or queued to be.",
       &ServiceCounters::bytes_out},
  };
  text.head("sluice_service_up", "gauge", "Whether the service runs.");
  for (const ServiceState& service : overview.services) {
    text.sample("sluice_service_up", "service", service.name, service.trouble.empty() ? 1 : 0);
  }
  for (const auto& counter : kCounters) {
    text.head(counter.name, "counter", counter.help);
    for (const ServiceState& service : overview.services) {
      text.sample(counter.name, "service", service.name, service.counters.*counter.value);
    }
  }
}

void add_reactor(MetricsText& text, const ReactorStats& stats) {
  const struct {
    std::string_view name, help;
    std::uint64_t value;
  } counters[] = {
      {"turns", "Turns of the loop.", stats.turns},
      {"events", "Ready events that were dispatched.", stats.events},
      {"stale_events", "Events for a registration that had ended since.", stats.stale_events},
      {"interest_refused", "Changes of interest that the kernel put off.", stats.interest_refused},
      {"accepts_shed", "Connections closed at the descriptor limit.", stats.accepts_shed},
      {"accept_pauses", "Rests of a listener at the descriptor limit.", stats.accept_pauses},
      {"budgets_exhausted", "Times a connection had its share of a turn.", stats.budgets_exhausted},
      {"timers_fired", "Timers that fired.", stats.timers_fired},
      {"posts_run", "Posted calls.", stats.posts_run},
      {"retired", "Objects destroyed at the end of a turn.", stats.retired},
  };
  for (const auto& counter : counters) {
    text.only(concat("sluice_reactor_", counter.name, "_total"), "counter", counter.help,
              counter.value);
  }
  text.only("sluice_reactor_busy_seconds_total", "counter", "Time in callbacks.",
            seconds(stats.busy));
  text.only("sluice_reactor_slowest_turn_seconds", "gauge",
            "The longest that the loop was kept from waiting.", seconds(stats.slowest_turn));
}

void add_process(MetricsText& text, const ProcessFigures& process) {
  text.only("process_cpu_seconds_total", "counter", "Processor time, user and system.",
            seconds(process.cpu));
  if (process.resident_bytes) {
    text.only("process_resident_memory_bytes", "gauge", "Resident memory.",
              *process.resident_bytes);
  }
  if (process.open_descriptors) {
    text.only("process_open_fds", "gauge", "Open file descriptors.", *process.open_descriptors);
  }
  if (process.max_descriptors) {
    text.only("process_max_fds", "gauge", "The most file descriptors that may be open.",
              *process.max_descriptors);
  }
}

}  // namespace

std::string to_prometheus(const Overview& overview, const ReactorStats& stats,
                          const ProcessFigures& process, std::span<WriteMetrics> others) {
  MetricsText text;
  add_services(text, overview);
  text.only("sluice_uptime_seconds", "gauge", "Since the service was made.",
            seconds(overview.uptime));
  add_reactor(text, stats);
  add_process(text, process);
  for (WriteMetrics& other : others) other(text);
  return text.take();
}

std::string to_json(const Overview& overview) {
  std::string text =
      concat("{\"uptime_seconds\":", seconds(overview.uptime),
             ",\"draining\":", overview.draining ? "true" : "false", ",\"services\":[");
  const char* comma = "";
  for (const ServiceState& service : overview.services) {
    const ServiceCounters& counters = service.counters;
    text += concat(std::exchange(comma, ","), "{\"name\":\"", json_escaped(service.name),
                   "\",\"address\":\"", json_escaped(service.address), "\",\"trouble\":\"",
                   json_escaped(service.trouble), "\",\"connections\":", counters.connections,
                   ",\"failures\":", counters.failures, ",\"bytes_in\":", counters.bytes_in,
                   ",\"bytes_out\":", counters.bytes_out, '}');
  }
  text += "],\"pictures\":[";
  comma = "";
  for (const PictureState& picture : overview.pictures) {
    text += concat(std::exchange(comma, ","), "{\"path\":\"", json_escaped(picture.path),
                   "\",\"alt\":\"", json_escaped(picture.alt), "\",\"note\":\"",
                   json_escaped(picture.note), "\"}");
  }
  return text + "]}\n";
}

}  // namespace sluice::http
