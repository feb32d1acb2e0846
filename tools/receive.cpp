#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "protocols/files/name.h"
#include "protocols/files/new_file.h"
#include "reactor/pack.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/client.h"
#include "tools/progress.h"

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kRequest = "SLUICE/1\n";
constexpr std::string_view kLectureRequest = "ready";
constexpr std::size_t kLectureNameBytes = 1024;
constexpr std::size_t kPieceBytes = 512 * 1024;

/// All is there, and the server only has to close: who takes longer is not waited for.
constexpr auto kEndPatience = 2s;

constexpr auto kForEver = std::chrono::hours(24 * 365 * 30);

/// Where the bytes go: a file that appears when it is whole, or standard output.
class Output {
 public:
  /// `path` "-" is standard output.
  Outcome<void> open(const std::string& path, bool replace) {
    if (path == "-") return {};
    const std::size_t slash = path.rfind('/');
    name_ = path.substr(slash + 1);
    replace_ = replace;
    shown_ = printable(path);
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    if (auto fits = files::check_component(name_); !fits) return wrong(fits.error().operation);
    auto directory = files::Directory::open(folder);
    if (!directory) return wrong(std::strerror(directory.error().code));
    directory_.emplace(std::move(*directory));
    // What an earlier run left when it was ended by ^C; partial uploads are not ours to judge.
    (void)files::clean_stale(*directory_, kForEver);
    if (!replace && directory_->exists(name_)) return wrong("is there already (see --replace)");
    struct stat there;
    if (::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
      return wrong("is not a regular file (-o - writes to standard output)");
    }
    auto file = files::NewFile::create(*directory_);
    if (!file) return wrong(std::strerror(file.error().code));
    file_.emplace(std::move(*file));
    return {};
  }

  Outcome<void> check_room(std::uint64_t size) const {
    if (!file_) return {};
    const auto free = directory_->free_bytes();
    if (!free || size <= *free) return {};
    return trouble(concat("the file has ", size, " bytes, ", *free, " are free here"));
  }

  Outcome<void> write(std::span<const std::byte> bytes) {
    const auto written = file_ ? file_->write(bytes) : write_all(STDOUT_FILENO, bytes);
    if (written) return {};
    return wrong(std::strerror(written.error().code));
  }

  Outcome<void> commit() {
    if (!file_) return {};
    if (auto done = file_->commit(name_, replace_); !done) {
      return wrong(std::strerror(done.error().code));
    }
    return {};
  }

  /// For the end of a sentence.
  std::string_view without_commit() const { return file_ ? "; nothing was saved" : ""; }
  const std::string& shown() const { return shown_; }

 private:
  std::unexpected<Trouble> wrong(std::string_view why) const {
    return trouble(concat(shown_, ": ", why));
  }

  std::string shown_ = "standard output";
  std::string name_;
  bool replace_ = false;
  std::optional<files::Directory> directory_;  // outlives file_
  std::optional<files::NewFile> file_;
};

struct Choices {
  bool lecture = false;
  bool replace = false;
  std::optional<std::string> path;
};

/// One file, from the request to its end.
///
///     request --> name (SLUICE/1: and size) --> bytes --> FIN --> committed
class Download {
 public:
  Download(Socket& socket, Choices choices) : socket_(socket), choices_(std::move(choices)) {}

  Outcome<Transfer> run() {
    // Before the server is troubled, what can go wrong here may.
    if (auto done = choices_.path ? open(*choices_.path) : Outcome<void>(); !done) {
      return std::unexpected(done.error());
    }
    (void)socket_.settimeout(kAnswerTimeout);
    if (auto sent = socket_.sendall(choices_.lecture ? kLectureRequest : kRequest); !sent) {
      return trouble(std::string(how_lost(sent.error())));
    }
    const auto name = choices_.lecture ? lecture_name() : framed_name();
    if (!name) return std::unexpected(name.error());
    if (auto done = choices_.path ? Outcome<void>() : open("new_" + *name); !done) {
      return std::unexpected(done.error());
    }
    if (auto room = output_.check_room(size_.value_or(0)); !room) {
      return std::unexpected(room.error());
    }
    Progress progress(*name, size_);
    if (auto done = receive(progress); !done) return std::unexpected(done.error());
    if (auto done = output_.commit(); !done) return std::unexpected(done.error());
    Transfer transfer = progress.transfer();
    transfer.name = output_.shown();
    return transfer;
  }

 private:
  Outcome<void> open(const std::string& path) { return output_.open(path, choices_.replace); }

  /// Exactly as many bytes as there are in `into`.
  Outcome<void> read_exactly(std::span<std::byte> into) {
    while (!into.empty()) {
      const auto size = socket_.recv_into(into);
      if (!size) return trouble(concat(how_lost(size.error()), " before the file began"));
      if (*size == 0) return trouble(concat(kClosedByPeer, " before the file began"));
      into = into.subspan(*size);
    }
    return {};
  }

  static Outcome<std::string> checked(std::string name, std::string_view hint) {
    const auto allowed = files::check_name(name, true);  // new_ will stand before a dot
    if (allowed) return name;
    return trouble(concat("the server sent a bad name: ", allowed.error().operation, hint));
  }

  Outcome<std::string> framed_name() {
    constexpr std::string_view kHint = " (a server of the plain form needs --lecture)";
    std::array<std::byte, packed_size<"!HQ">> header;
    if (auto done = read_exactly(header); !done) return std::unexpected(done.error());
    const auto [name_size, size] = *unpack<"!HQ">(header);
    if (name_size == 0 || name_size > files::kMaxName) {
      return trouble(concat("the server sent a bad name: of ", name_size, " bytes", kHint));
    }
    std::string name(name_size, '\0');
    if (auto done = read_exactly(std::as_writable_bytes(std::span(name))); !done) {
      return std::unexpected(done.error());
    }
    if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return trouble(concat("the server announced ", size, " bytes, more than a file can have"));
    }
    size_ = size;
    return checked(std::move(name), kHint);
  }

  /// What comes first is the name, as far as anybody can tell.
  Outcome<std::string> lecture_name() {
    auto name = socket_.recv(kLectureNameBytes);
    if (!name) return trouble(concat(how_lost(name.error()), " before the file began"));
    if (name->empty()) return trouble(concat(kClosedByPeer, " before the file began"));
    return checked(std::move(*name), " (or its contents came together with the name)");
  }

  Outcome<void> receive(Progress& progress) {
    std::vector<std::byte> piece(kPieceBytes);
    std::uint64_t done = 0;
    while (!size_ || done < *size_) {
      const auto size = socket_.recv_into(piece);
      if (!size) return cut_short(how_lost(size.error()), done);
      if (*size == 0) break;
      done += *size;
      if (size_ && done > *size_) return too_long();
      const auto bytes = std::span(piece).first(*size);
      if (auto written = output_.write(bytes); !written) return written;
      progress.add(*size);
    }
    if (!size_) return {};
    if (done < *size_) return cut_short(kClosedByPeer, done);
    return see_end();
  }

  /// A size that lies is not found out before something follows the last byte.
  Outcome<void> see_end() {
    if (auto set = socket_.settimeout(kEndPatience); !set) return trouble(set.error().message());
    const auto more = socket_.recv(1);
    return more && !more->empty() ? too_long() : Outcome<void>();
  }

  Outcome<void> cut_short(std::string_view how, std::uint64_t done) const {
    const std::string of = size_ ? concat(" of ", *size_) : "";
    return trouble(concat(how, " after ", done, of, " bytes", output_.without_commit()));
  }
  Outcome<void> too_long() const {
    return trouble(concat("the server sent more than the ", *size_, " bytes it had announced",
                          output_.without_commit()));
  }

  Socket& socket_;
  Choices choices_;
  Output output_;
  std::optional<std::uint64_t> size_;
};

int run(const Arguments& arguments) {
  const auto& operands = arguments.operands;
  if (operands.empty()) return misused("receive", "where from? HOST:PORT is missing");
  if (operands.size() > 1) return misused("receive", "too many arguments");
  Choices choices{arguments.has("--lecture"), arguments.has("--replace"), {}};
  if (const auto path = arguments.value("-o")) choices.path = std::string(*path);
  const bool to_stdout = choices.path == "-";

  auto socket = connect_to(operands[0]);
  if (!socket) return report("receive", socket.error());
  const auto done = Download(*socket, std::move(choices)).run();
  if (!done) return report("receive", done.error());
  const bool tell = arguments.has("--verbose") || isatty(STDOUT_FILENO) == 1;
  if (tell && !to_stdout && print(summary_line(*done) + "\n") != kOk) return kFailed;
  return kOk;
}

constexpr Option kOptions[] = {
    {"-o", "FILE", "save as FILE instead of new_NAME; - is standard output"},
    {"--replace", "", "a file of that name here is replaced, not an error"},
    {"--lecture", "", "the plain form: what comes first is taken for the name; nothing on the"},
    {"", "", "wire parts it from the contents, so that both may come together"},
    {"--verbose", "", "a line when it is done, not only on a terminal"},
};

}  // namespace

const Command kReceive{"receive", "receive [-o FILE] HOST:PORT",
                       "Takes the file that a server offers, and saves it here as new_NAME.",
                       kOptions, run};

}  // namespace sluice::tools
