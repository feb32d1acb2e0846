// Feeds TFTP with arbitrary bytes: packets, which written again must read the same; netascii, whole
// and in pieces; and both halves of the windows, whose numbers must stay within one another
// whatever the peer says.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/tftp/netascii.h"
#include "protocols/tftp/packet.h"
#include "protocols/tftp/window.h"
#include "reactor/check.h"
#include "reactor/text.h"

using namespace sluice;
using namespace sluice::tftp;

namespace {

using Bytes = std::vector<std::byte>;

// --- packets -------------------------------------------------------------------------------------

bool is_part(std::string_view part, std::string_view of) {
  return part.data() >= of.data() && part.data() + part.size() <= of.data() + of.size();
}

void in_bounds(const Options& options) {
  if (options.block_size) {
    SLUICE_CHECK(*options.block_size >= kMinBlock && *options.block_size <= kMaxBlock);
  }
  SLUICE_CHECK(options.timeout.value_or(1) >= 1 && options.window.value_or(1) >= 1);
  SLUICE_CHECK(options.rollover.value_or(0) <= 1);
}

template <class Kind>
Kind again(const Bytes& written) {
  const auto packet = parse(written);
  SLUICE_CHECK(packet && std::holds_alternative<Kind>(*packet));
  return std::get<Kind>(*packet);
}

/// Each takes what was read from `from`, writes it and reads it again.
struct Rewrite {
  std::string_view from;

  void operator()(const Request& request) const {
    SLUICE_CHECK(is_part(request.file, from) && !request.file.empty());
    in_bounds(request.options);
    Bytes out{std::byte{1}};
    put_request(out, request);
    const Request copy = again<Request>(out);
    SLUICE_CHECK(copy.write == request.write && copy.file == request.file);
    SLUICE_CHECK(copy.mode == request.mode && copy.options == request.options);
  }
  void operator()(const Data& data) const {
    SLUICE_CHECK(data.bytes.size() <= kMaxBlock && is_part(as_text(data.bytes), from));
    Bytes out(kDataHeader);
    put_data_header(std::span<std::byte, kDataHeader>(out), data.block);
    out.insert(out.end(), data.bytes.begin(), data.bytes.end());
    SLUICE_CHECK(as_text(out) == from);
  }
  void operator()(const Ack& ack) const {
    Bytes out;
    put_ack(out, ack.block);
    SLUICE_CHECK(from.starts_with(as_text(out)));
  }
  void operator()(const Failed& failed) const {
    SLUICE_CHECK(is_part(failed.text, from));
    Bytes out;
    put_error(out, static_cast<ErrorCode>(failed.code), failed.text);
    SLUICE_CHECK(out.size() <= kDefaultBlock + kDataHeader);
    const Failed copy = again<Failed>(out);
    SLUICE_CHECK(copy.code == failed.code && failed.text.starts_with(copy.text));
    SLUICE_CHECK(copy.text == failed.text || failed.text.size() >= kDefaultBlock);
  }
  void operator()(const OptionAck& ack) const {
    in_bounds(ack.options);
    Bytes out;
    put_option_ack(out, ack.options);
    SLUICE_CHECK(again<OptionAck>(out).options == ack.options);
  }
};

void packet(std::string_view bytes) {
  const auto packet = parse(as_bytes(bytes));
  if (packet) {
    std::visit(Rewrite{bytes}, *packet);
  } else {
    SLUICE_CHECK(packet.error() != nullptr && *packet.error() != '\0');
  }
}

// --- netascii ------------------------------------------------------------------------------------

/// Without `cuts` whole; else each says how long a piece is.
template <class Turner>
std::string turned(std::string_view bytes, std::string_view cuts) {
  Turner turner;
  Bytes out;
  for (std::size_t i = 0; !bytes.empty(); ++i) {
    const std::size_t wanted =
        cuts.empty() ? bytes.size() : static_cast<unsigned char>(cuts[i % cuts.size()]) + 1U;
    const std::size_t length = std::min(wanted, bytes.size());
    turner.turn(as_bytes(bytes.substr(0, length)), out);
    bytes.remove_prefix(length);
  }
  if constexpr (requires { turner.finish(out); }) turner.finish(out);
  return std::string(as_text(out));
}

void netascii(std::string_view bytes, std::string_view cuts) {
  const std::string wire = turned<ToNetascii>(bytes, "");
  SLUICE_CHECK(turned<ToNetascii>(bytes, cuts) == wire);
  SLUICE_CHECK(turned<FromNetascii>(wire, cuts) == bytes);
  const std::string lines = turned<FromNetascii>(bytes, "");
  SLUICE_CHECK(turned<FromNetascii>(bytes, cuts) == lines && lines.size() <= bytes.size());
}

// --- windows -------------------------------------------------------------------------------------

std::uint16_t pair_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

/// What comes of a pair of bytes: mostly a number near `around`, or the pair itself.
std::uint16_t number_of(std::uint16_t pair, std::uint64_t around, std::uint16_t rollover) {
  if (pair & 1) return static_cast<std::uint16_t>(pair >> 1);
  const std::uint64_t near = around + (pair >> 4);
  return wire_number(near > 16 ? near - 16 : 0, rollover);
}

void send_window(std::string_view bytes, std::uint16_t window, std::uint16_t rollover) {
  SendWindow sender(window, rollover);
  const std::uint64_t most = std::clamp<std::uint16_t>(window, 1, kMaxWindow);
  std::uint64_t highest = 0, last = 0;
  const auto sends = [&](SendWindow::Blocks blocks) {
    if (blocks.count == 0) return;
    SLUICE_CHECK(blocks.first == sender.acked() + 1 && blocks.count <= most);
    highest = std::max(highest, blocks.first + blocks.count - 1);
    SLUICE_CHECK(last == 0 || highest <= last);
  };
  sends(sender.begin());
  for (std::size_t i = 0; i + 2 < bytes.size() && !sender.done(); i += 3) {
    const std::uint64_t acked = sender.acked();
    if (bytes[i] == 't') {
      sends(sender.on_timeout());
      SLUICE_CHECK(sender.acked() == acked);
    } else if (bytes[i] == 'l' && last == 0) {
      last = std::min<std::uint64_t>(acked + 1 + pair_at(bytes, i + 1), highest);
      highest = last;
      sender.set_last(last);
    } else {
      sends(sender.on_ack(number_of(pair_at(bytes, i + 1), acked, rollover)));
      SLUICE_CHECK(sender.acked() >= acked && sender.acked() <= acked + most);
      SLUICE_CHECK(sender.acked() > acked || !sender.measures());
    }
    SLUICE_CHECK(sender.acked() <= highest);
    SLUICE_CHECK(sender.done() == (last != 0 && sender.acked() == last));
  }
}

void receive_window(std::string_view bytes, std::uint16_t window, std::uint16_t rollover) {
  ReceiveWindow receiver(window, rollover);
  for (std::size_t i = 0; i + 2 < bytes.size(); i += 3) {
    const std::uint64_t before = receiver.received();
    const bool was_done = receiver.done();
    if (bytes[i] == 't') {
      receiver.on_timeout();
      SLUICE_CHECK(receiver.received() == before);
      continue;
    }
    const bool last = bytes[i] == 'l';
    const std::uint16_t number = number_of(pair_at(bytes, i + 1), before, rollover);
    const auto verdict = receiver.on_data(number, last);
    SLUICE_CHECK(receiver.received() == before + verdict.take);
    if (verdict.take) SLUICE_CHECK(!was_done && number == wire_number(before + 1, rollover));
    SLUICE_CHECK(receiver.done() == (was_done || (verdict.take && last)));
    if (verdict.take && (last || window <= 1)) SLUICE_CHECK(verdict.ack);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  packet(input);
  if (input.empty()) return 0;
  // The first byte says how many of the next say where to cut.
  const std::size_t cuts_size =
      std::min<std::size_t>(static_cast<unsigned char>(input[0]) % 8, input.size() - 1);
  netascii(input.substr(1 + cuts_size), input.substr(1, cuts_size));
  if (input.size() < 3) return 0;
  const auto rollover = static_cast<std::uint16_t>(input[0] & 1);
  const bool small = input[0] & 2;
  const std::uint16_t window = small ? pair_at(input, 1) % 17 : pair_at(input, 1);
  send_window(input.substr(3), window, rollover);
  receive_window(input.substr(3), window, rollover);
  return 0;
}
