#include "protocols/ftp/session_paths.h"

#include <algorithm>

#include "protocols/files/name.h"
#include "protocols/ftp/path.h"
#include "protocols/ftp/reply.h"

namespace sluice::ftp {
namespace {

/// Letters of ls(1) that clients send: those that only sort or lay out are passed over.
constexpr std::string_view kListLetters = "aAbBcCdfFgGhHiklLmnNopqrRsStTuUvxX1";

/// Takes the options off the front of `argument`; a word that begins with `-` and is none is a
/// name.
void take_options(std::string_view& argument, ListingRequest& request) {
  while (argument.starts_with('-')) {
    const std::size_t space = std::min(argument.find(' '), argument.size());
    const std::string_view letters = argument.substr(1, space - 1);
    const bool last = letters == "-";
    if (!last &&
        (letters.empty() || letters.find_first_not_of(kListLetters) != std::string_view::npos)) {
      return;
    }
    for (const char letter : letters) {
      if (letter == 'a' || letter == 'A') request.hidden = true;
      if (letter == 'd') request.itself = true;
    }
    argument.remove_prefix(std::min(space + 1, argument.size()));
    if (last) return;
  }
}

}  // namespace

std::string upper_case(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

std::string_view trimmed(std::string_view text) {
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

std::optional<std::string> path_of(FtpSession& session, std::string_view argument) {
  auto path = resolve_path(session.settings().cwd, argument);
  if (!path) session.reply(550, "The name is too long.");
  return path;
}

std::optional<std::string> named_path_of(FtpSession& session, std::string_view argument) {
  if (!argument.empty()) return path_of(session, argument);
  session.reply(501, "A name is missing.");
  return std::nullopt;
}

std::optional<std::string> new_path_of(FtpSession& session, std::string_view argument) {
  auto path = path_of(session, argument);
  if (!path) return path;
  const std::string_view name = std::string_view(*path).substr(path->rfind('/') + 1);
  if (name.empty()) {
    session.reply(550, "That is the root.");
    return std::nullopt;
  }
  if (files::is_temporary_name(name)) {
    session.reply(553, "Names like this are kept for unfinished files.");
    return std::nullopt;
  }
  return path;
}

std::optional<ListingRequest> parse_listing(FtpSession& session, std::string_view argument) {
  ListingRequest request;
  take_options(argument, request);
  request.name = argument;
  auto path = path_of(session, argument);
  if (!path) return std::nullopt;
  request.path = std::move(*path);
  return request;
}

Result<std::unique_ptr<Source>> open_listing(FtpSession& session, const ListingRequest& request,
                                             ListingKind kind) {
  ListingOptions options{.kind = kind, .hidden = request.hidden};
  const auto info = session.tree().info(request.path);
  if (info && info->is_directory() && !request.itself) {
    // NLST gives names that can be used as arguments (RFC 1123 section 4.1.3.3).
    if (!request.name.empty()) {
      options.prefix = safe_name(request.name);
      if (!options.prefix.ends_with('/')) options.prefix += '/';
    }
    return list_directory(session.tree(), request.path, std::move(options));
  }
  auto line = list_one(session.tree(), request.path,
                       request.name.empty() ? std::string_view(".") : request.name, options);
  if (line) return text_source(std::move(*line));
  if (!is_pattern(request.path)) return std::unexpected(line.error());
  const std::size_t slash = request.path.rfind('/');
  options.pattern = request.path.substr(slash + 1);
  options.hidden = options.hidden || options.pattern.starts_with('.');
  options.prefix = safe_name(request.name.substr(0, request.name.rfind('/') + 1));
  return list_directory(session.tree(), request.path.substr(0, std::max<std::size_t>(slash, 1)),
                        std::move(options));
}

Allowed allowed_of(const Account& account) {
  const Permissions& may = account.permissions;
  return {.list = may.has('l') && may.has('e'),
          .read = may.has('r'),
          .write = may.has('w'),
          .append = may.has('a'),
          .create = may.has('w'),
          .remove = may.has('d'),
          .rename = may.has('f'),
          .make = may.has('m')};
}

}  // namespace sluice::ftp
