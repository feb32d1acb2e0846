#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What the sub-commands of `sluice` have in common: options, usage, exit status, complaints.
namespace sluice::tools {

/// Exit status of every command; the last four are those of `get`, `put` and `ftp`.
enum Exit : int {
  kOk = 0,
  kFailed = 1,
  kWrongUsage = 2,
  kLoginRefused = 3,
  kNoSuchFile = 4,
  kNetwork = 5,
  kDiskFull = 6,
};

/// `--name` of a command, or `--name VALUE` when `value` names what it takes.
struct Option {
  std::string_view name;   ///< with its dashes; one letter after one dash is an option like others
  std::string_view value;  ///< "" for a flag
  std::string_view help;
};

/// A command line taken apart. Its texts are those of argv.
struct Arguments {
  std::vector<std::pair<std::string_view, std::string_view>> options;  ///< in order, may repeat
  std::vector<std::string_view> operands;

  bool has(std::string_view name) const { return value(name).has_value(); }
  /// The last value given for `name`.
  std::optional<std::string_view> value(std::string_view name) const;
};

/// Takes `--name VALUE`, `--name=VALUE` and operands, in any order; after `--` all are operands,
/// and a single `-` is one. The error is a sentence.
std::expected<Arguments, std::string> parse_arguments(std::span<char* const> words,
                                                      std::span<const Option> options);

/// One sub-command: its name, its usage line without "sluice", a sentence, its options.
/// `run` returns an Exit.
struct Command {
  std::string_view name;
  std::string_view usage;
  std::string_view summary;
  std::span<const Option> options;
  int (*run)(const Arguments& arguments);
};

/// Prints `sluice COMMAND: MESSAGE` to standard error; returns kFailed.
int complain(std::string_view command, std::string_view message);
/// The same for wrong usage, with a word on where help is; returns kWrongUsage.
int misused(std::string_view command, std::string_view message);

/// Writes all of `text` to standard output; kFailed, with a word on standard error, when it cannot.
int print(std::string_view text);

/// What every program does first. A full disk and a vanished reader are errors of a call from then
/// on, not the end of the process.
void prepare_process();

/// What `sluice help COMMAND` prints.
std::string help_of(const Command& command);
std::string_view version_line();

/// Takes the words behind the command's name apart and runs it, or prints its help. Returns an
/// Exit.
int run_command(const Command& command, std::span<char* const> words);

extern const Command kServe;
extern const Command kEcho;
extern const Command kTime;
extern const Command kWords;
extern const Command kDrop;
extern const Command kReceive;
extern const Command kPasswd;
extern const Command kGet;
extern const Command kPut;
extern const Command kFtp;
extern const Command kChat;
extern const Command kUdpEcho;
extern const Command kUdpFile;
extern const Command kBroadcast;
extern const Command kMulticastCommand;
extern const Command kVideo;

}  // namespace sluice::tools
