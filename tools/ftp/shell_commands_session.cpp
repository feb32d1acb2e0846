#include <array>

#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/ftp/session.h"
#include "tools/ftp/shell.h"
#include "tools/ftp/shell_commands.h"
#include "tools/progress.h"

namespace sluice::tools {
namespace {

Outcome<void> run_open(Shell& shell, const CommandLine& line) {
  const auto site = parse_ftp_site(line.words[0]);
  if (!site) return trouble(site.error(), kWrongUsage);
  return shell.open(*site);
}

Outcome<void> run_user(Shell& shell, const CommandLine& line) {
  std::optional<std::string> password;
  if (line.words.size() > 1) password = line.words[1];
  return shell.login(line.words[0], std::move(password),
                     line.words.size() > 2 ? line.words[2] : std::string());
}

Outcome<void> run_close(Shell& shell, const CommandLine&) {
  shell.link().quit();
  return {};
}

Outcome<void> run_quit(Shell& shell, const CommandLine&) {
  shell.quit();
  return {};
}

Outcome<void> run_binary(Shell& shell, const CommandLine&) {
  shell.type() = ftp::Client::Type::binary;
  shell.tell("files are transferred as they are (binary)");
  return {};
}

Outcome<void> run_ascii(Shell& shell, const CommandLine&) {
  shell.type() = ftp::Client::Type::ascii;
  shell.tell("files are transferred as text, line ends converted (ASCII)");
  return {};
}

/// What `on`, `off` or nothing, which turns it round, makes of `now`.
Outcome<bool> switched(const CommandLine& line, bool now) {
  if (line.words.empty()) return !now;
  if (line.words[0] == "on") return true;
  if (line.words[0] == "off") return false;
  return trouble(concat(line.name, " is on or off, not ", line.words[0]), kWrongUsage);
}

std::string_view data_connections(bool passive) {
  return passive ? "data connections are passive: we connect (EPSV, PASV)"
                 : "data connections are active: the server connects (EPRT, PORT)";
}

Outcome<void> run_passive(Shell& shell, const CommandLine& line) {
  bool& passive = shell.link().options().passive;
  const auto wanted = switched(line, passive);
  if (!wanted) return std::unexpected(wanted.error());
  passive = *wanted;
  shell.link().apply_options();
  shell.tell(data_connections(passive));
  return {};
}

Outcome<void> run_verbose(Shell& shell, const CommandLine& line) {
  const auto wanted = switched(line, shell.link().shows_talk());
  if (!wanted) return std::unexpected(wanted.error());
  shell.show_talk(*wanted);
  shell.tell(*wanted ? "what is said over the connection is shown" : "no longer shown");
  return {};
}

std::string features_of(const ftp::Client& client) {
  constexpr std::array<std::string_view, 13> kKnown = {
      "MLST", "SIZE", "MDTM", "REST STREAM", "MFMT", "MFF",    "UTF8",
      "EPSV", "EPRT", "TVFS", "HASH",        "XCRC", "XSHA256"};
  std::string features;
  for (const std::string_view feature : kKnown) {
    if (!client.has_feature(feature)) continue;
    features += concat(features.empty() ? "" : ", ", feature);
  }
  return features.empty() ? "none known here" : features;
}

Outcome<void> run_status(Shell& shell, const CommandLine&) {
  ShellLink& link = shell.link();
  std::string text;
  if (link.host_port().empty()) {
    text = "not connected\n";
  } else {
    const std::string host_port = printable(link.host_port());
    text = concat(link.connected() ? "connected to " : "no longer connected to ", host_port);
    if (link.connected() && link.client().peer().to_string() != link.host_port()) {
      text += concat(" (", link.client().peer(), ')');
    }
    text += link.logged_in() ? concat(", logged in as ", printable(link.user()))
                             : std::string(", not logged in");
    if (!link.directory().empty()) text += concat(", in ", printable(link.directory()));
    text += '\n';
    if (link.logged_in()) {
      text += concat("features of the server: ", features_of(link.client()), '\n');
    }
  }
  const bool binary = shell.type() == ftp::Client::Type::binary;
  text += concat("type: ", binary ? "binary" : "ascii", '\n');
  text += concat(data_connections(link.options().passive), '\n');
  text += concat("verbose: ", link.shows_talk() ? "on" : "off", '\n');
  return shell.print(text);
}

/// The answer is shown whatever it says, and decides how the command ended.
Outcome<void> run_quote(Shell& shell, const CommandLine& line) {
  ShellLink& link = shell.link();
  if (!link.connected()) {
    if (auto ready = link.ready(); !ready) return ready;
  }
  std::string command(line.rest);
  while (command.ends_with(' ') || command.ends_with('\r')) command.pop_back();
  const auto reply =
      link.wait<ftp::ServerReply>([&](auto done) { link.client().ask(command, std::move(done)); });
  if (!reply) return std::unexpected(trouble_of(printable(command), reply.error()));
  if (reply->code < 400) return shell.print(concat(shown_reply(*reply), '\n'));
  return trouble(shown_reply(*reply));
}

std::string overview() {
  constexpr std::size_t kColumn = 36;
  std::string text;
  for (const ShellCommand* command : shell_commands()) {
    const std::string left =
        concat(command->name, command->usage.empty() ? "" : " ", command->usage);
    const std::size_t width = columns_of(left);
    text += concat(left, std::string(width < kColumn ? kColumn - width : 1, ' '), command->summary,
                   '\n');
  }
  return text +
         "\nNames of commands may be cut short. A word with blanks is \"quoted\" or has back\\ "
         "slashes."
         "\n; parts commands, # begins a comment, and of a script with - before a command the\n"
         "failure is passed over.\n";
}

Outcome<void> run_help(Shell& shell, const CommandLine& line) {
  if (line.words.empty()) return shell.print(overview());
  const auto command = find_shell_command(line.words[0]);
  if (!command) return trouble(command.error(), kWrongUsage);
  return shell.print(concat("usage: ", (*command)->name, (*command)->usage.empty() ? "" : " ",
                            (*command)->usage, '\n', (*command)->summary, '\n'));
}

constexpr std::string_view kBinary = "transfers files as they are; so it is unless told";
constexpr std::string_view kVerbose = "shows what is said over the connection";
constexpr std::string_view kQuit = "ends the session, as ^D does";
constexpr std::string_view kHelp = "lists the commands, or tells of one";

constexpr ShellCommand kCommands[] = {
    {.name = "open",
     .usage = "[USER[:PASSWORD]@]HOST[:PORT]",
     .summary = "connects, and logs in",
     .least = 1,
     .most = 1,
     .changes = true,
     .run = run_open},
    {.name = "user",
     .usage = "NAME [PASSWORD] [ACCOUNT]",
     .summary = "logs in",
     .least = 1,
     .most = 3,
     .changes = true,
     .run = run_user},
    {.name = "close",
     .summary = "ends the connection, and stays here",
     .changes = true,
     .run = run_close},
    {.name = "quit", .summary = kQuit, .run = run_quit},
    {.name = "bye", .summary = kQuit, .run = run_quit},
    {.name = "exit", .summary = kQuit, .run = run_quit},
    {.name = "bin", .summary = kBinary, .run = run_binary},
    {.name = "binary", .summary = kBinary, .run = run_binary},
    {.name = "image", .summary = kBinary, .run = run_binary},
    {.name = "ascii", .summary = "transfers files as text, line ends converted", .run = run_ascii},
    {.name = "passive",
     .usage = "[on|off]",
     .summary = "who makes data connections: on, as at the start, means that we do",
     .most = 1,
     .first = WordKind::on_off,
     .run = run_passive},
    {.name = "verbose",
     .usage = "[on|off]",
     .summary = kVerbose,
     .most = 1,
     .first = WordKind::on_off,
     .run = run_verbose},
    {.name = "debug",
     .usage = "[on|off]",
     .summary = kVerbose,
     .most = 1,
     .first = WordKind::on_off,
     .run = run_verbose},
    {.name = "status",
     .summary = "where we are connected, as whom, and how files are transferred",
     .run = run_status},
    {.name = "quote",
     .usage = "COMMAND",
     .summary = "says COMMAND to the server, as it is typed",
     .least = 1,
     .most = kAnyNumber,
     .changes = true,
     .run = run_quote},
    {.name = "help",
     .usage = "[COMMAND]",
     .summary = kHelp,
     .most = 1,
     .first = WordKind::command,
     .run = run_help},
    {.name = "?",
     .usage = "[COMMAND]",
     .summary = kHelp,
     .most = 1,
     .first = WordKind::command,
     .run = run_help},
};

}  // namespace

std::span<const ShellCommand> shell_session_commands() {
  return kCommands;
}

}  // namespace sluice::tools
