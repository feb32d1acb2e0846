#include "tools/ftp/tree_get.h"

#include <sys/stat.h>
#include <unistd.h>

#include "protocols/files/name.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/ftp/tree_jobs.h"

namespace sluice::tools {
namespace {

using Type = TreeItem::Type;

class TreeGet final : public TreeRun {
 public:
  TreeGet(const Choices& choices, const FtpUrl& url, std::string directory)
      : TreeRun(choices, url), directory_(std::move(directory)) {}

  void on_listing(TreeNode& node, RemoteListing listing) override {
    const auto here = open_local(node);
    if (!here) {
      refuse(node, local_name(node), "", here.error().code);
      return settle(node);
    }
    count(here->size());
    node.whole = listing.bad_lines == 0;
    if (!node.whole) {
      refuse(node, node.path.empty() ? shown_url(url_) : node.path,
             concat(listing.bad_lines, " lines of the listing make no sense: ", listing.first_bad));
    }
    for (const TreeItem& item : listing.items) take(node, item, listing, *here);
    if (choices_.remove) note_extras(node, listing, *here);
    settle(node);
  }

 protected:
  bool begin() override {
    pool().add(Pool::Kind::directory,
               std::make_unique<DirectoryJob>(*this, add_root(), DirectoryJob::How::read));
    return true;
  }

  void remove(TreeNode& node, const TreeItem& item) override {
    const std::string path = join_path(node.path, item.name);
    if (item.type == Type::other) return word(path, "neither file nor directory: not deleted");
    say("delete", path);
    if (choices_.dry_run) return;
    if (auto removed = remove_all(tree(), local_path(path)); !removed) {
      return refuse(node, path, "cannot delete", removed.error().code);
    }
    deleted();
  }

 private:
  std::string local_name(const TreeNode& node) const { return join_path(directory_, node.path); }

  /// What is in the directory here, which is made when it is not there.
  Result<std::vector<TreeItem>> open_local(const TreeNode& node) {
    if (node.path.empty()) {
      auto tree = files::Tree::open(directory_);
      if (!tree && tree.error().code == ENOENT) {
        say("mkdir", directory_);
        if (choices_.dry_run) return std::vector<TreeItem>();
        if (::mkdir(directory_.c_str(), 0777) != 0) return fail("mkdir");
        ++made_;
        tree = files::Tree::open(directory_);
      }
      if (!tree) return std::unexpected(tree.error());
      tree_ = std::move(*tree);
    }
    if (node.fresh) return std::vector<TreeItem>();
    return read_directory(tree(), local_path(node.path));
  }

  void take(TreeNode& node, const TreeItem& item, const RemoteListing& listing,
            const std::vector<TreeItem>& here) {
    const std::string path = join_path(node.path, item.name);
    if (item.type != Type::file && item.type != Type::directory) {
      return word(path, concat(kind_of(item), ": left out"));
    }
    if (auto checked = files::check_name(item.name, true); !checked) {
      return refuse(node, path, checked.error().operation);
    }
    const TreeItem* mine = find(here, item.name);
    if (item.type == Type::directory) return take_directory(node, path, item, mine);
    if (mine && mine->type != Type::file && mine->type != Type::link) {
      return refuse(node, path, "what is here by that name is not a file");
    }
    if (mine && is_same(item, *mine)) return same();
    if (choices_.dry_run) return say("get", path);
    queue_file(node, item.size,
               std::make_unique<GetJob>(*this, node, item, free_part(path, item.name, listing)));
  }

  void take_directory(TreeNode& node, const std::string& path, const TreeItem& item,
                      const TreeItem* mine) {
    if (mine && mine->type != Type::directory) {
      return refuse(node, path, "what is here by that name is not a directory");
    }
    TreeNode* below = descend(node, item.name);
    if (!below) return;
    below->fresh = !mine;
    if (!mine) {
      say("mkdir", path);
      const auto made = choices_.dry_run ? Result<void>() : tree().make_directory(local_path(path));
      if (!made) return refuse(node, path, "mkdir", made.error().code);
      ++made_;
    }
    pool().add(Pool::Kind::directory,
               std::make_unique<DirectoryJob>(*this, *below, DirectoryJob::How::read));
  }

  static bool is_same(const TreeItem& there, const TreeItem& mine) {
    if (mine.type != Type::file || !there.has_size || there.size != mine.size) return false;
    if (there.exact) return there.modified.tv_sec == mine.modified.tv_sec;
    return !there.has_time || there.modified.tv_sec <= mine.modified.tv_sec;
  }

  /// No other file's name, as the server may have both `a` and `a.part`, nor another's part, as
  /// they may arrive at once: what is added to a name is its length, so no two become one.
  std::string free_part(const std::string& path, const std::string& name,
                        const RemoteListing& listing) const {
    const auto taken = [&](std::string_view other) { return find(listing.items, other); };
    std::string stem = concat('/', name);
    std::string part = part_path(stem);
    while (taken(std::string_view(part).substr(1)) ||
           (stem.size() > 1 + name.size() && taken(std::string_view(stem).substr(1)))) {
      stem += concat('.', name.size());
      part = part_path(stem);
    }
    return concat(local_path(path).substr(0, path.size() + 1 - name.size()), part.substr(1));
  }

  void note_extras(TreeNode& node, const RemoteListing& listing,
                   const std::vector<TreeItem>& here) {
    for (const TreeItem& mine : here) {
      // LIST mostly hides what begins with a dot.
      const bool hidden = !listing.facts && mine.name.starts_with('.');
      if (!hidden && !find(listing.items, mine.name)) node.extra.push_back(mine);
    }
  }

  std::string directory_;
};

}  // namespace

int get_tree(const Choices& choices, const FtpUrl& url) {
  std::string directory(choices.output);
  if (directory == "-") return misused("get", "-r needs a directory to store into, not -");
  if (directory.empty()) {
    std::string_view path = url.path;
    while (path.ends_with('/')) path.remove_suffix(1);
    directory = path.empty() ? "." : last_component(path);
    if (directory != "." && !files::check_name(directory, true)) {
      return misused("get", concat(printable(directory), " is no name for a directory here: -o"));
    }
  }
  return TreeGet(choices, url, std::move(directory)).run();
}

}  // namespace sluice::tools
