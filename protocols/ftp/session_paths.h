#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocols/ftp/ftp_session.h"
#include "protocols/ftp/listing.h"

/// What several commands do with their arguments. Whatever gives nothing has replied already.
namespace sluice::ftp {

std::string upper_case(std::string_view text);
/// Without the blanks at its end, which some clients send; not for names.
std::string_view trimmed(std::string_view text);

/// Where the argument leads in the tree.
std::optional<std::string> path_of(FtpSession& session, std::string_view argument);
/// The same of a name that cannot be left out.
std::optional<std::string> named_path_of(FtpSession& session, std::string_view argument);
/// The same for what is to be written: neither the root nor a name kept for unfinished files.
std::optional<std::string> new_path_of(FtpSession& session, std::string_view argument);

/// The argument of LIST, NLST and STAT: options as of ls(1), then perhaps a name or a pattern.
struct ListingRequest {
  bool hidden = false;    ///< -a, -A
  bool itself = false;    ///< -d
  std::string_view name;  ///< as it was given
  std::string path;       ///< where it leads
};
std::optional<ListingRequest> parse_listing(FtpSession& session, std::string_view argument);

/// What was asked for: a directory's entries, those that match a pattern, or the one line of a
/// file.
Result<std::unique_ptr<Source>> open_listing(FtpSession& session, const ListingRequest& request,
                                             ListingKind kind);

/// What the account may do, for the perm fact.
Allowed allowed_of(const Account& account);

}  // namespace sluice::ftp
