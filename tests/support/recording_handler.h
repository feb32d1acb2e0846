#pragma once

#include <cerrno>
#include <functional>
#include <string>

#include "reactor/stream.h"

/// Writes down what a Stream says, and does what the test wants done in each call.
class RecordingHandler : public sluice::StreamHandler {
 public:
  std::string data;
  std::string calls;  ///< a letter each: d(ata) e(of) P(ressed) p (released) w (drained) c(losed)
  sluice::Error error;
  bool closed = false;
  int closed_count = 0;
  int eofs = 0;
  std::size_t biggest = 0;  ///< bytes of the largest on_data

  std::function<void(sluice::Stream&, std::span<const std::byte>)> when_data;
  std::function<void(sluice::Stream&)> when_eof;  ///< in place of the default, which closes
  std::function<void(sluice::Stream&, bool)> when_pressed;
  std::function<void(sluice::Stream&)> when_drained;
  std::function<void(sluice::Stream&)> when_closed;

  void on_data(sluice::Stream& stream, std::span<const std::byte> bytes) noexcept override {
    note('d');
    biggest = std::max(biggest, bytes.size());
    data += sluice::as_text(bytes);
    if (when_data) when_data(stream, bytes);
  }
  void on_eof(sluice::Stream& stream) noexcept override {
    note('e');
    ++eofs;
    when_eof ? when_eof(stream) : sluice::StreamHandler::on_eof(stream);
  }
  void on_backpressure(sluice::Stream& stream, bool on) noexcept override {
    note(on ? 'P' : 'p');
    if (when_pressed) when_pressed(stream, on);
  }
  void on_drained(sluice::Stream& stream) noexcept override {
    note('w');
    if (when_drained) when_drained(stream);
  }
  void on_closed(sluice::Stream& stream, sluice::Error why) noexcept override {
    note('c');
    closed = true;
    ++closed_count;
    error = why;
    if (when_closed) when_closed(stream);
  }

 private:
  void note(char call) {
    if (call != 'd' || !calls.ends_with('d')) calls += call;  // how many reads is the kernel's
  }
};
