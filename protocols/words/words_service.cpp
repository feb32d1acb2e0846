#include "protocols/words/words_service.h"

#include <algorithm>

#include "protocols/gap_framer.h"
#include "reactor/tcp.h"
#include "reactor/text.h"

namespace sluice::words {
namespace {

constexpr std::string_view kWords[] = {"one", "two",   "three", "four", "five",
                                       "six", "seven", "eight", "nine", "ten"};

constexpr std::size_t kSliceBytes = 4096;

class WordsSession final : public Session {
 public:
  WordsSession(WordsService& service, Fd socket, const Address& peer)
      : Session(service, std::move(socket), peer),
        gap_(service.gap()),
        timer_(service.reactor().timer([this] { on_gap(); })) {}

  void on_data(Stream&, std::span<const std::byte> bytes) noexcept override {
    service().count().bytes_in += bytes.size();
    take(as_text(bytes));
  }

  void on_eof(Stream& stream) noexcept override {
    flush();
    stream.close();
  }

  void drain() noexcept override {
    flush();
    stream().close();
  }

  void on_backpressure(Stream& stream, bool on) noexcept override {
    reading_ = !on;
    if (on) return stream.pause_reading();
    take(std::exchange(waiting_, {}));
    if (reading_) stream.resume_reading();
  }

 private:
  /// Slice by slice, since an answer may be far longer than its request and a client may ask much
  /// more than it reads.
  void take(std::string_view bytes) {
    while (reading_ && !bytes.empty()) {
      framer_.feed(bytes.substr(0, kSliceBytes),
                   [this](std::string_view request, bool newline) { add(request, newline); });
      bytes.remove_prefix(std::min(kSliceBytes, bytes.size()));
      send();
    }
    waiting_ = bytes;
    await_gap();
  }

  /// While we read nothing, that nothing more has come says nothing of the client.
  void await_gap() { framer_.holding() && reading_ ? timer_.start(gap_) : timer_.stop(); }

  /// What has come within a long turn is read in the next one, and was no gap.
  void on_gap() { has_unread(stream().fd()) ? timer_.start(gap_) : flush(); }

  void flush() {
    framer_.flush([this](std::string_view request, bool newline) { add(request, newline); });
    send();
  }

  void add(std::string_view request, bool newline) {
    answers_ += answer(request);
    if (newline) answers_ += '\n';
  }

  /// One write for many answers: a packet may hold thousands of requests.
  void send() {
    if (answers_.empty()) return;
    const std::string answers = std::exchange(answers_, {});
    service().count().bytes_out += answers.size();
    stream().write(answers);
  }

  Duration gap_;
  GapFramer framer_;
  std::string answers_;
  std::string waiting_;  // what came with the read that pressed too much on the client
  Timer timer_;
  bool reading_ = true;
};

}  // namespace

std::string_view answer(std::string_view request) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = request.find_first_not_of(kBlanks);
  if (first != std::string_view::npos) {
    request = request.substr(first, request.find_last_not_of(kBlanks) - first + 1);
  }
  const auto number = parse_number<unsigned>(request);
  if (number && *number >= 1 && *number <= 10) return kWords[*number - 1];
  return "error: expected a whole number from 1 to 10";
}

std::unique_ptr<Session> WordsService::make_session(Fd socket, const Address& peer) {
  return std::make_unique<WordsSession>(*this, std::move(socket), peer);
}

}  // namespace sluice::words
