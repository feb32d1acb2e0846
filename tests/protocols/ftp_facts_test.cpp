#include "protocols/ftp/facts.h"

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "protocols/ftp/timestamp.h"

using namespace sluice;
using ftp::Allowed;

namespace {

constexpr time_t kTime = 1'795'266'120;  // 2026-11-21 13:02:00
constexpr Allowed kEverything{.list = true,
                              .read = true,
                              .write = true,
                              .append = true,
                              .create = true,
                              .remove = true,
                              .rename = true,
                              .make = true};

files::FileInfo entry(mode_t mode) {
  files::FileInfo info;
  info.mode = mode;
  info.size = 12;
  info.modified.tv_sec = kTime;
  info.owner = geteuid();
  info.group = getegid();
  info.device = 0x803;
  info.inode = 42;
  return info;
}

std::string line(std::uint8_t facts, const files::FileInfo& info, std::string_view name = "x",
                 std::string_view target = {}) {
  std::string out;
  ftp::FactsWriter(facts, kEverything, true).append(out, info, name, target);
  return out;
}

std::string perm(mode_t mode, Allowed allowed = kEverything, bool parent_writable = true,
                 std::string_view name = "x") {
  std::string out;
  ftp::FactsWriter(ftp::kFactPerm, allowed, parent_writable).append(out, entry(mode), name);
  return out.substr(0, out.find(';'));
}

void expect(const std::string& got, std::string_view wanted) {
  cr_expect(got == wanted, "got \"%s\"", got.c_str());
}

}  // namespace

Test(ftp_facts, are_all_given_in_one_order) {
  expect(line(ftp::kAllFacts, entry(S_IFREG | 0644), "a name"),
         "type=file;size=12;modify=20261121130200;perm=adfrw;unique=803g2a;UNIX.mode=0644; a name");
}

Test(ftp_facts, are_only_those_asked_for) {
  expect(line(ftp::kFactSize | ftp::kFactMode, entry(S_IFREG | 04755)),
         "size=12;UNIX.mode=4755; x");
}

Test(ftp_facts, of_none_are_a_space_and_the_name) {
  expect(line(0, entry(S_IFREG), "name"), " name");
}

Test(ftp_facts, leave_out_the_size_of_what_is_no_file) {
  expect(line(ftp::kFactType | ftp::kFactSize, entry(S_IFDIR)), "type=dir; x");
  expect(line(ftp::kFactType | ftp::kFactSize, entry(S_IFLNK)), "type=OS.unix=slink; x");
}

Test(ftp_facts, know_every_type) {
  expect(line(ftp::kFactType, entry(S_IFREG)), "type=file; x");
  expect(line(ftp::kFactType, entry(S_IFCHR)), "type=OS.unix=chr; x");
  expect(line(ftp::kFactType, entry(S_IFBLK)), "type=OS.unix=blk; x");
  expect(line(ftp::kFactType, entry(S_IFIFO)), "type=OS.unix=fifo; x");
  expect(line(ftp::kFactType, entry(S_IFSOCK)), "type=OS.unix=socket; x");
}

Test(ftp_facts, tell_the_directory_itself_and_its_parent_from_others) {
  expect(line(ftp::kFactType, entry(S_IFDIR), "."), "type=cdir; .");
  expect(line(ftp::kFactType, entry(S_IFDIR), ".."), "type=pdir; ..");
  expect(line(ftp::kFactType, entry(S_IFDIR), "..."), "type=dir; ...");
}

Test(ftp_facts, tell_where_a_link_points) {
  expect(line(ftp::kFactType | ftp::kFactMode, entry(S_IFLNK | 0777), "x", "../up"),
         "type=OS.unix=slink:../up;UNIX.mode=0777; x");
  expect(line(ftp::kFactType, entry(S_IFREG), "x", "up"), "type=file; x");
}

Test(ftp_facts, leave_out_a_target_that_would_end_the_fact) {
  for (const std::string_view target : {"a b", "a;b", "a\nb", "\x7f"}) {
    expect(line(ftp::kFactType, entry(S_IFLNK), "x", target), "type=OS.unix=slink; x");
  }
}

Test(ftp_facts, hold_a_target_of_any_length_and_any_letter) {
  const std::string target = std::string(4000, 'd') + "/\xc3\xa9=:";
  expect(line(ftp::kFactType | ftp::kFactMode, entry(S_IFLNK), "x", target),
         "type=OS.unix=slink:" + target + ";UNIX.mode=0000; x");
}

Test(ftp_facts, hold_the_greatest_numbers) {
  files::FileInfo info = entry(S_IFREG | 07777);
  info.size = info.device = info.inode = std::numeric_limits<std::uint64_t>::max();
  info.modified.tv_sec = std::numeric_limits<time_t>::max();
  expect(line(ftp::kAllFacts, info),
         "type=file;size=18446744073709551615;modify=99991231235959;perm=adfrw;"
         "unique=ffffffffffffffffgffffffffffffffff;UNIX.mode=7777; x");
}

Test(ftp_facts, give_the_time_as_the_other_commands_do) {
  for (const time_t time : {time_t{0}, kTime, time_t{951'868'799}, time_t{4'107'542'399}}) {
    files::FileInfo info = entry(S_IFREG);
    info.modified.tv_sec = time;
    std::string stamp;
    ftp::append_timestamp(stamp, time);
    expect(line(ftp::kFactModify, info), "modify=" + stamp + "; x");
  }
}

Test(ftp_facts, no_name_ends_the_line) {
  expect(line(0, entry(S_IFREG), "a\r\nb"), " a??b");
}

Test(ftp_facts, permit_what_the_session_may) {
  expect(perm(S_IFREG | 0644), "perm=adfrw");
  expect(perm(S_IFDIR | 0755), "perm=cdeflmp");
}

Test(ftp_facts, permit_nothing_to_a_session_that_may_nothing) {
  expect(perm(S_IFREG | 0644, {}), "perm=");
  expect(perm(S_IFDIR | 0755, {}), "perm=");
}

Test(ftp_facts, have_a_letter_for_each_thing_allowed) {
  expect(perm(S_IFREG | 0644, {.read = true}), "perm=r");
  expect(perm(S_IFREG | 0644, {.write = true}), "perm=w");
  expect(perm(S_IFREG | 0644, {.append = true}), "perm=a");
  expect(perm(S_IFREG | 0644, {.remove = true}), "perm=d");
  expect(perm(S_IFREG | 0644, {.rename = true}), "perm=f");
  expect(perm(S_IFDIR | 0755, {.list = true}), "perm=el");
  expect(perm(S_IFDIR | 0755, {.create = true}), "perm=c");
  expect(perm(S_IFDIR | 0755, {.remove = true}), "perm=dp");
  expect(perm(S_IFDIR | 0755, {.rename = true}), "perm=f");
  expect(perm(S_IFDIR | 0755, {.make = true}), "perm=m");
}

Test(ftp_facts, permit_no_removing_where_the_directory_cannot_be_changed) {
  expect(perm(S_IFREG | 0644, kEverything, false), "perm=arw");
  expect(perm(S_IFDIR | 0755, kEverything, false), "perm=celmp");
}

Test(ftp_facts, permit_no_removing_of_the_directory_one_is_in) {
  expect(perm(S_IFDIR | 0755, kEverything, true, "."), "perm=celmp");
  expect(perm(S_IFDIR | 0755, kEverything, true, ".."), "perm=celmp");
}

Test(ftp_facts, permit_no_more_with_a_link_or_a_device_than_to_remove_and_rename_it) {
  expect(perm(S_IFLNK | 0777), "perm=df");
  expect(perm(S_IFIFO | 0777), "perm=df");
}

Test(ftp_facts, permit_only_what_the_modes_do) {
  // No mode binds the superuser. Each test has a process of its own, so nobody else is changed.
  if (geteuid() == 0) cr_assert(seteuid(65534) == 0);
  expect(perm(S_IFREG | 0444), "perm=dfr");
  expect(perm(S_IFREG | 0222), "perm=adfw");
  expect(perm(S_IFDIR | 0444), "perm=dfl");
  expect(perm(S_IFDIR | 0111), "perm=def");
  expect(perm(S_IFDIR | 0222), "perm=df");
}

Test(ftp_facts, are_read_in_any_order_and_spelling) {
  cr_expect(ftp::parse_facts("type;size;") == (ftp::kFactType | ftp::kFactSize));
  cr_expect(ftp::parse_facts("SIZE;Type") == (ftp::kFactType | ftp::kFactSize));
  cr_expect(ftp::parse_facts("unix.MODE;perm;unique;modify;") ==
            (ftp::kFactMode | ftp::kFactPerm | ftp::kFactUnique | ftp::kFactModify));
}

Test(ftp_facts, that_are_unknown_are_passed_over) {
  cr_expect(ftp::parse_facts("nonsense;size;typ;types;;size ;") == ftp::kFactSize);
  cr_expect(ftp::parse_facts("") == 0);
  cr_expect(ftp::parse_facts(";;") == 0);
}

Test(ftp_facts, chosen_are_starred_for_feat) {
  expect(ftp::facts_for_feat(ftp::kAllFacts), "type*;size*;modify*;perm*;unique*;UNIX.mode*;");
  expect(ftp::facts_for_feat(ftp::kFactModify), "type;size;modify*;perm;unique;UNIX.mode;");
}

Test(ftp_facts, chosen_are_named_alone_for_opts) {
  expect(ftp::facts_for_opts(ftp::kAllFacts), "type;size;modify;perm;unique;UNIX.mode;");
  expect(ftp::facts_for_opts(ftp::kFactMode | ftp::kFactType), "type;UNIX.mode;");
  expect(ftp::facts_for_opts(0), "");
}

Test(ftp_facts, any_choice_is_read_back_as_it_was_named) {
  for (unsigned facts = 0; facts <= ftp::kAllFacts; ++facts) {
    const auto chosen = static_cast<std::uint8_t>(facts);
    cr_expect(ftp::parse_facts(ftp::facts_for_opts(chosen)) == chosen);
  }
}
