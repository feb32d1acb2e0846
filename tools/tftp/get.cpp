#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "reactor/printable.h"
#include "reactor/text.h"
#include "reactor/write_all.h"
#include "tools/local_target.h"
#include "tools/path.h"
#include "tools/place.h"
#include "tools/tftp/commands.h"
#include "tools/tftp/link.h"

namespace sluice::tools {
namespace {

/// A pipe that is ready takes so much at once: POSIX, PIPE_BUF.
constexpr std::size_t kPipePiece = 4096;

/// Into a file here, or into what is none.
class Fetch final : public TftpJob, private tftp::Sink {
 public:
  Fetch(const TftpUrl& url, const Place& place, Interrupts& interrupts)
      : url_(url), place_(place), interrupts_(interrupts) {}

  std::string name() const override { return printable(last_component(url_.file)); }
  void begin(tftp::Client& client) override {
    client_ = &client;
    received_ = 0;
    lied_ = false;
    if (place_.tree) target_.emplace(&*place_.tree, place_.path, part_path(place_.path));
    client.fetch(*this);
  }
  std::string fault() const override {
    if (!lied_) return {};
    return concat("the server said that the file has ", total().value_or(0), " bytes, and sent ",
                  received_ > total().value_or(0) ? "more" : concat(received_));
  }
  bool undo() override {
    if (target_) target_->discard();
    return target_ || received_ == 0;
  }

 private:
  /// What the server has said; of text that is the number of other bytes.
  std::optional<std::uint64_t> total() const {
    return url_.mode == tftp::Mode::octet ? client_->total() : std::nullopt;
  }

  Result<void> write(std::span<const std::byte> bytes) override {
    received_ += bytes.size();
    if (received_ > total().value_or(UINT64_MAX)) return lies();
    return target_ ? target_->write(bytes) : write_directly(bytes);
  }

  /// A reader that is slow, or stands still, must not keep ^C from being heard.
  Result<void> write_directly(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min(bytes.size(), kPipePiece));
      if (auto ready = interrupts_.wait_for(place_.direct.get(), POLLOUT); !ready) return ready;
      if (auto written = write_all(place_.direct.get(), piece); !written) return written;
      bytes = bytes.subspan(piece.size());
    }
    return {};
  }

  Result<void> finish() override {
    if (received_ != total().value_or(received_)) return lies();
    if (!target_) return {};
    return target_->commit(std::nullopt);
  }

  std::unexpected<Error> lies() {
    lied_ = true;
    return fail("write (not the size that was told)", EPROTO);
  }

  const TftpUrl& url_;
  const Place& place_;
  Interrupts& interrupts_;
  tftp::Client* client_ = nullptr;
  std::optional<LocalTarget> target_;
  std::uint64_t received_ = 0;
  bool lied_ = false;
};

/// One run of the command.
class Get {
 public:
  explicit Get(const TftpChoices& choices) : choices_(choices), link_(choices) {}

  int run(std::span<const std::string_view> texts) {
    std::vector<TftpUrl> urls;
    for (const std::string_view text : texts) {
      auto url = parse_tftp_url(text);
      if (!url) return misused("get", url.error());
      if (auto fault = fault_of(*url); !fault.empty()) return misused("get", fault);
      if (choices_.netascii) url->mode = tftp::Mode::netascii;
      urls.push_back(std::move(*url));
    }
    if (choices_.output == "-" && urls.size() > 1) return misused("get", "-o - takes one file");
    for (const TftpUrl& url : urls) {
      if (!link_.interrupts().came()) get(url);
    }
    return status_;
  }

  std::optional<int> signal() { return link_.interrupts().number(); }

 private:
  static std::string fault_of(const TftpUrl& url) {
    if (url.pattern) {
      return concat(printable(last_component(url.file)),
                    ": TFTP knows no patterns (%2A, %3F and %5B are *, ? and [ themselves)");
    }
    if (url.file.empty() || url.file.ends_with('/')) {
      return concat(shown_url(url), " names no file, and TFTP lists no directories");
    }
    return {};
  }

  void get(const TftpUrl& url) {
    const auto place = place_of(choices_.output, last_component(url.file));
    if (!place) return note(report("get", place.error()));
    Fetch job(url, *place, link_.interrupts());
    const auto done = link_.run(url, job);
    if (!done) return note(report("get", done.error()));
    if (choices_.verbose || (!place->is_output && ::isatty(STDOUT_FILENO) == 1)) {
      tell(*done, place->is_output);
    }
  }

  /// A line on standard output, unless that has the file.
  void tell(const Transfer& transfer, bool on_error) {
    const std::string line = summary_line(transfer) + "\n";
    if (on_error) {
      (void)write_all(STDERR_FILENO, line);
    } else {
      note(print(line));
    }
  }

  void note(int status) {
    if (status_ == kOk) status_ = status;
  }

  const TftpChoices& choices_;
  TftpLink link_;
  int status_ = kOk;
};

}  // namespace

int get_by_tftp(const Arguments& arguments) {
  const auto choices = tftp_choices_of("get", arguments);
  if (!choices) return misused("get", choices.error());
  std::optional<int> signal;
  int status = kOk;
  {
    Get command(*choices);
    status = command.run(arguments.operands);
    signal = command.signal();
  }
  Interrupts::end_by(signal);
  return status;
}

}  // namespace sluice::tools
