#include "protocols/ftp/listing.h"

#include <criterion/criterion.h>
#include <sys/file.h>

#include <vector>

#include "protocols/files/new_file.h"
#include "protocols/ftp/limits.h"
#include "reactor/text.h"
#include "tests/protocols/temp_directory.h"

using namespace sluice;
using namespace sluice::ftp;
using Kind = ListingKind;
using Names = std::set<std::string>;

namespace {

struct Scene : TempDirectory {
  void link(const char* target, const std::string& name) const {
    cr_assert(::symlink(target, path(name).c_str()) == 0);
  }
  void make(const std::string& name) const { cr_assert(::mkdir(path(name).c_str(), 0755) == 0); }
  std::unique_ptr<Source> open(ListingOptions options, std::string_view where = "/") const {
    auto source = list_directory(tree, where, std::move(options));
    cr_assert(source, "%s", source.error().message().c_str());
    return std::move(*source);
  }

  files::Tree tree = *files::Tree::open(path());
};

/// What one fill() gives.
std::string next(Source& source, bool& more) {
  std::vector<std::byte> bytes;
  const auto filled = source.fill(bytes);
  cr_assert(filled, "%s", filled.error().message().c_str());
  more = *filled == Source::More::yes;
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string all_of(Source& source) {
  std::string text;
  for (bool more = true; more;) text += next(source, more);
  return text;
}

/// Cut at CR LF, which ends the last line too.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find("\r\n", begin);
    cr_assert(end != std::string::npos, "a line without its end");
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 2;
  }
  return lines;
}

Names names_of(Source& source) {
  Names names;
  for (const std::string& line : lines_of(all_of(source))) {
    cr_expect(names.insert(line).second, "%s twice", line.c_str());
  }
  return names;
}

Names nlst(const Scene& scene, ListingOptions options = {}) {
  options.kind = Kind::names;
  return names_of(*scene.open(std::move(options)));
}

std::string one(const Scene& scene, const char* path, const ListingOptions& options) {
  auto line = list_one(scene.tree, path, path + 1, options);
  return line ? *line : line.error().message();
}

}  // namespace

Test(ftp_listing, of_names_is_the_names_sorted_when_they_are_few) {
  const Scene scene;
  for (const char* name : {"b", "c", "a"}) scene.put(name, "");
  scene.make("d");
  scene.link("nowhere", "e");
  cr_expect(all_of(*scene.open({.kind = Kind::names})) == "a\r\nb\r\nc\r\nd\r\ne\r\n");
}

Test(ftp_listing, an_empty_directory_has_no_lines) {
  const Scene scene;
  for (const Kind kind : {Kind::list, Kind::names, Kind::facts}) {
    cr_expect(all_of(*scene.open({.kind = kind, .facts = kAllFacts})).empty());
  }
}

Test(ftp_listing, of_thousands_of_entries_is_complete_and_comes_in_pieces) {
  const Scene scene;
  Names expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string name = concat("entry-", i);
    scene.put(name, "");
    expected.insert(name);
  }
  for (const Kind kind : {Kind::list, Kind::names, Kind::facts}) {
    const auto source = scene.open({.kind = kind, .facts = kAllFacts});
    std::string text;
    int pieces = 0;
    for (bool more = true; more; ++pieces) {
      const std::string piece = next(*source, more);
      cr_expect(piece.size() < 2 * ftp::limits::kChunkBytes);
      text += piece;
    }
    cr_expect(pieces >= 3, "%d pieces", pieces);
    Names names;
    for (const std::string& line : lines_of(text)) names.insert(line.substr(line.rfind(' ') + 1));
    cr_expect(names == expected, "%zu names", names.size());
  }
}

Test(ftp_listing, a_pattern_that_fits_nothing_still_takes_its_turns) {
  const Scene scene;
  for (int i = 0; i < 2500; ++i) scene.put(concat("entry-", i), "");
  const auto source = scene.open({.kind = Kind::names, .pattern = "nothing"});
  int pieces = 0;
  for (bool more = true; more; ++pieces) cr_expect(next(*source, more).empty());
  cr_expect(pieces == 26, "%d pieces", pieces);
}

Test(ftp_listing, shows_hidden_names_to_who_asks_only) {
  const Scene scene;
  for (const char* name : {".hidden", "..odd", "seen"}) scene.put(name, "");
  cr_expect(nlst(scene) == Names{"seen"});
  cr_expect((nlst(scene, {.hidden = true}) == Names{".hidden", "..odd", "seen"}));
  cr_expect(nlst(scene, {.pattern = ".*"}).empty());
  cr_expect((nlst(scene, {.hidden = true, .pattern = ".*"}) == Names{".hidden", "..odd"}));
}

Test(ftp_listing, heeds_a_pattern_in_every_kind) {
  const Scene scene;
  for (const char* name : {"a.txt", "b.txt", "c.bin"}) scene.put(name, "");
  cr_expect((nlst(scene, {.pattern = "*.txt"}) == Names{"a.txt", "b.txt"}));
  cr_expect((nlst(scene, {.pattern = "[!b]*"}) == Names{"a.txt", "c.bin"}));
  cr_expect(nlst(scene, {.pattern = "c.bin"}) == Names{"c.bin"});
  cr_expect(lines_of(all_of(*scene.open({.pattern = "*.txt"}))).size() == 2);
  cr_expect(lines_of(all_of(*scene.open({.kind = Kind::facts, .pattern = "*.txt"}))).size() == 2);
}

Test(ftp_listing, puts_the_prefix_before_names) {
  const Scene scene;
  scene.put("a", "");
  cr_expect(nlst(scene, {.prefix = "dir/"}) == Names{"dir/a"});
}

Test(ftp_listing, no_name_forges_a_line) {
  const Scene scene;
  scene.put("a\r\nb", "");
  scene.link("x\ny", "link");
  cr_expect((nlst(scene) == Names{"a??b", "link"}));
  for (const Kind kind : {Kind::list, Kind::facts}) {
    cr_expect(lines_of(all_of(*scene.open({.kind = kind, .facts = kAllFacts}))).size() == 2);
  }
}

Test(ftp_listing, shows_no_upload_that_is_under_way_and_leaves_it_be) {
  const Scene scene;
  const auto directory = files::Directory::open(scene.path());
  auto upload = files::NewFile::create(*directory);
  cr_assert(upload);
  cr_assert(upload->write(bytes_of("half")));
  scene.put("seen", "");
  cr_expect(nlst(scene, {.hidden = true}) == Names{"seen"});
  cr_expect(nlst(scene, {.hidden = true, .pattern = "*.part"}).empty());
  cr_assert(upload->commit("whole", false), "it was removed");
  cr_expect((nlst(scene) == Names{"seen", "whole"}));
}

Test(ftp_listing, removes_what_a_crash_left) {
  const Scene scene;
  scene.put(".sluice-0123456789abcdef.part", "left");
  scene.put(".sluice-not-ours.part", "");
  cr_expect(nlst(scene, {.hidden = true}) == Names{".sluice-not-ours.part"});
  cr_expect(scene.names() == Names{".sluice-not-ours.part"});
}

Test(ftp_listing, leaves_out_what_vanishes_meanwhile) {
  const Scene scene;
  for (int i = 0; i < 2500; ++i) scene.put(concat("entry-", i), "");
  for (const Kind kind : {Kind::list, Kind::facts}) {
    scene.put("entry-0", "");
    const auto source = scene.open({.kind = kind, .facts = kAllFacts});
    bool more = true;
    std::string text = next(*source, more);
    cr_assert(more);
    std::size_t removed = 0;
    for (const std::string& name : scene.names()) {
      if (text.find(' ' + name + "\r\n") != std::string::npos) continue;
      if (removed++ % 2 == 0) ::unlink(scene.path(name).c_str());
    }
    text += all_of(*source);
    cr_expect(lines_of(text).size() == scene.names().size());
  }
}

Test(ftp_listing, tells_links_and_where_they_lead) {
  const Scene scene;
  scene.link("over/there", "link");
  const auto lines = lines_of(all_of(*scene.open({})));
  cr_assert(lines.size() == 1);
  cr_expect(lines[0].starts_with("lrwxrwxrwx ") && lines[0].ends_with(" link -> over/there"));
  const auto facts = lines_of(all_of(*scene.open({.kind = Kind::facts, .facts = kFactType})));
  cr_assert(facts.size() == 1);
  cr_expect(facts[0] == "type=OS.unix=slink:over/there; link", "%s", facts[0].c_str());
}

Test(ftp_listing, gives_the_facts_that_are_asked_for) {
  const Scene scene;
  scene.put("file", "12345");
  scene.make("dir");
  cr_expect(all_of(*scene.open({.kind = Kind::facts, .facts = kFactType | kFactSize})) ==
            "type=dir; dir\r\ntype=file;size=5; file\r\n");
  cr_expect(all_of(*scene.open({.kind = Kind::facts})) == " dir\r\n file\r\n");
  const std::string perms = all_of(*scene.open(
      {.kind = Kind::facts, .facts = kFactPerm, .allowed = {.read = true, .remove = true}}));
  cr_expect(perms == "perm=dp; dir\r\nperm=dr; file\r\n", "%s", perms.c_str());
}

Test(ftp_listing, says_why_a_directory_cannot_be_listed) {
  const Scene scene;
  scene.put("file", "");
  scene.link("/", "root");
  const auto fault = [&](const char* where) {
    const auto source = list_directory(scene.tree, where, {});
    return source ? 0 : source.error().code;
  };
  cr_expect(fault("/file") == ENOTDIR);
  cr_expect(fault("/nothing") == ENOENT);
  cr_expect(fault("/root") == 0, "links to directories are followed");
}

Test(ftp_listing, stays_in_the_directory_it_was_opened_on) {
  const Scene scene;
  scene.make("dir");
  scene.put("dir/inside", "");
  const auto source = scene.open({.kind = Kind::names}, "/dir");
  cr_assert(::rename(scene.path("dir").c_str(), scene.path("moved").c_str()) == 0);
  scene.make("dir");
  cr_expect(names_of(*source) == Names{"inside"});
}

// --- one entry -----------------------------------------------------------------------------------

Test(ftp_listing, of_one_entry_is_its_line) {
  const Scene scene;
  scene.put("file", "12345");
  const std::string line = one(scene, "/file", {});
  cr_expect(line.starts_with("-rw") && line.ends_with(" file\r\n"), "%s", line.c_str());
  cr_expect(one(scene, "/file", {.kind = Kind::names}) == "file\r\n");
  cr_expect(one(scene, "/file", {.kind = Kind::facts, .facts = kFactType | kFactSize}) ==
            "type=file;size=5; file");
}

Test(ftp_listing, of_one_link_shows_the_link_but_mlst_what_it_leads_to) {
  const Scene scene;
  scene.put("file", "12345");
  scene.link("file", "link");
  scene.link("nowhere", "dangling");
  const ListingOptions facts{.kind = Kind::facts, .facts = kFactType | kFactSize};
  cr_expect(one(scene, "/link", {}).ends_with(" link -> file\r\n"));
  cr_expect(one(scene, "/link", facts) == "type=file;size=5; link");
  cr_expect(one(scene, "/dangling", {}).ends_with(" dangling -> nowhere\r\n"));
  cr_expect(one(scene, "/dangling", facts) == "type=OS.unix=slink:nowhere; dangling");
}

Test(ftp_listing, of_one_entry_that_is_not_there_says_so) {
  const Scene scene;
  for (const Kind kind : {Kind::list, Kind::names, Kind::facts}) {
    const auto line = list_one(scene.tree, "/nothing", "nothing", {.kind = kind});
    cr_expect(!line && line.error().code == ENOENT);
  }
}

Test(ftp_listing, of_the_root_itself_is_possible) {
  const Scene scene;
  const auto line =
      list_one(scene.tree, "/", "/", {.kind = Kind::facts, .facts = kFactType | kFactPerm});
  cr_assert(line);
  cr_expect(line->starts_with("type=dir;") && line->ends_with("; /"), "%s", line->c_str());
}

// --- texts ---------------------------------------------------------------------------------------

Test(ftp_listing, a_text_is_given_as_it_is) {
  cr_expect(all_of(*text_source("one\r\ntwo")) == "one\r\ntwo");
  cr_expect(all_of(*text_source("")).empty());
}

Test(ftp_listing, a_text_file_gets_the_line_ends_of_the_network) {
  const Scene scene;
  std::string text, expected;
  for (int i = 0; i < 60'000; ++i) {
    text += concat(i, i % 5 == 0 ? "\r\n" : "\n");
    expected += concat(i, "\r\n");
  }
  scene.put("file", text);
  const auto source = ascii_source(std::move(*scene.tree.open_read("/file")));
  std::string got;
  for (bool more = true; more;) {
    const std::string piece = next(*source, more);
    cr_expect(piece.size() <= ftp::limits::kChunkBytes);
    got += piece;
  }
  cr_expect(got == expected);
}

Test(ftp_listing, a_file_that_cannot_be_read_is_an_error) {
  const Scene scene;
  const auto source =
      ascii_source(Fd(::open(scene.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  std::vector<std::byte> bytes;
  const auto filled = source->fill(bytes);
  cr_expect(!filled && filled.error().code == EISDIR);
}
