#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "protocols/multicast/pipe_writer.h"
#include "protocols/multicast/program.h"
#include "protocols/service.h"
#include "reactor/datagram.h"
#include "reactor/error.h"
#include "reactor/fd.h"

namespace sluice::multicast {

/// Where datagrams go. None of them ever waits for its reader, but for a disk.
class Sink {
 public:
  virtual ~Sink() = default;
  /// What came together, in order.
  virtual void take(std::span<const Received> batch) noexcept = 0;
  /// No more will come. What is held still goes out.
  virtual void finish() {}
  /// What is held does not.
  virtual void abort() {}
  virtual bool finished() const { return true; }
  /// Datagrams that it had no room for.
  virtual std::uint64_t dropped() const { return 0; }
};

/// What stands between datagrams in a stream of bytes.
enum class Framing : std::uint8_t {
  lines,  ///< a newline behind each that does not end in one
  raw     ///< nothing: what comes out is what was sent
};

/// Appends to a file, as it is. When the disk is full that is logged once, and again when it works.
class FileSink final : public Sink {
 public:
  static std::expected<std::unique_ptr<FileSink>, std::string> open(const std::string& path);

  void take(std::span<const Received> batch) noexcept override;
  std::uint64_t dropped() const override { return dropped_; }
  /// Why the last write came to nothing, if it did.
  const Error& error() const { return error_; }

 private:
  FileSink(std::string path, Fd file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  Fd file_;
  std::uint64_t dropped_ = 0;
  Error error_;
};

/// Into a program's standard input. When the program has ended, the next datagram starts it again,
/// after a pause; or `on_ended` is told, once, and decides.
class ProgramSink final : public Sink {
 public:
  ProgramSink(Reactor& reactor, std::string command, Framing framing);
  std::expected<void, std::string> start();
  /// In place of starting it again.
  void on_ended(Program::OnEnded callback) { on_ended_ = std::move(callback); }
  /// Called when finished() becomes true after finish().
  void on_finished(Callback callback) { on_finished_ = std::move(callback); }

  void take(std::span<const Received> batch) noexcept override;
  void finish() override;
  void abort() override;
  bool finished() const override { return finishing_ && !program_.running(); }
  std::uint64_t dropped() const override { return program_.dropped(); }

 private:
  void ended(int wait_status);
  bool ready();

  Reactor* reactor_;
  Program program_;
  Framing framing_;
  bool finishing_ = false;
  TimePoint ended_{};
  Program::OnEnded on_ended_;
  Callback on_finished_;
};

/// Lines of the log, so many a second at most.
class LogSink final : public Sink {
 public:
  explicit LogSink(Reactor& reactor) : reactor_(&reactor) {}
  void take(std::span<const Received> batch) noexcept override;
  void finish() override;

 private:
  Reactor* reactor_;
  TimePoint since_{};
  unsigned lines_ = 0;
  std::uint64_t left_out_ = 0;
};

/// One call for each, with its text.
class CallSink final : public Sink {
 public:
  using Say = Function<void(std::string_view text)>;
  explicit CallSink(Say say) : say_(std::move(say)) {}
  void take(std::span<const Received> batch) noexcept override;

 private:
  Say say_;
};

/// What `framing` puts behind `text`.
inline std::string_view ending(Framing framing, std::string_view text) {
  return framing == Framing::raw || text.ends_with('\n') ? "" : "\n";
}

}  // namespace sluice::multicast
