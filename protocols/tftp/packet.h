#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The wire of TFTP: RFC 1350, with options (RFC 2347 to 2349, RFC 7440). Pure functions.
namespace sluice::tftp {

inline constexpr std::uint16_t kDefaultBlock = 512;
inline constexpr std::uint16_t kMinBlock = 8, kMaxBlock = 65464;  ///< RFC 2348
inline constexpr std::size_t kDataHeader = 4;
inline constexpr std::size_t kMaxPacket = kMaxBlock + kDataHeader;
/// A request longer than this is none of ours; RFC 2347 asks for 512.
inline constexpr std::size_t kMaxRequest = 2048;

enum class Mode : std::uint8_t { octet, netascii };

/// RFC 1350 section 5, RFC 2347.
enum class ErrorCode : std::uint16_t {
  undefined = 0,
  not_found = 1,
  access = 2,
  disk_full = 3,
  illegal = 4,
  unknown_transfer = 5,
  exists = 6,
  no_user = 7,
  bad_option = 8,
};

/// The options we know; nothing: not there. One whose value is malformed or out of its bounds is
/// taken as not there, as one that we do not know is (RFC 2347); of one that comes twice the first
/// good one counts.
struct Options {
  std::optional<std::uint16_t> block_size{};  ///< blksize, 8 to 65464
  std::optional<std::uint8_t> timeout{};      ///< seconds, 1 to 255
  std::optional<std::uint64_t> size{};        ///< tsize
  std::optional<std::uint16_t> window{};      ///< windowsize, 1 to 65535
  std::optional<std::uint16_t> rollover{};    ///< which number follows block 65535: 0 or 1
  bool strange = false;  ///< there is one that is unknown, or of a value that cannot be

  bool any() const { return block_size || timeout || size || window || rollover; }
  bool operator==(const Options&) const = default;
};

/// Views look into the packet that was parsed.
struct Request {
  bool write = false;
  std::string_view file{};
  Mode mode = Mode::octet;
  Options options{};
};
struct Data {
  std::uint16_t block = 0;
  std::span<const std::byte> bytes{};
};
struct Ack {
  std::uint16_t block = 0;
};
struct Failed {
  std::uint16_t code = 0;
  std::string_view text{};  ///< as the peer sent it: not safe for a terminal
};
struct OptionAck {
  Options options{};
};
using Packet = std::variant<Request, Data, Ack, Failed, OptionAck>;

/// Why a datagram is no packet: for the log, and for the error 4 that a bad request is answered by.
using Malformed = const char*;

std::expected<Packet, Malformed> parse(std::span<const std::byte> datagram);

/// These append to `out`, which they clear first.
/// `request.file` holds no NUL: it would end the name.
void put_request(std::vector<std::byte>& out, const Request& request);
void put_ack(std::vector<std::byte>& out, std::uint16_t block);
void put_option_ack(std::vector<std::byte>& out, const Options& options);
/// `text` is cut before a NUL, and to what fits into a packet of kDefaultBlock.
void put_error(std::vector<std::byte>& out, ErrorCode code, std::string_view text);
/// The four bytes before a block's contents.
void put_data_header(std::span<std::byte, kDataHeader> out, std::uint16_t block);

}  // namespace sluice::tftp
