#include <unistd.h>

#include "protocols/files/name.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/drop_upload.h"

namespace sluice::tools {
namespace {

constexpr std::string_view kQuestion = "Enter the file name to send: (or 'exit' to end)";
constexpr std::size_t kPieceBytes = 512 * 1024;
constexpr std::size_t kMaxShownBytes = 1000;

struct Choices {
  std::string host_port;
  bool raw = false;
  bool replace = false;
  bool retry = true;
  bool verbose = false;

  Uploader uploader() const { return Uploader({host_port, replace, retry}); }
};

// --- raw ---------------------------------------------------------------------------------------

/// What the server says at the end, which is nothing unless it has something against the file.
Outcome<void> hear_out(Socket& socket, bool all_sent) {
  std::string said;
  while (said.size() < kMaxShownBytes) {
    const auto piece = socket.recv(kMaxShownBytes);
    if (!piece && said.empty()) return trouble(std::string(how_lost(piece.error())));
    if (!piece || piece->empty()) break;
    said += *piece;
  }
  if (said.ends_with('\n')) said.pop_back();
  if (!said.empty()) return trouble(concat("the server says: ", printable(said)));
  if (!all_sent) return trouble(concat(kClosedByPeer, " before all was sent"));
  return {};
}

Outcome<void> send_bytes(Socket& socket, const LocalFile& file, Progress& progress) {
  std::vector<std::byte> piece(kPieceBytes);
  for (;;) {
    const ssize_t size = read(file.fd.get(), piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return trouble(concat("cannot read: ", std::strerror(errno)));
    if (size == 0) break;
    const auto bytes = std::span(piece).first(static_cast<std::size_t>(size));
    const auto sent = send_watched(socket, bytes, progress);
    if (!sent || !*sent) return hear_out(socket, false);
  }
  if (!file.unchanged()) return trouble("it changed while it was being sent");
  return {};
}

/// Neither name nor length goes over the wire: our FIN says that it was all, so where it was not,
/// the connection is reset instead.
Outcome<Transfer> send_raw(const Choices& choices, const LocalFile& file) {
  auto socket = connect_to(choices.host_port);
  if (!socket) return std::unexpected(std::move(socket.error()));
  Progress progress(file.name, file.size);
  if (auto sent = send_bytes(*socket, file, progress); !sent) {
    (void)socket->setsockopt(option::linger, std::chrono::seconds(0));
    return std::unexpected(std::move(sent.error()));
  }
  // Of a connection that is reset already, it fails; why, the next read tells.
  const bool ended = socket->shutdown(SHUT_WR).has_value();
  if (auto heard = hear_out(*socket, ended); !heard) return std::unexpected(heard.error());
  Transfer transfer = progress.transfer();
  if (transfer.done == 0) return trouble("it is empty: nothing was sent, so nothing is stored");
  return transfer;
}

// --- files -------------------------------------------------------------------------------------

int send_file(const Choices& choices, Uploader& uploader, const std::string& path) {
  const auto file = choices.raw && path == "-" ? LocalFile::standard_input()
                                               : LocalFile::open(path, !choices.raw);
  if (!file) return report("drop", file.error());
  const auto done = choices.raw ? send_raw(choices, *file) : uploader.upload(*file);
  if (!done) {
    Trouble why = done.error();
    if (!why.names_peer) why.text = concat(file->shown, ": ", why.text);
    return report("drop", why);
  }
  return choices.verbose ? print(summary_line(*done) + "\n") : int{kOk};
}

int send_files(const Choices& choices, std::span<const std::string_view> paths) {
  Uploader uploader = choices.uploader();
  int status = kOk;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    status = std::max(status, send_file(choices, uploader, std::string(paths[i])));
    const std::size_t rest = paths.size() - i - 1;
    if (uploader.gave_up() && rest > 0) {
      complain("drop", concat(rest, " more not sent"));
      break;
    }
  }
  return status;
}

/// One connection a file: the user may think for long in between.
int ask_for_files(const Choices& choices) {
  // Nobody is to choose files for a server that cannot be.
  if (const auto known = addresses_of(choices.host_port); !known) {
    return report("drop", known.error());
  }
  LineInput input(STDIN_FILENO);
  int status = kOk;
  std::string path;
  for (;;) {
    if (print(concat(kQuestion, '\n')) != kOk) return kFailed;
    if (input.next(path) != LineInput::Event::line) {
      if (auto read = input.status(); !read) return report("drop", read.error());
      return status;
    }
    if (path == "exit") return status;
    if (path.empty()) continue;
    Uploader uploader = choices.uploader();
    const int sent = send_file(choices, uploader, path);
    if (sent == kWrongUsage) return sent;
    status = std::max(status, sent);
  }
}

int run(const Arguments& arguments) {
  const auto& operands = arguments.operands;
  if (operands.empty()) return misused("drop", "where to? HOST:PORT is missing");
  if (operands.back().find(':') == std::string_view::npos) {
    return misused("drop", concat(printable(operands.back()), " is not HOST:PORT"));
  }
  const std::span paths = std::span(operands).first(operands.size() - 1);
  const Choices choices{std::string(operands.back()), arguments.has("--raw"),
                        arguments.has("--replace"), !arguments.has("--no-retry"),
                        arguments.has("--verbose") || isatty(STDOUT_FILENO) == 1};
  if (choices.raw && choices.replace) {
    return misused("drop", "--raw sends no name that --replace could be about");
  }
  for (const std::string_view path : paths) {
    if (path == "-" && !choices.raw) {
      return misused("drop", "standard input has no size and no name: it needs --raw");
    }
  }
  return paths.empty() ? ask_for_files(choices) : send_files(choices, paths);
}

constexpr Option kOptions[] = {
    {"--replace", "", "a file of that name on the server is replaced, not an error"},
    {"--no-retry", "", "a broken connection is an error, not made again to go on"},
    {"--raw", "", "send just the bytes, without name, length and digest; FILE may be -"},
    {"--verbose", "", "a line for each file sent, not only on a terminal"},
};

}  // namespace

const Command kDrop{"drop", "drop [FILE…] HOST:PORT",
                    "Uploads files, or asks for their names; goes on where it was broken off.",
                    kOptions, run};

}  // namespace sluice::tools
