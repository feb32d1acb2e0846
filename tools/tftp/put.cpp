#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "protocols/files/tree.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/input.h"
#include "tools/path.h"
#include "tools/tftp/commands.h"
#include "tools/tftp/link.h"

namespace sluice::tools {
namespace {

/// What is sent: a file, or a stream that is read as it comes.
struct Input {
  Fd fd;
  std::optional<std::uint64_t> size{};  ///< of a file
};

Result<Input> open_file(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail("open");
  const auto info = files::file_info(fd.get(), "");
  if (!info) return std::unexpected(info.error());
  if (info->is_directory()) return fail("open", EISDIR);
  return Input{std::move(fd), info->size};
}

Result<Input> open_input(const std::string& path) {
  if (!is_stream(path)) return open_file(path);
  auto fd = open_stream(path);
  if (!fd) return std::unexpected(fd.error());
  return Input{std::move(*fd)};
}

class Store final : public TftpJob, private tftp::Source {
 public:
  Store(std::string_view path, Input input, Interrupts& interrupts)
      : path_(path), input_(std::move(input)), interrupts_(interrupts) {}

  std::string name() const override { return printable(last_component(path_)); }
  std::optional<std::uint64_t> size() const override { return input_.size; }
  void begin(tftp::Client& client) override {
    ended_ = false;
    client.store(*this);
  }
  bool undo() override { return !begun_ || ::lseek(input_.fd.get(), 0, SEEK_SET) == 0; }

 private:
  Result<std::size_t> read(std::span<std::byte> out) override {
    std::size_t filled = 0;
    begun_ = true;
    while (filled < out.size() && !ended_) {
      if (!input_.size) {
        if (auto ready = interrupts_.wait_for(input_.fd.get(), POLLIN); !ready) {
          return std::unexpected(ready.error());
        }
      }
      const ssize_t got = ::read(input_.fd.get(), out.data() + filled, out.size() - filled);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0) return fail("read");
      ended_ = got == 0;
      filled += static_cast<std::size_t>(got);
    }
    return filled;
  }

  bool slow() const override { return !input_.size; }

  std::string_view path_;
  Input input_;
  Interrupts& interrupts_;
  bool begun_ = false;
  bool ended_ = false;  // a terminal's end is said only once
};

/// One run of the command.
class Put {
 public:
  Put(const TftpChoices& choices, TftpUrl url)
      : choices_(choices), url_(std::move(url)), link_(choices) {}

  int run(std::span<const std::string_view> paths) {
    const bool into = url_.file.empty() || url_.file.ends_with('/') || paths.size() > 1;
    for (const std::string_view path : paths) {
      if (path == "-" && into) {
        return misused("put", "standard input has no name: the URL needs one, of one file");
      }
    }
    for (const std::string_view path : paths) {
      if (link_.interrupts().came()) break;
      TftpUrl url = url_;
      if (into) url.file = join_path(url_.file, last_component(path));
      put(path, url);
    }
    return status_;
  }

  std::optional<int> signal() { return link_.interrupts().number(); }

 private:
  void put(std::string_view path, const TftpUrl& url) {
    auto input = open_input(std::string(path));
    if (!input) {
      const int exit = input.error().code == ENOENT ? kNoSuchFile : kFailed;
      const char* why = std::strerror(input.error().code);
      return note(report("put", {concat(printable(path), ": ", why), exit}));
    }
    Store job(path, std::move(*input), link_.interrupts());
    const auto done = link_.run(url, job);
    if (!done) return note(report("put", done.error()));
    if (choices_.verbose || ::isatty(STDOUT_FILENO) == 1) {
      note(print(summary_line(*done) + "\n"));
    }
  }

  void note(int status) {
    if (status_ == kOk) status_ = status;
  }

  const TftpChoices& choices_;
  const TftpUrl url_;
  TftpLink link_;
  int status_ = kOk;
};

}  // namespace

int put_by_tftp(const Arguments& arguments) {
  const auto choices = tftp_choices_of("put", arguments);
  if (!choices) return misused("put", choices.error());
  const auto& operands = arguments.operands;
  if (operands.size() < 2) return misused("put", "what, and where to? FILE and tftp://HOST/FILE");
  auto url = parse_tftp_url(operands.back());
  if (!url) return misused("put", url.error());
  if (choices->netascii) url->mode = tftp::Mode::netascii;
  std::optional<int> signal;
  int status = kOk;
  {
    Put command(*choices, std::move(*url));
    status = command.run(std::span(operands).first(operands.size() - 1));
    signal = command.signal();
  }
  Interrupts::end_by(signal);
  return status;
}

}  // namespace sluice::tools
