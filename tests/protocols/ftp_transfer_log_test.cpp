#include "protocols/ftp/transfer_log.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "reactor/log.h"
#include "tests/protocols/temp_directory.h"

using namespace sluice;
using namespace sluice::ftp;
using namespace std::chrono_literals;

namespace {

constexpr time_t kBirthday = 473385600;  // the first of January 1985, 00:00:00 UTC

void set_zone(const char* zone) {
  ::setenv("TZ", zone, 1);
  ::tzset();
}

const Address kPeer = *Address::parse("10.1.2.3:4567");

TransferEntry entry(std::string_view path, std::string_view user = "ann") {
  return {.took = 2s, .peer = kPeer, .bytes = 12, .path = path, .user = user, .complete = true};
}

std::string format(const TransferEntry& entry) {
  set_zone("UTC0");
  return format_transfer(entry, kBirthday);
}

std::ptrdiff_t lines_in(const std::string& text) {
  return std::ranges::count(text, '\n');
}

}  // namespace

Test(ftp_transfer_log, tells_a_download_as_xferlog_has_it) {
  const std::string line = format(entry("/pub/file"));
  cr_expect(line == "Tue Jan  1 00:00:00 1985 2 10.1.2.3 12 /pub/file b _ o r ann ftp 0 * c", "%s",
            line.c_str());
}

Test(ftp_transfer_log, tells_a_broken_anonymous_upload_of_text) {
  TransferEntry upload = entry("/in/file", "anonymous");
  upload.ascii = upload.upload = upload.anonymous = true;
  upload.complete = false;
  upload.bytes = UINT64_MAX;
  const std::string line = format(upload);
  cr_expect(line ==
                "Tue Jan  1 00:00:00 1985 2 10.1.2.3 18446744073709551615 /in/file a _ i a "
                "anonymous ftp 0 * i",
            "%s", line.c_str());
}

Test(ftp_transfer_log, rounds_the_seconds_and_calls_none_one) {
  const auto seconds_of = [](Duration took) {
    TransferEntry timed = entry("/");
    timed.took = took;
    const std::string line = format(timed).substr(25);
    return line.substr(0, line.find(' '));
  };
  cr_expect(seconds_of(0s) == "1");
  cr_expect(seconds_of(1600ms) == "2");
  cr_expect(seconds_of(2400ms) == "2");
  cr_expect(seconds_of(48h) == "172800");
}

Test(ftp_transfer_log, gives_the_time_of_the_place) {
  set_zone("XYZ-05:30");
  const std::string line = format_transfer(entry("/"), kBirthday);
  cr_expect(line.starts_with("Tue Jan  1 05:30:00 1985 "), "%s", line.c_str());
}

Test(ftp_transfer_log, no_name_can_forge_a_field_or_a_line) {
  const std::string line = format(entry("/a b\tc\nd\re\x7f", "an n\n"));
  cr_expect(line.find(" /a_b_c_d_e_ b ") != std::string::npos, "%s", line.c_str());
  cr_expect(line.find(" an_n_ ftp ") != std::string::npos, "%s", line.c_str());
  cr_expect(format(entry("/caf\xc3\xa9")).find(" /caf\xc3\xa9 ") != std::string::npos);
}

Test(ftp_transfer_log, names_an_ipv6_client_without_brackets_and_a_mapped_one_as_ipv4) {
  const Address v6 = *Address::parse("[2001:db8::1]:21"),
                mapped = *Address::parse("[::ffff:1.2.3.4]:21");
  cr_expect(format({.took = 1s, .peer = v6, .path = "/", .user = "u"}).find(" 2001:db8::1 ") !=
            std::string::npos);
  cr_expect(format({.took = 1s, .peer = mapped, .path = "/", .user = "u"}).find(" 1.2.3.4 ") !=
            std::string::npos);
}

Test(ftp_transfer_log, writes_a_line_each_behind_what_is_there) {
  const TempDirectory directory;
  directory.put("log", "before\n");
  TransferLog log;
  cr_assert(log.open(directory.path("log")));
  log.write(entry("/one"));
  log.write(entry("/two"));
  const std::string text = directory.get("log");
  cr_expect(text.starts_with("before\n") && text.ends_with(" c\n"));
  cr_expect(lines_in(text) == 3);
  cr_expect(text.find(" /one b ") < text.find(" /two b "));
}

Test(ftp_transfer_log, makes_a_file_that_strangers_do_not_read) {
  const TempDirectory directory;
  ::umask(0);
  TransferLog log;
  cr_assert(log.open(directory.path("log")));
  struct stat status{};
  cr_assert(::stat(directory.path("log").c_str(), &status) == 0);
  cr_expect((status.st_mode & 0777) == 0640);
}

Test(ftp_transfer_log, goes_on_in_a_new_file_when_it_was_rotated) {
  const TempDirectory directory;
  TransferLog log;
  cr_assert(log.open(directory.path("log")));
  log.write(entry("/one"));
  cr_assert(::rename(directory.path("log").c_str(), directory.path("log.1").c_str()) == 0);
  log.write(entry("/two"));
  cr_assert(log.reopen());
  log.write(entry("/three"));
  cr_expect(lines_in(directory.get("log.1")) == 2, "a moved file is written to until then");
  cr_expect(directory.get("log").find(" /three ") != std::string::npos);
  cr_expect(lines_in(directory.get("log")) == 1);
}

Test(ftp_transfer_log, keeps_the_old_file_when_there_cannot_be_a_new_one) {
  const TempDirectory directory;
  TransferLog log;
  cr_assert(log.open(directory.path("log")));
  cr_assert(::rename(directory.path("log").c_str(), directory.path("log.1").c_str()) == 0);
  cr_assert(::mkdir(directory.path("log").c_str(), 0755) == 0);
  const auto reopened = log.reopen();
  cr_expect(!reopened && reopened.error().code == EISDIR);
  log.write(entry("/one"));
  cr_expect(lines_in(directory.get("log.1")) == 1);
}

Test(ftp_transfer_log, does_nothing_when_none_is_open) {
  TransferLog log;
  log.write(entry("/one"));
  cr_expect(log.reopen());
  const TempDirectory directory;
  const auto opened = log.open(directory.path("nothing/log"));
  cr_expect(!opened && opened.error().code == ENOENT);
  log.write(entry("/one"));
  cr_expect(log.reopen(), "what could not be opened is not tried again");
}

Test(ftp_transfer_log, a_full_disk_ends_nothing) {
  const TempDirectory directory;
  cr_assert(open_log(directory.path("log")));
  TransferLog log;
  cr_assert(log.open("/dev/full"));
  log.write(entry("/one"));
  cr_expect(directory.get("log").find("/dev/full: No space left") != std::string::npos);
  cr_expect(log.reopen());
}

Test(ftp_transfer_log, a_client_without_an_address_is_a_field_too) {
  sockaddr_un unnamed{};
  unnamed.sun_family = AF_UNIX;
  const Address peer =
      Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&unnamed), sizeof(sa_family_t));
  const std::string line = format({.peer = peer, .path = "/f", .user = "ann"});
  cr_expect(line.find(" 1 _ 0 ") != std::string::npos, "%s", line.c_str());
}
