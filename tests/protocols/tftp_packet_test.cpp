#include "protocols/tftp/packet.h"

#include <criterion/criterion.h>

#include <cstring>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "reactor/text.h"

using namespace sluice;
using namespace sluice::tftp;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

using Bytes = std::vector<std::byte>;

/// The views of the packet look into `bytes`.
template <class Kind>
Kind parsed(std::string_view bytes) {
  const auto packet = parse(as_bytes(bytes));
  cr_assert(packet.has_value(), "malformed: %s", packet ? "" : packet.error());
  cr_assert(std::holds_alternative<Kind>(*packet), "another kind of packet: %zu", packet->index());
  return std::get<Kind>(*packet);
}

void expect_malformed(std::string_view bytes, std::string_view why) {
  const auto packet = parse(as_bytes(bytes));
  cr_assert_not(packet.has_value(), "taken instead of: %.*s", static_cast<int>(why.size()),
                why.data());
  cr_expect(std::string_view(packet.error()).find(why) != why.npos, "\"%s\"", packet.error());
}

std::string_view text(const Bytes& bytes) {
  return as_text(bytes);
}

/// A read request for file "f" with these options, each name and value ended by a NUL.
Options options_of(std::string_view options) {
  return parsed<Request>(concat("\0\1f\0octet\0"sv, options)).options;
}

constexpr std::string_view kRead = "\0\1a/b.txt\0octet\0tsize\0000\0blksize\0001428\0"sv;

}  // namespace

// --- the layouts ---------------------------------------------------------------------------------

Test(tftp_packet, requests_are_laid_out_as_in_the_rfc) {
  Bytes out{std::byte{9}};
  put_request(out, {.file = "a/b.txt", .options = {.block_size = 1428, .size = 0}});
  cr_expect(text(out) == kRead);
  put_request(out, {.write = true, .file = "x", .mode = Mode::netascii});
  cr_expect(text(out) == "\0\2x\0netascii\0"sv);
}

Test(tftp_packet, answers_are_laid_out_as_in_the_rfc) {
  Bytes out{std::byte{9}};
  put_ack(out, 0x1234);
  cr_expect(text(out) == "\0\4\x12\x34"sv);
  put_error(out, ErrorCode::access, "not here");
  cr_expect(text(out) == "\0\5\0\2not here\0"sv);
  put_option_ack(out, {.block_size = 8, .timeout = 255, .size = UINT64_MAX, .window = 65535});
  cr_expect(
      text(out) ==
      "\0\6tsize\00018446744073709551615\0blksize\0008\0timeout\000255\0windowsize\00065535\0"sv);
  std::byte header[kDataHeader];
  put_data_header(header, 0xfffe);
  cr_expect(as_text(header) == "\0\3\xff\xfe"sv);
}

Test(tftp_packet, a_request_reads_as_it_was_written) {
  for (const bool write : {false, true}) {
    for (const Mode mode : {Mode::octet, Mode::netascii}) {
      Bytes out;
      const Options options{512, std::uint8_t{1}, 77U, std::uint16_t{64}, std::uint16_t{1}};
      const std::string_view name = "dir/name with blanks \u00fc";
      put_request(out, {write, name, mode, options});
      const auto request = parsed<Request>(text(out));
      cr_expect(request.write == write && request.mode == mode && request.file == name);
      cr_expect(request.options == options);
    }
  }
  const auto request = parsed<Request>(kRead);
  cr_expect(request.file == "a/b.txt" && !request.write && request.mode == Mode::octet);
  cr_expect(request.options == (Options{.block_size = 1428, .size = 0}));
}

Test(tftp_packet, a_request_without_options_has_none) {
  cr_expect_not(parsed<Request>("\0\1f\0octet\0"sv).options.any());
  cr_expect(parsed<Request>(kRead).options.any());
}

Test(tftp_packet, a_name_is_bytes) {
  cr_expect(parsed<Request>("\0\1\xff\n../\x80\0octet\0"sv).file == "\xff\n../\x80");
}

Test(tftp_packet, blocks_may_be_empty_and_full) {
  cr_expect(parsed<Data>("\0\3\xff\xff"sv).bytes.empty());
  cr_expect_eq(parsed<Data>("\0\3\xff\xff"sv).block, 65535);
  const std::string full = "\0\3\0\1"s + std::string(kMaxBlock, 'x');
  cr_expect_eq(parsed<Data>(full).bytes.size(), kMaxBlock);
  cr_expect_eq(as_text(parsed<Data>(full).bytes).data(), full.data() + kDataHeader, "a view of it");
  expect_malformed(full + "x", "too long");
}

Test(tftp_packet, an_acknowledgement_may_be_filled_up) {
  cr_expect_eq(parsed<Ack>("\0\4\x80\1"sv).block, 0x8001);
  cr_expect_eq(parsed<Ack>("\0\4\0\7\0\0\0\0"sv).block, 7);
}

Test(tftp_packet, an_error_has_a_text_or_not_and_its_end_may_be_missing) {
  const auto failed = parsed<Failed>("\0\5\0\1File not found\0"sv);
  cr_expect(failed.code == 1 && failed.text == "File not found");
  cr_expect(parsed<Failed>("\0\5\0\1no end"sv).text == "no end");
  cr_expect(parsed<Failed>("\0\5\0\1\0"sv).text.empty());
  cr_expect(parsed<Failed>("\0\5\xff\xff"sv).text.empty());
  cr_expect_eq(parsed<Failed>("\0\5\xff\xff"sv).code, 65535);
  cr_expect(parsed<Failed>("\0\5\0\0seen\0unseen\0"sv).text == "seen");
}

Test(tftp_packet, an_option_acknowledgement_may_be_empty) {
  cr_expect_not(parsed<OptionAck>("\0\6"sv).options.any());
  cr_expect(parsed<OptionAck>("\0\6blksize\0009000\0"sv).options == Options{.block_size = 9000});
}

// --- options -------------------------------------------------------------------------------------

Test(tftp_options, are_known_in_any_case_and_order) {
  const Options all{1024, std::uint8_t{3}, 5U, std::uint16_t{16}, std::uint16_t{0}};
  cr_expect(options_of(
                "blksize\0001024\0timeout\0003\0tsize\0005\0windowsize\00016\0rollover\0000\0"sv) ==
            all);
  cr_expect(options_of(
                "ROLLOVER\0000\0WindowSize\00016\0TSize\0005\0TIMEOUT\0003\0BlkSize\0001024\0"sv) ==
            all);
}

Test(tftp_options, that_are_not_known_are_passed_over) {
  cr_expect(options_of("multicast\0\0x\0y\0blksize2\0002048\0tsize\0005\0blksiz\0009\0"sv) ==
            (Options{.size = 5, .strange = true}));
}

Test(tftp_options, may_hold_the_largest_values_and_the_smallest) {
  cr_expect(
      options_of("blksize\0008\0timeout\0001\0tsize\0000\0windowsize\0001\0rollover\0000\0"sv) ==
      (Options{8, std::uint8_t{1}, 0U, std::uint16_t{1}, std::uint16_t{0}}));
  cr_expect(
      options_of("blksize\00065464\0timeout\000255\0tsize\00018446744073709551615\0"
                 "windowsize\00065535\0rollover\0001\0"sv) ==
      (Options{65464, std::uint8_t{255}, UINT64_MAX, std::uint16_t{65535}, std::uint16_t{1}}));
}

Test(tftp_options, out_of_their_bounds_are_not_there) {
  for (const auto one :
       {"blksize\0007\0"sv, "blksize\00065465\0"sv, "blksize\0000\0"sv, "timeout\0000\0"sv,
        "timeout\000256\0"sv, "windowsize\0000\0"sv, "windowsize\00065536\0"sv, "rollover\0002\0"sv,
        "tsize\00018446744073709551616\0"sv, "blksize\0004294967808\0"sv,
        "windowsize\000999999999999999999999999999999\0"sv}) {
    cr_expect_not(options_of(one).any(), "%s %s", one.data(),
                  one.data() + std::strlen(one.data()) + 1);
  }
}

Test(tftp_options, that_are_no_numbers_are_not_there) {
  for (const auto name : {"blksize"sv, "timeout"sv, "tsize"sv, "windowsize"sv, "rollover"sv}) {
    for (const auto value : {""sv, "-1"sv, "+8"sv, " 8"sv, "8 "sv, "0x10"sv, "1e3"sv, "8k"sv,
                             "1.0"sv, "octet"sv, "\xd9\xa8"sv, "--"sv}) {
      cr_expect_not(options_of(concat(name, "\0"sv, value, "\0"sv)).any(), "%s=%s", name.data(),
                    value.data());
    }
  }
}

Test(tftp_options, that_come_twice_count_as_they_came_first) {
  cr_expect(options_of("blksize\0001024\0BLKSIZE\0002048\0"sv) == Options{.block_size = 1024});
  cr_expect(options_of("blksize\0007\0blksize\0002048\0"sv) ==
            (Options{.block_size = 2048, .strange = true}));
}

Test(tftp_options, may_be_followed_by_nuls_that_fill_the_packet_up) {
  for (std::size_t count = 1; count < 9; ++count) {
    cr_expect(options_of(concat("tsize\0005\0"sv, std::string(count, '\0'))) == Options{.size = 5});
    cr_expect_not(options_of(std::string(count, '\0')).any());
  }
}

// --- what is no packet ---------------------------------------------------------------------------

Test(tftp_malformed, is_what_is_too_short_for_its_kind) {
  expect_malformed("", "opcode");
  expect_malformed("\0"sv, "opcode");
  expect_malformed("\0\3"sv, "block number");
  expect_malformed("\0\3\0"sv, "block number");
  expect_malformed("\0\4"sv, "block number");
  expect_malformed("\0\4\1"sv, "block number");
}

Test(tftp_malformed, is_an_opcode_of_no_rfc) {
  for (const auto bytes :
       {"\0\0\0\1"sv, "\0\7\0\1"sv, "\1\1f\0octet\0"sv, "\xff\xff"sv, "GET / "sv}) {
    expect_malformed(bytes, "unknown opcode");
  }
}

Test(tftp_malformed, is_a_request_that_ends_anywhere_before_its_end) {
  const std::size_t name_end = kRead.find('\0', 2), mode_end = kRead.find('\0', name_end + 1);
  for (std::size_t size = 2; size < kRead.size(); ++size) {
    const auto packet = parse(as_bytes(kRead.substr(0, size)));
    const bool whole = size == mode_end + 1 || size == mode_end + 9;
    cr_expect(packet.has_value() == whole, "cut at %zu", size);
    if (packet) continue;
    const std::string_view why = packet.error();
    cr_expect(why.find(size <= name_end   ? "name"
                       : size <= mode_end ? "mode"
                                          : "option") != why.npos,
              "cut at %zu: %s", size, packet.error());
  }
}

Test(tftp_malformed, is_a_request_for_no_file) {
  expect_malformed("\0\1\0octet\0"sv, "no file");
  expect_malformed("\0\2\0\0"sv, "no file");
}

Test(tftp_malformed, is_a_mode_that_is_unknown) {
  for (const auto bytes :
       {"\0\1f\0\0"sv, "\0\1f\0binary\0"sv, "\0\2f\0octets\0"sv, "\0\1f\0octe\0"sv}) {
    expect_malformed(bytes, "unknown mode");
  }
  expect_malformed("\0\2user@host\0mail\0"sv, "mail");
  expect_malformed("\0\2user@host\0MAIL\0"sv, "mail");
}

Test(tftp_malformed, is_no_mode_in_another_case) {
  cr_expect(parsed<Request>("\0\1f\0NetASCII\0"sv).mode == Mode::netascii);
  cr_expect(parsed<Request>("\0\1f\0OCTET\0"sv).mode == Mode::octet);
}

Test(tftp_malformed, is_an_option_acknowledgement_cut_anywhere_but_between_options) {
  const std::string_view whole = "\0\6tsize\0005\0blksize\000512\0"sv;
  for (std::size_t size = 3; size < whole.size(); ++size) {
    const bool between = size == 10;
    cr_expect(parse(as_bytes(whole.substr(0, size))).has_value() == between, "cut at %zu", size);
  }
}

Test(tftp_malformed, is_a_request_of_more_than_2048_bytes) {
  const auto of_size = [](std::string_view opcode, std::size_t size) {
    std::string request = concat(opcode, "name\0octet\0"sv);
    return request + std::string(size - request.size(), '\0');
  };
  cr_expect(parsed<Request>(of_size("\0\1"sv, kMaxRequest)).file == "name");
  expect_malformed(of_size("\0\1"sv, kMaxRequest + 1), "too long");
  expect_malformed(of_size("\0\2"sv, 65507), "too long");
  expect_malformed("\0\6"s + std::string(kMaxRequest, '\0'), "too long");
}

// --- what is sent is bounded ---------------------------------------------------------------------

Test(tftp_error, is_cut_to_a_packet_that_everybody_takes) {
  Bytes out;
  put_error(out, ErrorCode::undefined, std::string(10'000, 'x'));
  cr_expect_eq(out.size(), kDataHeader + kDefaultBlock);
  cr_expect(out.back() == std::byte{0});
  put_error(out, ErrorCode::undefined, std::string(511, 'x'));
  cr_expect_eq(out.size(), kDataHeader + kDefaultBlock);
}

Test(tftp_error, is_not_cut_within_a_character) {
  for (std::size_t before = 505; before < 513; ++before) {
    const std::string whole = std::string(before, 'x') + "\u20ac\u20ac";
    Bytes out;
    put_error(out, ErrorCode::undefined, whole);
    const auto sent = parsed<Failed>(text(out)).text;
    cr_expect((sent.size() - std::min(before, sent.size())) % 3 == 0, "%zu bytes", sent.size());
    cr_expect_geq(sent.size(), 509);
  }
}

Test(tftp_error, of_bytes_that_are_no_text_is_cut_as_well) {
  Bytes out;
  put_error(out, ErrorCode::undefined, std::string(600, '\x80'));
  cr_expect_leq(out.size(), kDataHeader + kDefaultBlock);
  cr_expect_gt(out.size(), kDefaultBlock);
}

Test(tftp_error, holds_one_nul) {
  Bytes out;
  put_error(out, ErrorCode::not_found, "a\0b"sv);
  cr_expect(text(out) == "\0\5\0\1a\0"sv);
}
