#include "tools/serve_ftp.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>

#include "protocols/ftp/ftp_service.h"
#include "protocols/ftp/password_process.h"
#include "reactor/log.h"
#include "reactor/text.h"

namespace sluice::tools {
namespace {

using Checked = std::expected<void, std::string>;

std::string made_up_password() {
  constexpr std::string_view kLetters =
      "abcdefghijkmnpqrstuvwxyz23456789";  // none looks like another
  unsigned char bytes[12];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) std::abort();
  std::string password;
  for (const unsigned char byte : bytes) password += kLetters[byte % kLetters.size()];
  return password;
}

std::optional<ftp::PasswordProcess>& password_process() {
  static std::optional<ftp::PasswordProcess> process;
  return process;
}

/// Starts one in place of any that there was.
Result<void> start_password_process() {
  auto process = ftp::PasswordProcess::fork();
  if (!process) return std::unexpected(process.error());
  password_process() = std::move(*process);
  return {};
}

Result<Fd> restart_password_process() {
  if (auto started = start_password_process(); !started) return std::unexpected(started.error());
  return password_process()->take_socket();
}

/// The accounts that the settings name; called again when they may have changed.
std::expected<ftp::Accounts, std::string> load_accounts(const ServeSettings& settings) {
  ftp::Accounts accounts;
  const std::string root = settings.text("ftp-root", kFtpRoot);
  if (const std::string* path = settings.find("ftp-users")) {
    std::string warning;
    if (auto read = accounts.read_file(*path, root, warning); !read) {
      return std::unexpected(read.error());
    }
    if (!warning.empty()) log(LogLevel::warning, "ftp", warning);
  }
  const auto letters = [&settings](std::string_view option) {
    using ftp::Permissions;
    return *Permissions::parse(settings.has(option) ? Permissions::kAll : Permissions::kRead);
  };
  for (const std::string_view user : settings.find_all("ftp-user")) {
    const std::size_t colon = user.find(':');
    if (colon == std::string_view::npos) {
      return std::unexpected(concat("--ftp-user takes NAME:PASSWORD, not ", user));
    }
    if (auto added = accounts.add(std::string(user.substr(0, colon)),
                                  {ftp::Secret::Kind::plain, std::string(user.substr(colon + 1))},
                                  root, letters("ftp-writable"));
        !added) {
      return std::unexpected(concat("--ftp-user: ", added.error()));
    }
  }
  if (settings.has("ftp-anonymous") || settings.has("ftp-anonymous-writable")) {
    if (auto added = accounts.add_anonymous(root, letters("ftp-anonymous-writable")); !added) {
      return std::unexpected(added.error());
    }
  }
  return accounts;
}

Checked set_passive(const ServeSettings& settings, ftp::FtpService::Options& options) {
  if (const std::string* range = settings.find("ftp-pasv-range")) {
    const std::size_t dash = range->find('-');
    const auto first = parse_number<std::uint16_t>(range->substr(0, dash));
    const auto last =
        dash == std::string::npos ? first : parse_number<std::uint16_t>(range->substr(dash + 1));
    if (!first || !last || *first == 0 || *first > *last) {
      return std::unexpected(concat("--ftp-pasv-range takes ports A-B, not ", *range));
    }
    options.pasv_ports = {*first, *last};
  }
  if (const std::string* host = settings.find("ftp-pasv-address")) {
    const auto found = resolve(concat(*host, ":0"));
    const auto v4 =
        found ? std::ranges::find(*found, AF_INET, &Address::family) : decltype(found->begin()){};
    if (!found || v4 == found->end()) {
      return std::unexpected(concat("--ftp-pasv-address ", *host, ": ",
                                    found ? "it has no IPv4 address" : found.error().operation));
    }
    options.pasv_address = *v4;
  }
  return {};
}

/// Numbers, each with its option, its bounds and where it goes.
Checked set_numbers(const ServeSettings& settings, ftp::FtpService::Options& options) {
  using std::chrono::milliseconds, std::chrono::seconds;
  std::uint64_t clients = options.max_clients, per_address = options.max_per_address;
  std::uint64_t idle = 300, login_time = 60, stall = 60, delay = 500, burst = options.guard.burst;
  const struct {
    std::string_view name;
    std::uint64_t& value;
    std::uint64_t low, high;
  } numbers[] = {
      {"ftp-max-clients", clients, 1, UINT32_MAX},
      {"ftp-max-per-address", per_address, 1, UINT32_MAX},
      {"ftp-idle", idle, 1, 86'400 * 365},
      {"ftp-login-time", login_time, 1, 86'400},
      {"ftp-stall", stall, 1, 86'400},
      {"ftp-login-delay", delay, 0, 60'000},
      {"ftp-login-burst", burst, 0, UINT32_MAX},
  };
  for (const auto& number : numbers) {
    const auto given = settings.number(number.name, number.value, number.low, number.high);
    if (!given) return std::unexpected(given.error());
    number.value = *given;
  }
  options.max_clients = clients;
  options.max_per_address = per_address;
  options.idle = seconds(idle);
  options.login_time = seconds(login_time);
  options.stall = seconds(stall);
  options.login_delay = milliseconds(delay);
  options.guard.burst = static_cast<unsigned>(burst);
  return {};
}

}  // namespace

void take_ftp_secrets(ServeSettings& settings, const Arguments& arguments) {
  if (const char* user = std::getenv("SLUICE_FTP_USER")) settings.add_default("ftp-user", user);
  for (const auto& [name, value] : arguments.options) {
    if (name != "--ftp-user") continue;
    // The text is argv's own, which may be written to (POSIX.1-2017, exec).
    char* text = const_cast<char*>(value.data());
    std::fill(text + std::min(value.find(':'), value.size()), text + value.size(), '*');
  }
}

void set_ftp_defaults(ServeSettings& settings) {
  const bool users = settings.has("ftp-user") || settings.has("ftp-users") ||
                     settings.has("ftp-anonymous") || settings.has("ftp-anonymous-writable");
  if (users) return;
  settings.add_default("ftp-user", concat("sluice:", made_up_password()));
  settings.add_default("ftp-writable", "");
  settings.add_default("ftp-anonymous", "");
}

Result<void> fork_password_process(const ServeSettings& settings, bool all) {
  if (!settings.has("ftp-users") || (!all && !settings.has("ftp"))) return {};
  return start_password_process();
}

Made make_ftp(Reactor& reactor, const Address& address, const ServeSettings& settings) {
  ftp::FtpService::Options options;
  options.address = address;
  options.atomic = settings.has("ftp-atomic");
  options.sync = settings.has("sync");
  options.transfer_log = settings.text("ftp-xferlog", "");
  if (auto set = set_passive(settings, options); !set) return std::unexpected(set.error());
  if (auto set = set_numbers(settings, options); !set) return std::unexpected(set.error());
  const auto accounts = load_accounts(settings);
  if (accounts && accounts->empty()) {
    return std::unexpected("nobody could log in: give --ftp-users, --ftp-user or --ftp-anonymous");
  }
  return std::make_unique<ftp::FtpService>(
      reactor, std::move(options), [&settings] { return load_accounts(settings); },
      password_process() ? password_process()->take_socket() : Fd(), &restart_password_process);
}

std::string try_ftp(const std::string& address, const ServeSettings& settings) {
  const auto users = settings.find_all("ftp-user");
  const std::string who = users.empty() ? "" : concat(users.back(), '@');
  return concat("curl -T README.md ftp://", who, address, '/');
}

}  // namespace sluice::tools
