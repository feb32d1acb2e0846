#pragma once

#include <criterion/criterion.h>

#include <string>
#include <string_view>
#include <vector>

#include "protocols/video/frame_hub.h"

/// A source that does what the test tells it.
class ToldSource final : public sluice::video::FrameSource {
 public:
  explicit ToldSource(sluice::Reactor& reactor) : reactor_(&reactor) {}

  std::string name() const override { return "told <source>"; }
  sluice::video::Encoding encoding() const override { return sluice::video::Encoding::jpeg; }
  sluice::Started start(sluice::video::FrameSink& sink) override {
    sink_ = &sink;
    return {};
  }
  void want(bool wanted) override { wants.push_back(wanted); }
  std::string_view trouble() const override { return trouble_now; }
  std::uint64_t lost() const override { return 7; }

  /// A frame of `size` bytes that begin with its number.
  void give(std::size_t size = 100) {
    std::string bytes = "<" + std::to_string(++number) + ">";
    bytes.resize(size, 'x');
    sink_->on_frame({.bytes = sluice::SharedBytes(sluice::as_bytes(bytes)),
                     .width = 32,
                     .height = 16,
                     .number = number,
                     .captured = reactor_->now()});
  }
  void end(std::string_view trouble) { sink_->on_end(trouble); }

  std::vector<bool> wants;
  std::string trouble_now;
  std::uint64_t number = 0;

 private:
  sluice::Reactor* reactor_;
  sluice::video::FrameSink* sink_ = nullptr;
};
