#include "protocols/tftp/netascii.h"

#include <algorithm>

namespace sluice::tftp {
namespace {

constexpr std::byte kCr{'\r'};
constexpr std::byte kLf{'\n'};
constexpr std::byte kNul{0};

}  // namespace

void ToNetascii::turn(std::span<const std::byte> in, std::vector<std::byte>& out) {
  while (!in.empty()) {
    const auto special = std::ranges::find_if(in, [](std::byte b) { return b == kCr || b == kLf; });
    out.insert(out.end(), in.begin(), special);
    if (special == in.end()) return;
    out.push_back(kCr);
    out.push_back(*special == kLf ? kLf : kNul);
    in = in.subspan(static_cast<std::size_t>(special - in.begin()) + 1);
  }
}

void FromNetascii::turn(std::span<const std::byte> in, std::vector<std::byte>& out) {
  while (!in.empty()) {
    if (after_cr_) {
      after_cr_ = false;
      const std::byte second = in.front();
      out.push_back(second == kLf ? kLf : kCr);
      if (second == kLf || second == kNul) {
        in = in.subspan(1);
        continue;
      }
    }
    const auto cr = std::ranges::find(in, kCr);
    out.insert(out.end(), in.begin(), cr);
    if (cr == in.end()) return;
    after_cr_ = true;
    in = in.subspan(static_cast<std::size_t>(cr - in.begin()) + 1);
  }
}

void FromNetascii::finish(std::vector<std::byte>& out) {
  if (after_cr_) out.push_back(kCr);
  after_cr_ = false;
}

}  // namespace sluice::tftp
