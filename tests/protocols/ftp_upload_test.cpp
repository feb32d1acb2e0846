#include "protocols/ftp/upload.h"

#include <criterion/criterion.h>
#include <sys/resource.h>

#include <csignal>

#include "protocols/files/name.h"
#include "tests/protocols/temp_directory.h"
#include "tests/protocols/unprivileged.h"

using namespace sluice;
using ftp::Upload;
using How = Upload::How;
using Names = std::set<std::string>;

namespace {

struct Scene : TempDirectory {
  Scene() {
    ::umask(022);
    ::chmod(path().c_str(), 0755);
    put("old", "old content");
  }
  void link(const char* target, const std::string& name) const {
    cr_assert(::symlink(target, path(name).c_str()) == 0);
  }
  mode_t mode(const std::string& name) const {
    struct stat status{};
    cr_assert(::lstat(path(name).c_str(), &status) == 0);
    return status.st_mode;
  }
  Upload begin(std::string_view where, How how = How::store) const {
    auto upload = Upload::begin(tree, where, how);
    cr_assert(upload, "%s", upload.error().message().c_str());
    return std::move(*upload);
  }
  int fault(std::string_view where, How how = How::store) const {
    const auto upload = Upload::begin(tree, where, how);
    return upload ? 0 : upload.error().code;
  }
  void store(std::string_view where, std::string_view content, How how = How::store) const {
    Upload upload = begin(where, how);
    cr_assert(upload.write(bytes_of(content)));
    cr_assert(upload.finish(false));
  }

  files::Tree tree = *files::Tree::open(path());
};

/// From now on no file of this process grows beyond so many bytes: a disk that is full.
void limit_files(rlim_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  cr_assert(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

}  // namespace

// --- a new name ----------------------------------------------------------------------------------

Test(ftp_upload, grows_under_a_new_name_where_all_can_see_it) {
  const Scene scene;
  Upload upload = scene.begin("/new");
  cr_assert(upload.write(bytes_of("one ")));
  cr_expect(scene.get("new") == "one ");
  cr_assert(upload.write(bytes_of("two")));
  cr_assert(upload.finish(false));
  cr_expect(scene.get("new") == "one two");
  cr_expect((scene.names() == Names{"new", "old"}));
  cr_expect((scene.mode("new") & 07777) == 0644);
}

Test(ftp_upload, what_came_under_a_new_name_stays_when_it_breaks) {
  const Scene scene;
  {
    Upload upload = scene.begin("/new");
    cr_assert(upload.write(bytes_of("half")));
    upload.abandon(scene.tree, "/new");
  }
  cr_expect(scene.get("new") == "half");
}

Test(ftp_upload, nothing_stays_of_a_new_name_when_nothing_came) {
  const Scene scene;
  Upload upload = scene.begin("/new");
  cr_expect(scene.names().contains("new"));
  upload.abandon(scene.tree, "/new");
  cr_expect(scene.names() == Names{"old"});
}

Test(ftp_upload, an_empty_file_that_is_whole_stays) {
  const Scene scene;
  scene.store("/new", "");
  cr_expect(scene.get("new").empty());
}

Test(ftp_upload, abandoning_leaves_what_another_has_put_there) {
  const Scene scene;
  Upload upload = scene.begin("/new");
  scene.put("other", "");
  cr_assert(::rename(scene.path("other").c_str(), scene.path("new").c_str()) == 0);
  upload.abandon(scene.tree, "/new");
  cr_expect(scene.names().contains("new"));
}

Test(ftp_upload, abandoning_leaves_an_empty_file_that_was_there_before) {
  const Scene scene;
  scene.put("empty", "");
  scene.begin("/empty").abandon(scene.tree, "/empty");
  scene.begin("/empty", How::append).abandon(scene.tree, "/empty");
  auto resumed = Upload::resume(scene.tree, "/empty", 0);
  cr_assert(resumed);
  resumed->abandon(scene.tree, "/empty");
  cr_expect((scene.names() == Names{"empty", "old"}));
}

// --- a name that exists --------------------------------------------------------------------------

Test(ftp_upload, the_old_file_is_untouched_until_the_new_one_is_whole) {
  const Scene scene;
  Upload upload = scene.begin("/old");
  cr_assert(upload.write(bytes_of("new")));
  cr_expect(scene.get("old") == "old content");
  for (const std::string& name : scene.names()) {
    cr_expect(name == "old" || files::is_temporary_name(name), "%s", name.c_str());
  }
  cr_assert(upload.finish(false));
  cr_expect(scene.get("old") == "new");
  cr_expect(scene.names() == Names{"old"});
}

Test(ftp_upload, who_reads_the_old_file_reads_it_to_its_end) {
  const Scene scene;
  const Fd reader = std::move(*scene.tree.open_read("/old"));
  scene.store("/old", "new");
  char content[32];
  cr_expect(::read(reader.get(), content, sizeof content) == 11);
}

Test(ftp_upload, the_old_file_survives_a_broken_upload) {
  const Scene scene;
  {
    Upload upload = scene.begin("/old");
    cr_assert(upload.write(bytes_of("new")));
    upload.abandon(scene.tree, "/old");
  }
  cr_expect(scene.get("old") == "old content");
  cr_expect(scene.names() == Names{"old"});
}

Test(ftp_upload, keeps_the_mode_of_what_it_replaces) {
  const Scene scene;
  for (const mode_t mode : {0600, 0664, 0777}) {
    ::chmod(scene.path("old").c_str(), mode);
    scene.store("/old", "new");
    cr_expect((scene.mode("old") & 07777) == mode, "%o", mode);
  }
  ::chmod(scene.path("old").c_str(), 04755);
  scene.store("/old", "new");
  cr_expect((scene.mode("old") & 07777) == 0755, "a stranger's bytes run as nobody else");
}

Test(ftp_upload, replaces_what_a_link_leads_to_and_not_the_link) {
  const Scene scene;
  scene.link("old", "link");
  scene.store("/link", "new");
  cr_expect(S_ISLNK(scene.mode("link")));
  cr_expect(scene.get("old") == "new");
  cr_expect((scene.names() == Names{"link", "old"}));
}

Test(ftp_upload, what_may_not_be_written_is_not_replaced_either) {
  const Scene scene;
  ::chmod(scene.path().c_str(), 0777);
  ::chmod(scene.path("old").c_str(), 0444);
  const Unprivileged nobody;
  cr_expect(scene.fault("/old") == EACCES);
  cr_expect(scene.fault("/old", How::atomic) == EACCES);
  cr_expect(scene.fault("/old", How::append) == EACCES);
  cr_expect(scene.names() == Names{"old"});
}

Test(ftp_upload, refuses_what_is_no_file) {
  const Scene scene;
  ::mkdir(scene.path("directory").c_str(), 0755);
  ::mkfifo(scene.path("fifo").c_str(), 0644);
  for (const How how : {How::store, How::atomic, How::append}) {
    cr_expect(scene.fault("/directory", how) == EISDIR);
    cr_expect(scene.fault("/", how) == EISDIR);
    cr_expect(scene.fault("/fifo", how) == EINVAL);
    cr_expect(scene.fault("/old/new", how) == ENOTDIR);
    cr_expect(scene.fault("/nowhere/new", how) == ENOENT);
  }
  cr_expect((scene.names() == Names{"directory", "fifo", "old"}));
}

Test(ftp_upload, does_not_replace_a_directory_that_came_meanwhile) {
  const Scene scene;
  Upload upload = scene.begin("/old");
  ::unlink(scene.path("old").c_str());
  ::mkdir(scene.path("old").c_str(), 0755);
  const auto finished = upload.finish(false);
  cr_expect(!finished && finished.error().code == EISDIR);
}

// --- the other ways ------------------------------------------------------------------------------

Test(ftp_upload, an_atomic_one_shows_no_new_name_before_it_is_whole) {
  const Scene scene;
  Upload upload = scene.begin("/new", How::atomic);
  cr_assert(upload.write(bytes_of("content")));
  cr_expect(!scene.names().contains("new"));
  cr_assert(upload.finish(true));
  cr_expect(scene.get("new") == "content");
  cr_expect((scene.mode("new") & 07777) == 0644);
  cr_expect((scene.names() == Names{"new", "old"}));
}

Test(ftp_upload, nothing_stays_of_an_atomic_one_that_breaks) {
  const Scene scene;
  {
    Upload upload = scene.begin("/new", How::atomic);
    cr_assert(upload.write(bytes_of("half")));
    upload.abandon(scene.tree, "/new");
  }
  cr_expect(scene.names() == Names{"old"});
}

Test(ftp_upload, appends_to_what_is_there_or_begins_it) {
  const Scene scene;
  scene.store("/old", " and new", How::append);
  cr_expect(scene.get("old") == "old content and new");
  scene.store("/new", "first", How::append);
  cr_expect(scene.get("new") == "first");
  {
    Upload broken = scene.begin("/new", How::append);
    cr_assert(broken.write(bytes_of(", half")));
    broken.abandon(scene.tree, "/new");
  }
  cr_expect(scene.get("new") == "first, half");
}

Test(ftp_upload, resumes_in_place_from_where_it_is_told) {
  const Scene scene;
  auto at_the_end = Upload::resume(scene.tree, "/old", 11);
  cr_assert(at_the_end);
  cr_assert(at_the_end->write(bytes_of(", more")));
  cr_expect(scene.get("old") == "old content, more");
  cr_assert(at_the_end->finish(false));
  auto inside = Upload::resume(scene.tree, "/old", 4);
  cr_assert(inside);
  cr_assert(inside->write(bytes_of("CONTENT. more")));
  cr_assert(inside->finish(true));
  cr_expect(scene.get("old") == "old CONTENT. more");
}

Test(ftp_upload, resumes_no_file_beyond_its_end_and_none_that_is_not_there) {
  const Scene scene;
  const auto fault = [&](const char* where, std::uint64_t offset) {
    const auto upload = Upload::resume(scene.tree, where, offset);
    return upload ? 0 : upload.error().code;
  };
  cr_expect(fault("/old", 11) == 0);
  cr_expect(fault("/old", 12) == ERANGE);
  cr_expect(fault("/old", INT64_MAX) == ERANGE);
  cr_expect(fault("/new", 1) == ENOENT);
  cr_expect(fault("/", 1) == EISDIR);
  cr_expect(scene.get("old") == "old content");
}

Test(ftp_upload, finds_a_name_that_is_not_there_yet) {
  const Scene scene;
  ::mkdir(scene.path("old.1").c_str(), 0755);
  scene.link("nowhere", "old.2");
  std::string path = "/old";
  auto upload = Upload::unique(scene.tree, path);
  cr_assert(upload);
  cr_expect(path == "/old.3");
  cr_assert(upload->write(bytes_of("third")));
  cr_assert(upload->finish(false));
  cr_expect(scene.get("old.3") == "third" && scene.get("old") == "old content");
  path = "/new";
  cr_assert(Upload::unique(scene.tree, path));
  cr_expect(path == "/new");
}

Test(ftp_upload, a_unique_one_of_which_nothing_came_is_gone_again) {
  const Scene scene;
  std::string path = "/old";
  auto upload = Upload::unique(scene.tree, path);
  cr_assert(upload);
  cr_expect(scene.names().contains("old.1"));
  upload->abandon(scene.tree, path);
  cr_expect(scene.names() == Names{"old"});
}

Test(ftp_upload, says_why_there_is_no_unique_name) {
  const Scene scene;
  std::string path = "/nowhere/name";
  const auto upload = Upload::unique(scene.tree, path);
  cr_expect(!upload && upload.error().code == ENOENT);
  cr_expect(path == "/nowhere/name");
}

// --- text, full disks ----------------------------------------------------------------------------

Test(ftp_upload, turns_line_ends_of_text_wherever_it_is_cut) {
  const Scene scene;
  for (const char* where : {"/new", "/old"}) {
    Upload upload = scene.begin(where);
    upload.set_ascii();
    for (const char* piece : {"a\r", "\nb\r\n", "c\rd", "\n\r"}) {
      cr_assert(upload.write(bytes_of(piece)));
    }
    cr_assert(upload.finish(false));
    cr_expect(scene.get(where + 1) == "a\nb\nc\rd\n\r", "%s", where);
  }
}

Test(ftp_upload, a_full_disk_is_told_and_what_fitted_stays) {
  const Scene scene;
  Upload upload = scene.begin("/new");
  limit_files(6);
  const auto written = upload.write(bytes_of("123456789"));
  cr_expect(!written && written.error().code == EFBIG);
  upload.abandon(scene.tree, "/new");
  cr_expect(scene.get("new") == "123456");
}

Test(ftp_upload, a_full_disk_does_not_harm_the_old_file) {
  const Scene scene;
  {
    Upload upload = scene.begin("/old");
    limit_files(6);
    const auto written = upload.write(bytes_of("123456789"));
    cr_expect(!written && written.error().code == EFBIG);
    upload.abandon(scene.tree, "/old");
  }
  cr_expect(scene.get("old") == "old content");
  cr_expect(scene.names() == Names{"old"});
}

Test(ftp_upload, can_be_moved_while_it_is_under_way) {
  const Scene scene;
  for (const char* where : {"/new", "/old"}) {
    Upload first = scene.begin(where);
    cr_assert(first.write(bytes_of("one ")));
    Upload second = std::move(first);
    cr_assert(second.write(bytes_of("two")));
    cr_assert(second.finish(true));
    cr_expect(scene.get(where + 1) == "one two");
  }
  cr_expect((scene.names() == Names{"new", "old"}));
}

Test(ftp_upload, appending_leaves_nothing_of_a_new_name_when_nothing_came) {
  const Scene scene;
  scene.begin("/new", How::append).abandon(scene.tree, "/new");
  cr_expect(scene.names() == Names{"old"});
}

Test(ftp_upload, stores_through_a_link_to_a_name_that_is_not_there_yet) {
  const Scene scene;
  scene.link("new", "link");
  scene.store("/link", "content");
  cr_expect(scene.get("new") == "content" && S_ISLNK(scene.mode("link")));
}
