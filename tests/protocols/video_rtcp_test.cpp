#include "protocols/video/rtcp.h"

#include <criterion/criterion.h>

#include "protocols/video/rtp_jpeg.h"
#include "reactor/text.h"

using namespace sluice;
using namespace sluice::video;

namespace {

std::size_t at(std::string_view datagram, std::size_t offset, std::size_t size) {
  std::size_t number = 0;
  for (const char c : datagram.substr(offset, size)) number = number << 8 | (c & 0xFF);
  return number;
}

}  // namespace

Test(rtp_session_description, is_what_players_need) {
  cr_expect(rtp_session_description(*Address::parse("192.0.2.7:5004"), "a camera") ==
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=a camera\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
            "m=video 5004 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\n");
  const auto group = rtp_session_description(*Address::parse("239.1.2.3:9002"), "x\r\ny", 4);
  cr_expect(group.contains("c=IN IP4 239.1.2.3/4\r\n"));
  cr_expect(group.contains("s=x\\x0D\\x0Ay\r\n") || group.contains("s=x\\x0d\\x0ay\r\n"));
  const auto v6 = rtp_session_description(*Address::parse("[ff15::7]:9002"), "");
  cr_expect(v6.contains("c=IN IP6 ff15::7\r\n") && v6.contains("s=-\r\n"));
  cr_expect(rtp_session_description(*Address::parse("[fe80::1%lo]:9002"), "")
                .contains("c=IN IP6 fe80::1\r\n"));
}

Test(rtcp, says_who_sends_how_much_and_when) {
  const SenderReport report{.source = 0x01020304,
                            .wall_clock = 1'500'000'000,
                            .timestamp = 7,
                            .datagrams = 8,
                            .bytes = 9,
                            .name = "abc"};
  const auto bytes = rtcp_datagram(report);
  const std::string_view text = as_text(bytes);
  cr_assert(text.size() == 28 + 16);
  cr_expect(at(text, 0, 4) == 0x80C80006 && at(text, 4, 4) == 0x01020304);
  cr_expect(at(text, 8, 4) == 2'208'988'801 && at(text, 12, 4) == 0x80000000);
  cr_expect(at(text, 16, 4) == 7 && at(text, 20, 4) == 8 && at(text, 24, 4) == 9);
  cr_expect(text.substr(28) == std::string_view("\x81\xCA\0\3\1\2\3\4\1\3abc\0\0\0", 16));
}

Test(rtcp, pads_each_name_and_says_bye) {
  for (std::size_t size = 0; size < 9; ++size) {
    const auto bytes =
        rtcp_datagram({.source = 5, .name = std::string_view("12345678").substr(0, size)});
    cr_expect(bytes.size() % 4 == 0);
    cr_expect(bytes.back() == std::byte{0}, "%zu", size);
    cr_expect(at(as_text(bytes), 30, 2) * 4 + 4 == bytes.size() - 28, "%zu", size);
  }
  const auto bytes = rtcp_datagram({.source = 5, .name = "abc", .leaving = true});
  cr_expect(as_text(bytes).ends_with(std::string_view("\x81\xCB\0\1\0\0\0\5", 8)));
}
