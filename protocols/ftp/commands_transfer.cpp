// Where the data connection comes from, and what goes over it.

#include <fcntl.h>
#include <sys/stat.h>

#include "protocols/ftp/commands.h"
#include "protocols/ftp/ftp_service.h"
#include "protocols/ftp/ftp_session.h"
#include "protocols/ftp/host_port.h"
#include "protocols/ftp/listing.h"
#include "protocols/ftp/reply.h"
#include "protocols/ftp/session_paths.h"

namespace sluice::ftp {
namespace {

/// Files from so many bytes on are announced to the kernel as read from front to back.
constexpr std::uint64_t kReadaheadBytes = 1024 * 1024;

// --- data connections ----------------------------------------------------------------------------

bool refuse_after_epsv_all(FtpSession& session) {
  if (!session.settings().epsv_only) return false;
  session.reply(501, "After EPSV ALL only EPSV will do.");  // RFC 2428 section 4
  return true;
}

/// Only to where the client itself is, and to no service there (RFC 2577 section 3).
void call(FtpSession& session, const Address& address) {
  if (!address.same_host(session.peer())) {
    session.log_line(LogLevel::warning, "asked to be called at ", address, ": refused");
    return session.reply(501, "Data connections go to your own address only.");
  }
  if (address.port() < 1024) return session.reply(501, "Data connections go to ports from 1024.");
  Address reachable = session.peer();  // of the same family, and zone, as the control connection
  reachable.set_port(address.port());
  session.data_port().call(reachable);
  session.reply(200, "The data connection will go there.");
}

void run_port(FtpSession& session, std::string_view argument) {
  if (refuse_after_epsv_all(session)) return;
  const auto address = parse_port(argument);
  if (!address) return session.reply(501, "Usage: PORT h1,h2,h3,h4,p1,p2");
  call(session, *address);
}

void run_eprt(FtpSession& session, std::string_view argument) {
  if (refuse_after_epsv_all(session)) return;
  const auto address = parse_eprt(argument);
  const int family = session.peer().unmapped().family();
  const bool other =
      address ? address->unmapped().family() != family : address.error() == EprtError::protocol;
  if (other) {
    return session.reply(
        522, concat("Network protocol not supported, use (", family == AF_INET6 ? 2 : 1, ')'));
  }
  if (address) return call(session, *address);
  session.reply(501, "Usage: EPRT |1|ADDRESS|PORT| or EPRT |2|ADDRESS|PORT|");
}

std::optional<Address> open_port(FtpSession& session) {
  auto address = session.data_port().listen(session.ftp().ftp_options().pasv_ports);
  if (address) return *address;
  session.log_line(LogLevel::error, "no passive port: ", address.error().message());
  session.reply(425, concat("No port could be opened: ", std::strerror(address.error().code), '.'));
  return std::nullopt;
}

void run_pasv(FtpSession& session, std::string_view) {
  if (refuse_after_epsv_all(session)) return;
  if (session.peer().unmapped().family() != AF_INET) {
    return session.reply(425, "PASV is for IPv4: use EPSV.");
  }
  auto address = open_port(session);
  if (!address) return;
  const Address& masquerade = session.ftp().ftp_options().pasv_address;
  if (masquerade.family() == AF_INET && !session.peer().is_private()) {
    const std::uint16_t port = address->port();
    address = masquerade;
    address->set_port(port);
  }
  session.reply(227, concat("Entering Passive Mode ", format_pasv(*address), '.'));
}

/// RFC 2428 section 3.
void run_epsv(FtpSession& session, std::string_view argument) {
  if (upper_case(trimmed(argument)) == "ALL") {
    session.settings().epsv_only = true;
    return session.reply(200, "Only EPSV from now on.");
  }
  const bool v6 = session.peer().unmapped().family() == AF_INET6;
  const auto protocol = parse_number<unsigned>(trimmed(argument));
  if (!argument.empty() && !protocol) return session.reply(501, "Usage: EPSV [1|2|ALL]");
  if (protocol && *protocol != (v6 ? 2u : 1u)) {
    return session.reply(522, concat("Network protocol not supported, use (", v6 ? 2 : 1, ')'));
  }
  const auto address = open_port(session);
  if (address) {
    session.reply(229, concat("Entering Extended Passive Mode (|||", address->port(), "|)"));
  }
}

/// What REST and RANG said for this one transfer, whatever becomes of it.
struct Part {
  std::uint64_t restart;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> range;
};

/// Every transfer begins with it; nothing: it has been refused.
std::optional<Part> take_part(FtpSession& session) {
  Settings& settings = session.settings();
  const Part part{std::exchange(settings.restart, 0), std::exchange(settings.range, std::nullopt)};
  if (session.has_data_port()) return part;
  session.reply(425, "Use EPSV, PASV, EPRT or PORT first.");
  return std::nullopt;
}

// --- files ---------------------------------------------------------------------------------------

/// RFC 3659 section 5.
void run_rest(FtpSession& session, std::string_view argument) {
  const auto offset = parse_number<std::uint64_t>(trimmed(argument));
  if (!offset || *offset > INT64_MAX) return session.reply(501, "REST takes a number of bytes.");
  if (session.settings().ascii && *offset != 0) {
    return session.reply(501, "REST is for TYPE I.");
  }
  session.settings().restart = *offset;
  session.settings().range.reset();
  session.reply(350, concat("The next transfer begins at byte ", *offset, '.'));
}

/// draft-bryan-ftp-range-08 section 3: first and last byte; 1 and 0 take it back. Of RANG and REST
/// the last one counts.
void run_rang(FtpSession& session, std::string_view argument) {
  const std::size_t space = argument.find(' ');
  const auto first = parse_number<std::uint64_t>(argument.substr(0, space));
  const auto last = space == std::string_view::npos
                        ? std::nullopt
                        : parse_number<std::uint64_t>(trimmed(argument.substr(space + 1)));
  if (!first || !last || *first > INT64_MAX || *last > INT64_MAX) {
    return session.reply(501, "Usage: RANG FIRST LAST");
  }
  session.settings().range.reset();
  if (*first == 1 && *last == 0) return session.reply(350, "No range from now on.");
  if (*first > *last) return session.reply(501, "The last byte stands before the first.");
  session.settings().range = {*first, *last};
  session.settings().restart = 0;
  session.reply(350, concat("The range is bytes ", *first, " to ", *last, '.'));
}

/// The same for what stores, which knows REST alone: to write elsewhere than RANG says would harm
/// what it was to keep.
std::optional<Part> take_part_to_store(FtpSession& session) {
  auto part = take_part(session);
  if (!part || !part->range) return part;
  session.reply(504, "RANG is for RETR and HASH.");
  return std::nullopt;
}

/// What of a file of `size` bytes RETR sends: from RANG, or from REST.
std::optional<std::pair<std::uint64_t, std::uint64_t>> bytes_of(FtpSession& session,
                                                                const Part& part,
                                                                std::uint64_t size) {
  const std::uint64_t begin = part.range ? part.range->first : part.restart;
  const std::uint64_t end = part.range ? std::min(part.range->second + 1, size) : size;
  if (session.settings().ascii && begin != 0) {
    session.reply(550, "A part of a file is for TYPE I.");
    return std::nullopt;
  }
  if (begin > size) {
    session.reply(554, concat("The file has ", size, " bytes only."));
    return std::nullopt;
  }
  return std::pair(begin, end);
}

void run_retr(FtpSession& session, std::string_view argument) {
  const auto part = take_part(session);
  if (!part) return;
  auto path = path_of(session, argument);
  if (!path) return;
  auto file = session.tree().open_read(*path);
  if (!file) return session.refuse(file.error(), argument);
  struct stat status{};
  if (::fstat(file->get(), &status) != 0) return session.refuse(Error::last("fstat"), argument);
  const auto bytes = bytes_of(session, *part, static_cast<std::uint64_t>(status.st_size));
  if (!bytes) return;
  const auto [begin, end] = *bytes;
  if (end - begin >= kReadaheadBytes) {
    (void)::posix_fadvise(file->get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  const bool ascii = session.settings().ascii;
  const std::string text = ascii ? "Sending in ASCII." : concat("Sending ", end - begin, " bytes.");
  Transfer::Job job = FileRange{};
  if (ascii) {
    job = ascii_source(std::move(*file));
  } else {
    job = FileRange{std::move(*file), static_cast<std::int64_t>(begin), end - begin};
  }
  session.begin_transfer({TransferNote::Kind::retrieve, std::move(*path), ascii}, text,
                         std::move(job));
}

void receive(FtpSession& session, std::string path, std::string_view argument,
             Result<Upload> upload, std::string_view announcement) {
  if (!upload) {
    if (upload.error().code == ERANGE) {
      return session.reply(554, "The file is shorter than REST says.");
    }
    return session.refuse(upload.error(), argument);
  }
  const bool ascii = session.settings().ascii;
  if (ascii) upload->set_ascii();
  session.begin_transfer({TransferNote::Kind::store, std::move(path), ascii}, announcement,
                         std::move(*upload));
}

void run_stor(FtpSession& session, std::string_view argument) {
  const auto part = take_part_to_store(session);
  if (!part) return;
  const auto path = new_path_of(session, argument);
  if (!path) return;
  const std::uint64_t restart = part->restart;
  if (restart != 0 && session.settings().ascii) {
    return session.reply(550, "REST is for TYPE I.");
  }
  const auto how = session.ftp().ftp_options().atomic ? Upload::How::atomic : Upload::How::store;
  receive(session, *path, argument,
          restart != 0 ? Upload::resume(session.tree(), *path, restart)
                       : Upload::begin(session.tree(), *path, how),
          "Send it.");
}

void run_appe(FtpSession& session, std::string_view argument) {
  const auto part = take_part_to_store(session);
  if (!part) return;
  const auto path = new_path_of(session, argument);
  if (!path) return;
  if (part->restart != 0) {
    return session.reply(503, "APPE begins at the end, not where REST says.");
  }
  receive(session, *path, argument, Upload::begin(session.tree(), *path, Upload::How::append),
          "Send what is to be added.");
}

/// RFC 1123 section 4.1.2.9 has the form of the reply; its name can be used as it is.
void run_stou(FtpSession& session, std::string_view argument) {
  if (!take_part_to_store(session)) return;
  auto path = new_path_of(session, argument.empty() ? "upload" : argument);
  if (!path) return;
  auto upload = Upload::unique(session.tree(), *path);
  const std::string_view folder = argument.substr(0, argument.rfind('/') + 1);
  const std::string_view name = std::string_view(*path).substr(path->rfind('/') + 1);
  const std::string text = concat("FILE: ", safe_name(concat(folder, name)));
  receive(session, *path, argument, std::move(upload), text);
}

void run_allo(FtpSession& session, std::string_view argument) {
  const auto bytes = parse_number<std::uint64_t>(argument.substr(0, argument.find(' ')));
  if (!bytes) return session.reply(501, "Usage: ALLO BYTES");
  const auto free = session.tree().free_bytes(session.settings().cwd);
  if (free && *free < *bytes) return session.reply(452, concat("Only ", *free, " bytes are free."));
  session.reply(202, "There is room.");
}

// --- listings ------------------------------------------------------------------------------------

void list(FtpSession& session, std::string_view argument, ListingKind kind) {
  if (!take_part(session)) return;
  auto request = parse_listing(session, argument);
  if (!request) return;
  auto source = open_listing(session, *request, kind);
  if (!source) return session.refuse(source.error(), argument.empty() ? "." : argument);
  session.begin_transfer({TransferNote::Kind::listing, std::move(request->path), true},
                         "Here it comes.", std::move(*source));
}

void run_list(FtpSession& session, std::string_view argument) {
  list(session, argument, ListingKind::list);
}

void run_nlst(FtpSession& session, std::string_view argument) {
  list(session, argument, ListingKind::names);
}

/// RFC 3659 section 7.
void run_mlsd(FtpSession& session, std::string_view argument) {
  if (!take_part(session)) return;
  auto path = path_of(session, argument);
  if (!path) return;
  auto source = list_directory(session.tree(), *path,
                               {.kind = ListingKind::facts,
                                .hidden = true,
                                .facts = session.settings().facts,
                                .allowed = allowed_of(session.account())});
  if (!source && source.error().code == ENOTDIR && session.tree().info(*path)) {
    return session.reply(501, "MLSD is for directories: MLST tells of a file.");
  }
  if (!source) return session.refuse(source.error(), argument.empty() ? "." : argument);
  session.begin_transfer({TransferNote::Kind::listing, std::move(*path), true}, "Here it comes.",
                         std::move(*source));
}

constexpr CommandSpec kCommands[] = {
    {"PORT", "PORT h1,h2,h3,h4,p1,p2", Argument::required, true, 0, run_port},
    {"PASV", "PASV", Argument::none, true, 0, run_pasv},
    {"EPRT", "EPRT |1|ADDRESS|PORT|", Argument::required, true, 0, run_eprt},
    {"EPSV", "EPSV [1|2|ALL]", Argument::optional, true, 0, run_epsv},
    {"REST", "REST BYTES", Argument::required, true, 0, run_rest},
    {"RANG", "RANG FIRST LAST", Argument::required, true, 0, run_rang},
    {"RETR", "RETR NAME", Argument::required, true, 'r', run_retr},
    {"STOR", "STOR NAME", Argument::required, true, 'w', run_stor},
    {"STOU", "STOU [NAME]", Argument::optional, true, 'w', run_stou},
    {"APPE", "APPE NAME", Argument::required, true, 'a', run_appe},
    {"ALLO", "ALLO BYTES", Argument::required, true, 0, run_allo},
    {"LIST", "LIST [NAME]", Argument::optional, true, 'l', run_list},
    {"NLST", "NLST [NAME]", Argument::optional, true, 'l', run_nlst},
    {"MLSD", "MLSD [DIRECTORY]", Argument::optional, true, 'l', run_mlsd},
};

}  // namespace

std::span<const CommandSpec> transfer_commands() {
  return kCommands;
}

}  // namespace sluice::ftp
