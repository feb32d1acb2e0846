#include "protocols/ftp/reply.h"

#include <criterion/criterion.h>

#include <string>

using namespace sluice::ftp;
using namespace std::string_literals;

Test(ftp_reply, ends_with_crlf) {
  cr_expect(reply(220, "ready") == "220 ready\r\n");
  cr_expect(reply(200, "") == "200 \r\n");
}

Test(ftp_reply, is_one_line_whatever_its_text) {
  cr_expect(reply(550, "a\r\n230 b\x7f") == "550 a??230 b?\r\n");
}

Test(ftp_reply, leaves_all_but_control_characters_in_a_name) {
  cr_expect(safe_name("a b\"\xc3\xa4\xff~") == "a b\"\xc3\xa4\xff~");
  cr_expect(safe_name("\0\x01\t\r\n\x1b\x1f\x7f"s) == "????????");
  std::string out = "a\n";
  append_safe_name(out, "b\n");
  cr_expect(out == "a\nb?", "what was there already stays");
}

Test(ftp_reply, doubles_quotes_between_quotes) {
  cr_expect(quoted("/") == "\"/\"");
  cr_expect(quoted("/a\"b\"\n") == "\"/a\"\"b\"\"?\"");
}

Test(ftp_reply, of_several_lines_begins_and_ends_with_its_code) {
  cr_expect(multi_line(211, "Features:", "SIZE\nMDTM", "End") ==
            "211-Features:\r\n SIZE\r\n MDTM\r\n211 End\r\n");
  cr_expect(multi_line(211, "Features:", "SIZE\n", "End") ==
            "211-Features:\r\n SIZE\r\n211 End\r\n");
  cr_expect(multi_line(214, "a", "", "b") == "214-a\r\n214 b\r\n");
  cr_expect(multi_line(214, "a", "x\n\ny", "b") == "214-a\r\n x\r\n \r\n y\r\n214 b\r\n");
}

Test(ftp_reply, of_several_lines_cannot_be_ended_by_what_is_in_it) {
  cr_expect(multi_line(211, "a\n", "211 b\r\n211 c", "d\r\n") ==
            "211-a?\r\n 211 b?\r\n 211 c\r\n211 d??\r\n");
}
