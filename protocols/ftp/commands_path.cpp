// Directories, names, and what is known of a file.

#include "protocols/ftp/commands.h"
#include "protocols/ftp/ftp_session.h"
#include "protocols/ftp/listing.h"
#include "protocols/ftp/path.h"
#include "protocols/ftp/reply.h"
#include "protocols/ftp/session_paths.h"
#include "protocols/ftp/timestamp.h"

namespace sluice::ftp {
namespace {

void run_cwd(FtpSession& session, std::string_view argument) {
  auto path = path_of(session, argument);
  if (!path) return;
  if (auto entered = session.tree().check_enter(*path); !entered) {
    return session.refuse(entered.error(), argument);
  }
  session.settings().cwd = std::move(*path);
  session.reply(250, concat(quoted(session.settings().cwd), " is the directory now."));
}

void run_cdup(FtpSession& session, std::string_view) {
  run_cwd(session, "..");
}

void run_pwd(FtpSession& session, std::string_view) {
  session.reply(257, concat(quoted(session.settings().cwd), " is the directory."));
}

void run_mkd(FtpSession& session, std::string_view argument) {
  const auto path = new_path_of(session, argument);
  if (!path) return;
  if (auto made = session.tree().make_directory(*path); !made) {
    return session.refuse(made.error(), argument);
  }
  session.log_line(LogLevel::info, session.user(), " made ", *path);
  session.reply(257, concat(quoted(*path), " made."));
}

void report_removal(FtpSession& session, std::string_view argument, const std::string& path,
                    const Result<void>& removed) {
  if (!removed) return session.refuse(removed.error(), argument);
  session.log_line(LogLevel::info, session.user(), " removed ", path);
  session.reply(250, "Removed.");
}

void run_rmd(FtpSession& session, std::string_view argument) {
  const auto path = new_path_of(session, argument);
  if (path) report_removal(session, argument, *path, session.tree().remove_directory(*path));
}

void run_dele(FtpSession& session, std::string_view argument) {
  const auto path = new_path_of(session, argument);
  if (path) report_removal(session, argument, *path, session.tree().remove_file(*path));
}

void run_rnfr(FtpSession& session, std::string_view argument) {
  auto path = new_path_of(session, argument);
  if (!path) return;
  if (const auto info = session.tree().info(*path, false); !info) {
    return session.refuse(info.error(), argument);
  }
  session.settings().rename_from = std::move(*path);
  session.reply(350, "Now the new name, by RNTO.");
}

void run_rnto(FtpSession& session, std::string_view argument) {
  const std::string from = std::exchange(session.settings().rename_from, {});
  if (from.empty()) return session.reply(503, "Send RNFR first.");
  const auto to = new_path_of(session, argument);
  if (!to) return;
  if (auto renamed = session.tree().rename(from, *to); !renamed) {
    return session.refuse(renamed.error(), argument);
  }
  session.log_line(LogLevel::info, session.user(), " renamed ", from, " to ", *to);
  session.reply(250, "Renamed.");
}

/// Of a regular file; has replied when it is none.
std::optional<files::FileInfo> file_info_of(FtpSession& session, std::string_view argument) {
  const auto path = path_of(session, argument);
  if (!path) return std::nullopt;
  const auto info = session.tree().info(*path);
  if (info && info->is_regular()) return *info;
  session.refuse(info ? Error{info->is_directory() ? EISDIR : EINVAL, "stat"} : info.error(),
                 argument);
  return std::nullopt;
}

/// RFC 3659 section 4; what TYPE A would transfer is not known without reading the file.
void run_size(FtpSession& session, std::string_view argument) {
  const auto info = file_info_of(session, argument);
  if (!info) return;
  if (session.settings().ascii) return session.reply(550, "SIZE is for TYPE I.");
  session.reply(213, concat(info->size));
}

/// Sets the time of `argument`; has replied when it could not.
bool set_modified(FtpSession& session, std::string_view argument, timespec time) {
  const auto path = named_path_of(session, argument);
  if (!path) return false;
  auto set = session.tree().set_modified(*path, time);
  if (!set) session.refuse(set.error(), argument);
  return set.has_value();
}

std::string modify_fact(timespec time) {
  std::string text = "Modify=";
  append_timestamp(text, time.tv_sec);
  return text;
}

/// RFC 3659 section 3, and the form `MDTM YYYYMMDDHHMMSS NAME` that sets, which clients of servers
/// without MFMT use. A file whose name looks like that is asked about.
void run_mdtm(FtpSession& session, std::string_view argument) {
  const std::size_t space = argument.find(' ');
  if (space != std::string_view::npos) {
    const auto time = parse_timestamp(argument.substr(0, space));
    const auto path = resolve_path(session.settings().cwd, argument);
    if (time && path && !session.tree().info(*path)) {
      if (!session.account().permissions.has('T')) return session.reply(550, "Permission denied.");
      if (!set_modified(session, argument.substr(space + 1), *time)) return;
      return session.reply(213, concat(modify_fact(*time), "; set."));
    }
  }
  const auto info = file_info_of(session, argument);
  if (!info) return;
  std::string text;
  append_timestamp(text, info->modified.tv_sec);
  session.reply(213, text);
}

/// draft-somers-ftp-mfxx section 3.1.
void run_mfmt(FtpSession& session, std::string_view argument) {
  const std::size_t space = argument.find(' ');
  if (space == std::string_view::npos) return session.reply(501, "Usage: MFMT TIME NAME");
  const auto time = parse_timestamp(argument.substr(0, space));
  if (!time) return session.reply(501, "The time is YYYYMMDDHHMMSS, in UTC.");
  const std::string_view name = argument.substr(space + 1);
  if (!set_modified(session, name, *time)) return;
  session.reply(213, concat(modify_fact(*time), "; ", safe_name(name)));
}

std::optional<mode_t> parse_mode(std::string_view text) {
  mode_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc{} || end != text.data() + text.size() || mode > 0777) return std::nullopt;
  return mode;
}

/// What MFF is to set, and the code of the reply when that cannot be.
struct FactsToSet {
  std::optional<timespec> modified;
  std::optional<mode_t> mode;
  int wrong = 0;
  std::string_view culprit;
};

FactsToSet parse_facts_to_set(std::string_view facts) {
  FactsToSet parsed;
  while (!facts.empty() && parsed.wrong == 0) {
    const std::string_view fact = facts.substr(0, facts.find(';'));
    facts.remove_prefix(fact.size() + 1);
    const std::size_t equals = std::min(fact.find('='), fact.size());
    const std::string name = upper_case(fact.substr(0, equals));
    const std::string_view value = fact.substr(std::min(equals + 1, fact.size()));
    if (name == "MODIFY") {
      parsed.modified = parse_timestamp(value);
      if (!parsed.modified) parsed.wrong = 501;
    } else if (name == "UNIX.MODE") {
      parsed.mode = parse_mode(value);
      if (!parsed.mode) parsed.wrong = 501;
    } else {
      parsed.wrong = 504;
    }
    if (parsed.wrong != 0) parsed.culprit = fact;
  }
  return parsed;
}

/// draft-somers-ftp-mfxx section 5. All of the facts are looked at before any is set.
void run_mff(FtpSession& session, std::string_view argument) {
  const std::size_t space = argument.find("; ");
  if (space == std::string_view::npos) return session.reply(501, "Usage: MFF FACT=VALUE;… NAME");
  const std::string_view facts = argument.substr(0, space + 1), name = argument.substr(space + 2);
  const FactsToSet wanted = parse_facts_to_set(facts);
  if (wanted.wrong != 0) {
    return session.reply(wanted.wrong, concat(safe_name(wanted.culprit), ": not a fact to set."));
  }
  const Permissions& may = session.account().permissions;
  if ((wanted.modified && !may.has('T')) || (wanted.mode && !may.has('M'))) {
    return session.reply(550, "Permission denied.");
  }
  const auto path = named_path_of(session, name);
  if (!path) return;
  Result<void> set;
  if (wanted.modified) set = session.tree().set_modified(*path, *wanted.modified);
  if (set && wanted.mode) set = session.tree().set_mode(*path, *wanted.mode);
  if (!set) return session.refuse(set.error(), name);
  session.reply(213, concat(safe_name(facts), ' ', safe_name(name)));
}

/// RFC 3659 section 7.
void run_mlst(FtpSession& session, std::string_view argument) {
  const auto path = path_of(session, argument);
  if (!path) return;
  const auto line = list_one(session.tree(), *path, *path,
                             {.kind = ListingKind::facts,
                              .facts = session.settings().facts,
                              .allowed = allowed_of(session.account())});
  if (!line) return session.refuse(line.error(), argument);
  session.write(concat("250-Facts:\r\n ", *line, "\r\n250 End\r\n"));
}

void site_chmod(FtpSession& session, std::string_view argument) {
  const std::size_t space = argument.find(' ');
  if (space == std::string_view::npos) return session.reply(501, "Usage: SITE CHMOD MODE NAME");
  const auto mode = parse_mode(argument.substr(0, space));
  if (!mode) return session.reply(501, "The mode is octal, at most 777.");
  if (!session.account().permissions.has('M')) return session.reply(550, "Permission denied.");
  const std::string_view name = argument.substr(space + 1);
  const auto path = named_path_of(session, name);
  if (!path) return;
  if (auto set = session.tree().set_mode(*path, *mode); !set) {
    return session.refuse(set.error(), name);
  }
  session.log_line(LogLevel::info, session.user(), " changed the mode of ", *path);
  session.reply(200, "Mode changed.");
}

/// Both forms that clients use: `YYYYMMDDhhmm[ss] NAME`, and `NAME ACCESS MODIFY CREATE UTC`.
void site_utime(FtpSession& session, std::string_view argument) {
  if (!session.account().permissions.has('T')) return session.reply(550, "Permission denied.");
  const auto stamp = [](std::string_view text) {
    const auto time = parse_timestamp(text);
    return time ? time : parse_timestamp_minutes(text);
  };
  std::string_view name = argument;
  std::optional<timespec> time;
  if (upper_case(argument).ends_with(" UTC")) {
    std::string_view words[3];
    name.remove_suffix(4);
    for (int i = 2; i >= 0 && name.find(' ') != std::string_view::npos; --i) {
      words[i] = name.substr(name.rfind(' ') + 1);
      name.remove_suffix(words[i].size() + 1);
    }
    time = stamp(words[0]) && stamp(words[2]) ? stamp(words[1]) : std::nullopt;
  } else if (const std::size_t space = argument.find(' '); space != std::string_view::npos) {
    time = stamp(argument.substr(0, space));
    name = argument.substr(space + 1);
  }
  if (!time) {
    return session.reply(501, "Usage: SITE UTIME YYYYMMDDhhmmss NAME");
  }
  if (set_modified(session, name, *time)) session.reply(200, "Time changed.");
}

void run_site(FtpSession& session, std::string_view argument) {
  const std::size_t space = std::min(argument.find(' '), argument.size());
  const std::string what = upper_case(argument.substr(0, space));
  const std::string_view rest = argument.substr(std::min(space + 1, argument.size()));
  if (what == "CHMOD") return site_chmod(session, rest);
  if (what == "UTIME") return site_utime(session, rest);
  if (what == "HELP") {
    return session.write(multi_line(
        214, "SITE commands:",
        "CHMOD MODE NAME\nUTIME YYYYMMDDhhmmss NAME\nUTIME NAME ACCESS MODIFY CREATE UTC\nHELP\n",
        "End"));
  }
  session.reply(504, "SITE knows CHMOD, UTIME and HELP.");
}

constexpr CommandSpec kCommands[] = {
    {"CWD", "CWD DIRECTORY", Argument::required, true, 'e', run_cwd},
    {"XCWD", "XCWD DIRECTORY", Argument::required, true, 'e', run_cwd},
    {"CDUP", "CDUP", Argument::none, true, 'e', run_cdup},
    {"XCUP", "XCUP", Argument::none, true, 'e', run_cdup},
    {"PWD", "PWD", Argument::none, true, 0, run_pwd},
    {"XPWD", "XPWD", Argument::none, true, 0, run_pwd},
    {"MKD", "MKD DIRECTORY", Argument::required, true, 'm', run_mkd},
    {"XMKD", "XMKD DIRECTORY", Argument::required, true, 'm', run_mkd},
    {"RMD", "RMD DIRECTORY", Argument::required, true, 'd', run_rmd},
    {"XRMD", "XRMD DIRECTORY", Argument::required, true, 'd', run_rmd},
    {"DELE", "DELE NAME", Argument::required, true, 'd', run_dele},
    {"RNFR", "RNFR NAME", Argument::required, true, 'f', run_rnfr},
    {"RNTO", "RNTO NAME", Argument::required, true, 'f', run_rnto},
    {"SIZE", "SIZE NAME", Argument::required, true, 'l', run_size},
    {"MDTM", "MDTM [YYYYMMDDHHMMSS] NAME", Argument::required, true, 'l', run_mdtm},
    {"MFMT", "MFMT YYYYMMDDHHMMSS NAME", Argument::required, true, 'T', run_mfmt},
    {"MFF", "MFF FACT=VALUE;… NAME", Argument::required, true, 0, run_mff},
    {"MLST", "MLST [NAME]", Argument::optional, true, 'l', run_mlst},
    {"SITE", "SITE CHMOD MODE NAME, SITE UTIME TIME NAME, SITE HELP", Argument::required, true, 0,
     run_site},
};

}  // namespace

std::span<const CommandSpec> path_commands() {
  return kCommands;
}

}  // namespace sluice::ftp
