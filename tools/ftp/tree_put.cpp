#include "tools/ftp/tree_put.h"

#include "reactor/text.h"
#include "tools/ftp/tree_jobs.h"

namespace sluice::tools {
namespace {

using Type = TreeItem::Type;

class TreePut final : public TreeRun {
 public:
  TreePut(const Choices& choices, std::string directory, const FtpUrl& url)
      : TreeRun(choices, url), directory_(std::move(directory)) {}

  void on_listing(TreeNode& node, RemoteListing listing) override {
    if (node.removing) return remove_below(node, listing);
    if (listing.missing) on_made(node);
    const auto here = read_directory(tree(), local_path(node.path));
    if (!here) {
      refuse(node, join_path(directory_, node.path), "", here.error().code);
      return settle(node);
    }
    count(here->size());
    node.whole = true;
    for (const TreeItem& item : *here) take(node, item, listing);
    if (choices_.remove) note_extras(node, listing, *here);
    settle(node);
  }

 protected:
  bool begin() override {
    auto tree = files::Tree::open(directory_);
    if (!tree) {
      complain_about(directory_, {.kind = ftp::Failure::Kind::local, .error = tree.error()});
      return false;
    }
    tree_ = std::move(*tree);
    pool().add(Pool::Kind::directory,
               std::make_unique<DirectoryJob>(*this, add_root(), DirectoryJob::How::read_or_make));
    return true;
  }

  void remove(TreeNode& node, const TreeItem& item) override {
    const std::string path = join_path(node.path, item.name);
    if (item.type == Type::other) return word(path, "neither file nor directory: not deleted");
    say("delete", path);
    if (!choices_.dry_run) remove_item(nullptr, node, item);
  }

  void on_settled(TreeNode& node) override {
    if (!node.removing) return;
    TreeNode* above = node.above;
    if (node.failed) return on_removed(above, false);
    pool().add(Pool::Kind::directory,
               std::make_unique<RemoveJob>(*this, node.path, true, [this, above](bool removed) {
                 on_removed(above, removed);
               }));
  }

 private:
  void on_made(TreeNode& node) {
    say("mkdir", node.path.empty() ? root_ : node.path);
    if (!choices_.dry_run) ++made_;
  }

  void take(TreeNode& node, const TreeItem& item, const RemoteListing& there) {
    const std::string path = join_path(node.path, item.name);
    const TreeItem* theirs = find(there.items, item.name);
    if (item.type == Type::directory) return take_directory(node, path, item, theirs);
    if (item.type != Type::file) return word(path, concat(kind_of(item), ": left out"));
    if (theirs && theirs->type == Type::directory) {
      return refuse(node, path, "what is there by that name is a directory");
    }
    if (theirs && is_same(item, *theirs)) return same();
    if (choices_.dry_run) return say("put", path);
    queue_file(node, item.size, std::make_unique<PutJob>(*this, node, item.name));
  }

  void take_directory(TreeNode& node, const std::string& path, const TreeItem& item,
                      const TreeItem* theirs) {
    if (theirs && theirs->type == Type::file) {
      return refuse(node, path, "what is there by that name is not a directory");
    }
    TreeNode* below = descend(node, item.name);
    if (!below) return;
    const auto how = theirs ? DirectoryJob::How::read : DirectoryJob::How::make;
    if (!theirs && choices_.dry_run) {
      RemoteListing nothing;
      nothing.missing = true;
      return on_listing(*below, std::move(nothing));
    }
    pool().add(Pool::Kind::directory, std::make_unique<DirectoryJob>(*this, *below, how));
  }

  /// Where times cannot be set, one that is not older is that of an upload since.
  bool is_same(const TreeItem& mine, const TreeItem& there) const {
    if (!there.has_size || there.size != mine.size) return false;
    if (!there.has_time) return true;
    const auto theirs = there.modified.tv_sec, ours = mine.modified.tv_sec;
    return there.exact && can_date_ ? theirs == ours : theirs >= ours;
  }

  void note_extras(TreeNode& node, const RemoteListing& there, const std::vector<TreeItem>& here) {
    for (const TreeItem& theirs : there.items) {
      if (!find(here, theirs.name)) node.extra.push_back(theirs);
    }
  }

  // --delete

  void remove_item(TreeNode* above, TreeNode& node, const TreeItem& item) {
    const std::string path = join_path(node.path, item.name);
    if (above) ++above->pending;
    if (item.type != Type::directory) {
      pool().add(Pool::Kind::directory,
                 std::make_unique<RemoveJob>(*this, path, false, [this, above](bool removed) {
                   on_removed(above, removed);
                 }));
      return;
    }
    TreeNode* below = descend(node, item.name);
    if (!below) return on_removed(above, false);
    below->removing = true;
    below->above = above;
    pool().add(Pool::Kind::directory,
               std::make_unique<DirectoryJob>(*this, *below, DirectoryJob::How::read));
  }

  void remove_below(TreeNode& node, const RemoteListing& listing) {
    for (const TreeItem& item : listing.items) remove_item(&node, node, item);
    settle(node);
  }

  void on_removed(TreeNode* above, bool removed) {
    if (removed) deleted();
    if (!above) return;
    above->failed |= !removed;
    settle(*above);
  }

  std::string directory_;
};

}  // namespace

int put_tree(const Choices& choices, const std::string& directory, const FtpUrl& url) {
  return TreePut(choices, directory, url).run();
}

}  // namespace sluice::tools
