#include "protocols/ftp/remote_entry.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/printable.h"
#include "reactor/text.h"
#include "tests/protocols/shown_entry.h"

using namespace sluice::ftp;
using sluice::as_bytes;
using sluice::concat;
using sluice::printable;
using namespace std::string_literals;

namespace {

using Format = ListingReader::Format;
using Type = RemoteEntry::Type;

constexpr time_t kNow = 1'795'266'000;  // 2026-11-21 13:00:00

void expect_facts(std::string_view line, std::string_view expected) {
  RemoteEntry entry = used_entry();
  const LineKind kind = parse_facts_line(line, entry);
  expect_text(line, shown(kind, entry), expected);
}

struct Listing {
  std::vector<std::string> entries;
  std::uint64_t bad_lines;
  std::string first_bad;
};

Listing listing_of(Format format, std::string_view bytes, std::size_t piece) {
  ListingReader reader(format, kNow);
  Listing listing;
  const auto take = [&listing](const RemoteEntry& entry) {
    listing.entries.push_back(shown(LineKind::entry, entry));
  };
  while (!bytes.empty()) {
    reader.feed(as_bytes(bytes.substr(0, piece)), take);
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  reader.finish(take);
  cr_expect_eq(reader.entries(), listing.entries.size());
  listing.bad_lines = reader.bad_lines();
  listing.first_bad = reader.first_bad();
  return listing;
}

/// Whole, in halves and byte by byte.
void expect_listing(Format format, std::string_view bytes, const std::vector<std::string>& expected,
                    std::uint64_t bad_lines = 0, std::string_view first_bad = "") {
  for (const std::size_t piece : {bytes.size(), bytes.size() / 2 + 1, std::size_t{1}}) {
    const Listing listing = listing_of(format, bytes, piece);
    const auto [got, wanted] = std::ranges::mismatch(listing.entries, expected);
    cr_expect(got == listing.entries.end() && wanted == expected.end(),
              "pieces of %zu: entry %td of %zu is \"%s\", expected \"%s\"", piece,
              got - listing.entries.begin(), listing.entries.size(),
              got == listing.entries.end() ? "(none)" : printable(*got).c_str(),
              wanted == expected.end() ? "(none)" : printable(*wanted).c_str());
    cr_expect_eq(listing.bad_lines, bad_lines);
    cr_expect(listing.first_bad == first_bad, "%s", printable(listing.first_bad).c_str());
  }
}

}  // namespace

Test(ftp_facts_line, tells_of_files_and_directories) {
  expect_facts("type=file;size=12;modify=20261121130200;UNIX.mode=0644; a file",
               "file <a file> size=12 modify=20261121130200 exact mode=0644");
  expect_facts("type=dir;modify=20261121130200.25;perm=el;unique=803g2a; d",
               "dir <d> modify=20261121130200.250000000 exact");
  expect_facts("type=dir;sizd=4096; d", "dir <d> size=4096");
}

Test(ftp_facts_line, takes_facts_in_any_case_and_order) {
  expect_facts("SIZE=12;Type=FILE;unix.MODE=100755;X.y=z; n", "file <n> size=12 mode=0755");
}

Test(ftp_facts_line, tells_of_links_and_where_they_lead) {
  expect_facts("type=OS.unix=slink:../a; l", "link <l> -> ../a");
  expect_facts("type=os.UNIX=slink; l", "link <l>");
  expect_facts("type=OS.unix=symlink; l", "link <l>");
}

Test(ftp_facts_line, knows_that_there_are_other_types) {
  expect_facts("type=OS.unix=fifo; p", "other <p>");
  expect_facts("size=1; n", "other <n> size=1");
  expect_facts(" n", "other <n>");
}

Test(ftp_facts_line, keeps_a_name_byte_for_byte) {
  expect_facts("type=file;  two blanks; a=b -> c \x01\xff ",
               "file < two blanks; a=b -> c \x01\xff >");
}

Test(ftp_facts_line, passes_over_the_directory_itself_and_its_parent) {
  for (const char* line : {"type=cdir; .", "type=cdir; /a/b", "type=PDIR;size=1; ..", "type=dir; .",
                           "type=dir; ..", "type=cdir; x", ""})
    expect_facts(line, "nothing");
}

Test(ftp_facts_line, passes_over_facts_that_are_none) {
  expect_facts("type=file;size=-1;modify=20261321000000;UNIX.mode=9;=;; n", "file <n>");
  expect_facts("type=file;size=18446744073709551616; n", "file <n>");
  expect_facts("type=file;size=18446744073709551615 n", "file <n> size=18446744073709551615");
}

Test(ftp_facts_line, refuses_names_that_lead_elsewhere) {
  for (const auto& name : {"a/b"s, "/etc/passwd"s, "../x"s, ".."s, "."s, "a\0b"s, "/"s, ""s})
    expect_facts("type=file; " + name, "bad");
  expect_facts("type=dir; a/", "bad");
  expect_facts("type=OS.unix=slink:x; ..", "bad");
}

Test(ftp_facts_line, is_no_other_line) {
  for (const char* line : {"type=file;name", "-rw-r--r-- 1 user group 1 Nov 21 13:02 name", "x y"})
    expect_facts(line, "bad");
}

Test(ftp_facts_line, fills_in_the_facts_of_a_path) {
  RemoteEntry entry;
  cr_expect(parse_facts_line("type=dir;size=5; /a/b", entry) == LineKind::bad);
  cr_expect(entry.type == Type::directory && entry.size == 5u && entry.name.empty());
}

Test(ftp_listing_reader, takes_each_line_of_a_listing) {
  expect_listing(Format::facts, "type=cdir; .\r\ntype=file;size=1; a\r\ntype=dir; b\n",
                 {"file <a> size=1", "dir <b>"});
  expect_listing(Format::list, "total 2\r\n-rw-r--r-- 1 u g 1 Nov 21 2024 a\r\n\r\n",
                 {"file <a> size=1 modify=20241121000000 mode=0644"});
}

Test(ftp_listing_reader, takes_a_last_line_without_an_end) {
  expect_listing(Format::names, "a\r\nb", {"file <a>", "file <b>"});
}

Test(ftp_listing_reader, takes_the_last_component_of_a_name) {
  expect_listing(Format::names, "a b\r\n/x/y/c\r\nd/\r\n./e\r\n\r\n.\r\nx/..\r\n",
                 {"file <a b>", "file <c>", "dir <d>", "file <e>"});
  expect_listing(Format::names, "//\na\0b\nc\n"s, {"file <c>"}, 2, "//");
}

Test(ftp_listing_reader, counts_bad_lines_and_keeps_the_beginning_of_the_first) {
  const std::string line = "x/" + std::string(100, 'y');
  expect_listing(Format::facts, concat(line, "\r\ntype=file; a\n../x\n"), {"file <a>"}, 2,
                 line.substr(0, 80));
}

Test(ftp_listing_reader, throws_a_line_away_that_is_too_long) {
  const std::string longest(ListingReader::kMaxLineBytes - 2, 'x');
  expect_listing(Format::names, concat("/", longest, "\r\na\n"),
                 {concat("file <", longest, ">"), "file <a>"});
  expect_listing(Format::names, concat("//", longest, "\r\na\n"), {"file <a>"}, 1,
                 concat("//", longest).substr(0, 80));
  expect_listing(Format::names, concat(longest, longest), {}, 1, longest.substr(0, 80));
}
