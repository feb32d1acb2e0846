#include "protocols/ftp/commands.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocols/ftp/account.h"

using namespace sluice::ftp;

namespace {

std::vector<const CommandSpec*> done_commands() {
  std::vector<const CommandSpec*> all;
  for (const auto group :
       {session_commands(), path_commands(), transfer_commands(), digest_commands()}) {
    for (const CommandSpec& spec : group) all.push_back(&spec);
  }
  return all;
}

std::vector<const CommandSpec*> all_commands() {
  auto all = done_commands();
  for (const CommandSpec& spec : unsupported_commands()) all.push_back(&spec);
  return all;
}

std::string verb_of(const CommandSpec& spec) {
  return std::string(spec.verb);
}

}  // namespace

Test(ftp_commands, finds_every_verb) {
  for (const CommandSpec* spec : all_commands()) {
    cr_expect(find_command(spec->verb) == spec, "%s", verb_of(*spec).c_str());
  }
}

Test(ftp_commands, has_no_verb_twice) {
  std::set<std::string_view> seen;
  for (const CommandSpec* spec : all_commands()) {
    cr_expect(seen.insert(spec->verb).second, "%s", verb_of(*spec).c_str());
  }
}

Test(ftp_commands, knows_nothing_else) {
  for (const char* verb :
       {"", "A", "FOO", "user", "User", "USE", "USERS", "USER ", "ZZZZ", "GET", "\xff", "~"}) {
    cr_expect(!find_command(verb), "'%s'", verb);
  }
  for (const CommandSpec* spec : all_commands()) {
    cr_expect(!find_command(verb_of(*spec) + "\x01"));
  }
}

Test(ftp_commands, does_what_the_standards_ask_for) {
  // RFC 1123 section 4.1.2.13, RFC 2389, 2428, 3659, the names of RFC 775.
  for (const char* verb :
       {"USER", "PASS", "ACCT", "QUIT", "PORT", "TYPE", "MODE", "STRU", "RETR",
        "STOR", "APPE", "RNFR", "RNTO", "DELE", "CWD",  "CDUP", "RMD",  "MKD",
        "PWD",  "LIST", "NLST", "SYST", "STAT", "HELP", "NOOP", "PASV", "STOU",
        "ABOR", "REIN", "ALLO", "REST", "SITE", "FEAT", "OPTS", "EPRT", "EPSV",
        "SIZE", "MDTM", "MLST", "MLSD", "XCWD", "XCUP", "XMKD", "XRMD", "XPWD"}) {
    const CommandSpec* spec = find_command(verb);
    cr_expect(spec && spec->run, "%s", verb);
  }
}

Test(ftp_commands, knows_what_it_does_not_do) {
  for (const char* verb : {"SMNT", "AUTH", "PROT", "PBSZ", "HOST", "LANG", "LPRT", "LPSV"}) {
    const CommandSpec* spec = find_command(verb);
    cr_expect(spec && !spec->run, "%s", verb);
  }
  for (const CommandSpec& spec : unsupported_commands()) {
    cr_expect(!spec.run && !spec.needs_login && spec.argument == Argument::optional,
              "%s: 502 comes whoever asks, and however", verb_of(spec).c_str());
  }
  for (const CommandSpec* spec : done_commands())
    cr_expect(spec->run, "%s", verb_of(*spec).c_str());
}

Test(ftp_commands, verbs_are_three_capitals_at_least_and_fit_into_the_columns_of_help) {
  for (const CommandSpec* spec : all_commands()) {
    cr_expect(spec->verb.size() >= 3 && spec->verb.size() < 8, "%s", verb_of(*spec).c_str());
    cr_expect(std::ranges::all_of(
        spec->verb, [](char c) { return ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9'); }));
  }
}

Test(ftp_commands, a_usage_begins_with_its_verb_and_shows_the_argument) {
  for (const CommandSpec* spec : done_commands()) {
    const std::string_view usage = spec->usage, verb = spec->verb;
    cr_assert(usage.starts_with(verb), "%s", verb_of(*spec).c_str());
    if (spec->argument == Argument::none) cr_expect(usage == verb, "%s", verb_of(*spec).c_str());
    if (spec->argument == Argument::required) {
      cr_expect(usage.substr(verb.size()).starts_with(' '), "%s", verb_of(*spec).c_str());
    }
    cr_expect(usage.find_first_of("\r\n") == usage.npos, "%s", verb_of(*spec).c_str());
  }
}

Test(ftp_commands, a_permission_is_a_letter_of_accounts_and_asked_of_who_is_logged_in) {
  for (const CommandSpec* spec : all_commands()) {
    if (spec->permission == 0) continue;
    cr_expect(spec->needs_login, "%s", verb_of(*spec).c_str());
    cr_expect(Permissions::kAll.find(spec->permission) != std::string_view::npos, "%s",
              verb_of(*spec).c_str());
  }
}

Test(ftp_commands, asks_the_right_permission_for_what_changes_or_tells_something) {
  const auto permission_of = [](std::string_view verb) { return find_command(verb)->permission; };
  for (const char* verb : {"RETR", "HASH", "XCRC", "XMD5", "XSHA", "XSHA1", "XSHA256"}) {
    cr_expect(permission_of(verb) == 'r', "%s", verb);
  }
  for (const char* verb : {"LIST", "NLST", "MLSD", "MLST", "SIZE"}) {
    cr_expect(permission_of(verb) == 'l', "%s", verb);
  }
  for (const char* verb : {"CWD", "XCWD", "CDUP", "XCUP"}) {
    cr_expect(permission_of(verb) == 'e', "%s", verb);
  }
  for (const char* verb : {"DELE", "RMD", "XRMD"}) cr_expect(permission_of(verb) == 'd');
  for (const char* verb : {"RNFR", "RNTO"}) cr_expect(permission_of(verb) == 'f');
  for (const char* verb : {"MKD", "XMKD"}) cr_expect(permission_of(verb) == 'm');
  for (const char* verb : {"STOR", "STOU"}) cr_expect(permission_of(verb) == 'w');
  cr_expect(permission_of("APPE") == 'a' && permission_of("MFMT") == 'T');
}

Test(ftp_commands, before_the_log_in_only_what_tells_nothing_of_the_files) {
  const std::set<std::string_view> open = {"USER", "PASS", "ACCT", "REIN", "QUIT", "NOOP",
                                           "SYST", "FEAT", "OPTS", "CLNT", "HELP", "STAT"};
  for (const CommandSpec* spec : done_commands()) {
    cr_expect(spec->needs_login != open.contains(spec->verb), "%s", verb_of(*spec).c_str());
  }
}

Test(ftp_commands, old_names_are_the_same_commands) {
  const std::pair<const char*, const char*> kNames[] = {
      {"XCWD", "CWD"}, {"XCUP", "CDUP"}, {"XMKD", "MKD"}, {"XRMD", "RMD"}, {"XPWD", "PWD"}};
  for (const auto& [old_name, name] : kNames) {
    const CommandSpec& one = *find_command(old_name);
    const CommandSpec& other = *find_command(name);
    cr_expect(one.run == other.run && one.permission == other.permission &&
                  one.argument == other.argument,
              "%s", old_name);
  }
}
