// HASH (draft-bryan-ftpext-hash), and what came before it.

#include <sys/stat.h>

#include "protocols/ftp/commands.h"
#include "protocols/ftp/ftp_session.h"
#include "protocols/ftp/reply.h"
#include "protocols/ftp/session_paths.h"

namespace sluice::ftp {
namespace {

using Range = std::pair<std::uint64_t, std::uint64_t>;  // first byte, and the one after the last

struct OpenFile {
  Fd file;
  std::uint64_t size;
};

std::optional<OpenFile> open_file(FtpSession& session, std::string_view name) {
  const auto path = path_of(session, name);
  if (!path) return std::nullopt;
  auto file = session.tree().open_read(*path);
  struct stat status{};
  if (file && ::fstat(file->get(), &status) != 0) file = fail("fstat");
  if (file) return OpenFile{std::move(*file), static_cast<std::uint64_t>(status.st_size)};
  session.refuse(file.error(), name);
  return std::nullopt;
}

void run_hash(FtpSession& session, std::string_view name) {
  const auto range = std::exchange(session.settings().range, std::nullopt);
  auto open = open_file(session, name);
  if (!open) return;
  const std::uint64_t begin = range ? range->first : 0;
  const std::uint64_t end = range ? std::min(range->second + 1, open->size) : open->size;
  if (begin > end) return session.reply(501, concat("The file has ", open->size, " bytes only."));
  const auto kind = session.settings().hash;
  session.begin_hash(
      std::move(open->file), begin, end, kind,
      {213, concat(files::name_of(kind), ' ', begin, '-', end, ' '), concat(' ', safe_name(name))});
}

/// `NAME`, or `"NAME" [FIRST [END]]`: positions count only behind a name in quotes, as an unquoted
/// one may end in numbers.
struct OldRequest {
  std::string_view name;
  std::optional<std::uint64_t> begin, end;
};

std::optional<OldRequest> parse_old(std::string_view argument) {
  if (!argument.starts_with('"')) return OldRequest{argument, {}, {}};
  const std::size_t quote = argument.find('"', 1);
  if (quote == std::string_view::npos) return std::nullopt;
  OldRequest request{argument.substr(1, quote - 1), {}, {}};
  std::string_view rest = argument.substr(quote + 1);
  for (auto* number : {&request.begin, &request.end}) {
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    if (rest.empty()) break;
    const std::string_view word = rest.substr(0, rest.find(' '));
    *number = parse_number<std::uint64_t>(word);
    if (!*number) return std::nullopt;
    rest.remove_prefix(word.size());
  }
  if (!rest.empty()) return std::nullopt;
  return request;
}

void old_digest(FtpSession& session, std::string_view argument, files::DigestKind kind) {
  const auto request = parse_old(argument);
  if (!request || request->name.empty())
    return session.reply(501, "Usage: NAME or \"NAME\" [FIRST [END]]");
  auto open = open_file(session, request->name);
  if (!open) return;
  const std::uint64_t begin = request->begin.value_or(0);
  const std::uint64_t end = std::min(request->end.value_or(open->size), open->size);
  if (begin > end) return session.reply(501, concat("The file has ", open->size, " bytes only."));
  session.begin_hash(std::move(open->file), begin, end, kind, {250, "", ""});
}

void run_xcrc(FtpSession& session, std::string_view argument) {
  old_digest(session, argument, files::DigestKind::crc32);
}
void run_xmd5(FtpSession& session, std::string_view argument) {
  old_digest(session, argument, files::DigestKind::md5);
}
void run_xsha1(FtpSession& session, std::string_view argument) {
  old_digest(session, argument, files::DigestKind::sha1);
}
void run_xsha256(FtpSession& session, std::string_view argument) {
  old_digest(session, argument, files::DigestKind::sha256);
}

constexpr CommandSpec kCommands[] = {
    {"HASH", "HASH NAME", Argument::required, true, 'r', run_hash},
    {"XCRC", "XCRC NAME", Argument::required, true, 'r', run_xcrc},
    {"XMD5", "XMD5 NAME", Argument::required, true, 'r', run_xmd5},
    {"XSHA", "XSHA NAME", Argument::required, true, 'r', run_xsha1},
    {"XSHA1", "XSHA1 NAME", Argument::required, true, 'r', run_xsha1},
    {"XSHA256", "XSHA256 NAME", Argument::required, true, 'r', run_xsha256},
};

}  // namespace

std::span<const CommandSpec> digest_commands() {
  return kCommands;
}

}  // namespace sluice::ftp
