#include <unistd.h>

#include <thread>

#include "protocols/multicast/sender.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/client.h"
#include "tools/multicast/commands.h"
#include "tools/run_loop.h"

namespace sluice::tools {
namespace {

using multicast::Sender;

/// The longest UDP datagram by IPv4: 65,535 less the headers of IP and UDP.
constexpr std::size_t kMaxDatagram = 65'507;

struct Plan {
  Sender::Options options;
  std::uint64_t count = 1, rate = 1;
  bool lines = false;  // of standard input
  std::string text;
};

int cannot_send(const Plan& plan, const Error& error) {
  std::string hint;
  if (error.code == EMSGSIZE) hint = concat(": a datagram has room for ", kMaxDatagram, " bytes");
  if (error.code == ENETUNREACH || error.code == ENODEV) hint = "; name one with --interface";
  return complain(kMulticast, concat("cannot send to ", plan.options.group.group, ": ",
                                     std::strerror(error.code), hint));
}

std::expected<Plan, std::string> make_plan(const Arguments& arguments) {
  const auto& operands = arguments.operands;
  if (operands.size() > 3) return std::unexpected("too many arguments: is TEXT one word?");
  Plan plan;
  auto spec = multicast::parse_group_spec(operands[1]);
  if (!spec) return std::unexpected(spec.error());
  if (spec->group.port() == 0) return std::unexpected("the port is missing");
  plan.options.group = std::move(*spec);
  if (const auto name = arguments.value("--interface")) plan.options.group.interface = *name;
  const auto hops = number_option(arguments, "--ttl", 2, 0, 255);
  if (!hops) return std::unexpected(hops.error());
  const auto size = number_option(arguments, "--size", 0, 0, kMaxDatagram);
  if (!size) return std::unexpected(size.error());
  const auto count = number_option(arguments, "--count", 1, 0, UINT64_MAX);
  if (!count) return std::unexpected(count.error());
  plan.options.hops = static_cast<int>(*hops);
  plan.options.size = *size;
  plan.options.loop = !arguments.has("--no-loop");
  plan.options.numbered = arguments.has("--numbered");
  plan.count = *count;
  const bool text = operands.size() == 3 && operands[2] != "-";
  // A probe needs no text.
  plan.lines = !text && !(plan.options.numbered && operands.size() == 2);
  if (text) plan.text = operands[2];
  const auto rate = number_option(arguments, "--rate", plan.lines ? 0 : 1, 0, 10'000'000);
  if (!rate) return std::unexpected(rate.error());
  plan.rate = *rate;
  if (plan.lines && arguments.has("--count")) return std::unexpected("--count goes with TEXT");
  return plan;
}

/// The lecture's group with the lecture's TTL is nobody's mistake.
void warn(const Plan& plan, const Arguments& arguments) {
  const std::string word = multicast::contradiction(plan.options.group.group, plan.options.hops);
  const bool as_in_lectures = plan.options.group.group.host() == "224.0.0.255";
  if (!word.empty() && (arguments.has("--ttl") || !as_in_lectures)) complain(kMulticast, word);
}

int send_lines(Reactor& reactor, Sender& sender, const Plan& plan) {
  LineInput input(STDIN_FILENO);
  std::string line;
  auto next = std::chrono::steady_clock::now();
  while (input.next(line) == LineInput::Event::line) {
    if (plan.rate != 0) {
      std::this_thread::sleep_until(next);
      next = std::chrono::steady_clock::now() + Duration(std::chrono::seconds(1)) / plan.rate;
    }
    auto sent = sender.send(line);
    while (!sent && sent.error().code == EAGAIN && reactor.run_once()) sent = sender.send(line);
    if (!sent) return cannot_send(plan, sent.error());
  }
  const auto status = input.status();
  return status ? kOk : report(kMulticast, status.error());
}

int send_text(Reactor& reactor, Sender& sender, Plan& plan) {
  sender.run(std::move(plan.text), plan.count, static_cast<double>(plan.rate),
             [&reactor] { reactor.stop(); });
  const auto ended = run_loop(reactor);
  if (!ended) return complain(kMulticast, ended.error());
  if (sender.failed() != 0 && plan.count != 1) {
    complain(kMulticast, concat(sender.failed(), " of ", sender.failed() + sender.sent(),
                                " datagrams could not be sent"));
  }
  if (sender.error()) return cannot_send(plan, sender.error());
  if (plan.count != 1 && isatty(STDERR_FILENO) == 1) {
    (void)write_all(STDERR_FILENO, concat(sender.sent(), " datagrams sent\n"));
  }
  return sender.failed() == 0 ? kOk : kFailed;
}

}  // namespace

int send_multicast(const Arguments& arguments) {
  auto plan = make_plan(arguments);
  if (!plan) return misused(kMulticast, plan.error());
  warn(*plan, arguments);
  Reactor reactor;
  Sender sender(reactor, plan->options);
  if (auto opened = sender.open(); !opened) return complain(kMulticast, opened.error());
  return plan->lines ? send_lines(reactor, sender, *plan) : send_text(reactor, sender, *plan);
}

}  // namespace sluice::tools
