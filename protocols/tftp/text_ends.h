#pragma once

#include <vector>

#include "protocols/tftp/netascii.h"
#include "protocols/tftp/source.h"

namespace sluice::tftp {

/// Another Source as netascii. That one outlives it.
class TextSource final : public Source {
 public:
  explicit TextSource(Source& source) : source_(&source) {}
  Result<std::size_t> read(std::span<std::byte> out) override;
  bool slow() const override { return source_->slow(); }

 private:
  Source* source_;
  ToNetascii turn_;
  std::vector<std::byte> raw_, turned_;
  std::size_t given_ = 0;  // of turned_
  bool ended_ = false;
};

/// Turns netascii for another Sink. That one outlives it.
class TextSink final : public Sink {
 public:
  explicit TextSink(Sink& sink) : sink_(&sink) {}
  Result<void> write(std::span<const std::byte> bytes) override;
  Result<void> finish() override;

 private:
  Sink* sink_;
  FromNetascii turn_;
  std::vector<std::byte> turned_;
};

}  // namespace sluice::tftp
