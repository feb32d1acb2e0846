#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/multicast/pipe_writer.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/reactor.h"

namespace sluice::multicast {

/// A shell command that reads what is put into its standard input; its other descriptors are ours.
/// Neither its end nor its not reading stops the loop: see PipeWriter. Its end is told by a
/// pidfd_open(2), and it is waited for by its id, so that nobody else's children are touched.
///
///     start() ──▶ running ──(it ends)──▶ on_ended(status) ──▶ start() …
///                    └─ end_input() ──▶ what is held goes out, then it sees the end of its input
class Program final : public IoHandler {
 public:
  using OnEnded = Function<void(int wait_status)>;  ///< as waitpid(2) has it

  Program(Reactor& reactor, std::string command, OnEnded on_ended);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() override;

  Result<void> start();
  bool running() const { return child_ > 0; }
  const std::string& command() const { return command_; }

  PipeWriter& input() { return input_; }
  std::uint64_t dropped() const { return input_.dropped(); }
  void end_input();
  /// SIGTERM.
  void terminate();

  void on_readable() noexcept override;

 private:
  void watch_child();

  Reactor* reactor_;
  std::string command_;
  OnEnded on_ended_;
  PipeWriter input_;
  bool ending_ = false;
  pid_t child_ = 0;
  Fd child_fd_;
  Watch child_watch_;
  Timer poll_;  // where there is no pidfd
};

/// "ended with status 3", "was ended by signal 9".
std::string how_ended(int wait_status);

}  // namespace sluice::multicast
