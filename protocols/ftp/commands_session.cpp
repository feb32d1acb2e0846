// USER to QUIT, the modes of transfer, what the server says of itself.

#include "protocols/ftp/commands.h"
#include "protocols/ftp/ftp_service.h"
#include "protocols/ftp/ftp_session.h"
#include "protocols/ftp/listing.h"
#include "protocols/ftp/reply.h"
#include "protocols/ftp/session_paths.h"

namespace sluice::ftp {
namespace {

void run_user(FtpSession& session, std::string_view name) {
  session.login().user(name);
}

void run_pass(FtpSession& session, std::string_view password) {
  session.login().password(password);
}

void run_acct(FtpSession& session, std::string_view) {
  session.reply(202, "Accounts are not used here.");
}

void run_rein(FtpSession& session, std::string_view) {
  session.login().log_out();
  session.reply(220, "Log in anew.");
}

void run_quit(FtpSession& session, std::string_view) {
  session.close(221, "Goodbye.");
}

void run_noop(FtpSession& session, std::string_view) {
  session.reply(200, "Here.");
}

void run_syst(FtpSession& session, std::string_view) {
  session.reply(215, "UNIX Type: L8");
}

void run_clnt(FtpSession& session, std::string_view) {
  session.reply(200, "Noted.");
}

/// RFC 959 section 3.1.1; RFC 1123 section 4.1.2.13 wants A N, I and L 8.
void run_type(FtpSession& session, std::string_view argument) {
  const std::string type = upper_case(trimmed(argument));
  if (type == "A" || type == "A N") {
    session.settings().ascii = true;
    session.reply(200, "Type is ASCII.");
  } else if (type == "I" || type == "L 8" || type == "L8") {
    session.settings().ascii = false;
    session.reply(200, "Type is binary.");
  } else if (type == "A T" || type == "A C" || type.starts_with('E') || type.starts_with("L ")) {
    session.reply(504, "Types are A, I and L 8.");
  } else {
    session.reply(501, "Types are A, I and L 8.");
  }
}

void run_mode(FtpSession& session, std::string_view argument) {
  const std::string mode = upper_case(trimmed(argument));
  if (mode == "S") return session.reply(200, "Mode is stream.");
  const bool known = mode == "B" || mode == "C" || mode == "Z";
  session.reply(known ? 504 : 501, "The only mode is S, stream.");
}

void run_stru(FtpSession& session, std::string_view argument) {
  const std::string structure = upper_case(trimmed(argument));
  if (structure == "F") return session.reply(200, "Structure is file.");
  session.reply(structure == "R" || structure == "P" ? 504 : 501, "The only structure is F, file.");
}

/// RFC 2389 section 3.2.
void run_feat(FtpSession& session, std::string_view) {
  std::string hashes;
  for (const auto kind : {files::DigestKind::sha256, files::DigestKind::sha1,
                          files::DigestKind::md5, files::DigestKind::crc32}) {
    hashes += concat(hashes.empty() ? "" : ";", files::name_of(kind),
                     kind == session.settings().hash ? "*" : "");
  }
  session.write(multi_line(
      211, "Extensions:",
      concat("CLNT\nEPRT\nEPSV\nHASH ", hashes, "\nMDTM\nMFF modify;UNIX.mode;\nMFMT\nMLST ",
             facts_for_feat(session.settings().facts),
             "\nRANG STREAM\nREST STREAM\nSITE CHMOD;UTIME\nSIZE\nTVFS\nUTF8\n"
             "XCRC\nXMD5\nXSHA1\nXSHA256\n"),
      "End"));
}

void opts_hash(FtpSession& session, std::string_view name) {
  if (name.empty()) return session.reply(200, files::name_of(session.settings().hash));
  const auto kind = files::parse_digest_kind(trimmed(name));
  if (!kind) return session.reply(501, "Digests are SHA-256, SHA-1, MD5 and CRC32.");
  session.settings().hash = *kind;
  session.reply(200, files::name_of(*kind));
}

void run_opts(FtpSession& session, std::string_view argument) {
  const std::size_t space = std::min(argument.find(' '), argument.size());
  const std::string what = upper_case(argument.substr(0, space));
  const std::string_view value = argument.substr(std::min(space + 1, argument.size()));
  if (what == "UTF8" || what == "UTF-8") {
    const std::string on = upper_case(trimmed(value));
    if (on.empty() || on == "ON") return session.reply(200, "Names are UTF-8.");
    return session.reply(on == "OFF" ? 504 : 501, "Names are always UTF-8.");
  }
  if (what == "MLST") {
    // RFC 3659 section 7.9: names with a semicolon behind each, and nothing else.
    if (value.contains(' ')) return session.reply(501, "Usage: OPTS MLST FACT;FACT;…");
    session.settings().facts = parse_facts(value);
    const std::string facts = facts_for_opts(session.settings().facts);
    return session.reply(200, concat("MLST OPTS", facts.empty() ? "" : " ", facts));
  }
  if (what == "HASH") return opts_hash(session, value);
  session.reply(501, "Options are UTF8, MLST and HASH.");
}

std::string list_of_commands() {
  std::string lines;
  std::size_t column = 0;
  for (const auto group :
       {session_commands(), path_commands(), transfer_commands(), digest_commands()}) {
    for (const CommandSpec& spec : group) {
      lines += spec.verb;
      lines += ++column % 8 == 0 ? std::string("\n") : std::string(8 - spec.verb.size(), ' ');
    }
  }
  return lines + '\n';
}

void run_help(FtpSession& session, std::string_view argument) {
  const std::string verb = upper_case(trimmed(argument));
  if (verb.empty()) {
    return session.write(multi_line(214, "Commands:", list_of_commands(), "End"));
  }
  if (verb == "SITE") return session.reply(214, "SITE CHMOD MODE NAME, SITE UTIME, SITE HELP");
  const CommandSpec* spec = find_command(verb);
  if (!spec || !spec->run) return session.reply(504, "No such command here.");
  session.reply(214, concat("Usage: ", spec->usage));
}

void run_stat(FtpSession& session, std::string_view argument) {
  if (argument.empty()) {
    return session.write(multi_line(211, "sluice FTP server", session.status(), "End"));
  }
  if (!session.login().done()) return session.reply(530, "Log in with USER and PASS first.");
  if (!session.account().permissions.has('l')) return session.reply(550, "Permission denied.");
  const auto asked = parse_listing(session, argument);
  if (!asked) return;
  auto source = open_listing(session, *asked, ListingKind::list);
  if (!source) return session.refuse(source.error(), asked->path);
  session.write(concat("213-Status of ", safe_name(asked->path), ":\r\n"));
  session.begin_listing(std::move(*source), "213 End\r\n");
}

void run_abor(FtpSession& session, std::string_view) {
  session.abort_work();
}

constexpr CommandSpec kCommands[] = {
    {"USER", "USER NAME", Argument::required, false, 0, run_user},
    {"PASS", "PASS PASSWORD", Argument::optional, false, 0, run_pass},
    {"ACCT", "ACCT TEXT", Argument::required, false, 0, run_acct},
    {"REIN", "REIN", Argument::none, false, 0, run_rein},
    {"QUIT", "QUIT", Argument::none, false, 0, run_quit},
    {"NOOP", "NOOP", Argument::optional, false, 0, run_noop},
    {"SYST", "SYST", Argument::none, false, 0, run_syst},
    {"FEAT", "FEAT", Argument::none, false, 0, run_feat},
    {"OPTS", "OPTS UTF8 ON, OPTS MLST FACT;…, OPTS HASH NAME", Argument::required, false, 0,
     run_opts},
    {"CLNT", "CLNT NAME", Argument::optional, false, 0, run_clnt},
    {"HELP", "HELP [COMMAND]", Argument::optional, false, 0, run_help},
    {"STAT", "STAT [NAME]", Argument::optional, false, 0, run_stat},
    {"ABOR", "ABOR", Argument::none, true, 0, run_abor},
    {"TYPE", "TYPE A, TYPE I, TYPE L 8", Argument::required, true, 0, run_type},
    {"MODE", "MODE S", Argument::required, true, 0, run_mode},
    {"STRU", "STRU F", Argument::required, true, 0, run_stru},
};

}  // namespace

std::span<const CommandSpec> session_commands() {
  return kCommands;
}

}  // namespace sluice::ftp
