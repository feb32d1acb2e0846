#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/files/tree.h"
#include "tools/ftp/choices.h"
#include "tools/ftp/pool.h"
#include "tools/ftp/tree_items.h"
#include "tools/ftp/url.h"
#include "tools/live_line.h"

namespace sluice::tools {

/// A directory of a tree that is being copied.
struct TreeNode {
  std::string path;  ///< from the root of the tree: "" is that, "a/b"
  unsigned depth = 0;
  std::size_t pending = 1;        ///< its listing, and each of its files
  bool fresh = false;             ///< made by this run: nothing is in it at the destination
  bool whole = false;             ///< the source was read to its end, and every line made sense
  bool failed = false;            ///< something in it did
  bool removing = false;          ///< it goes, with all in it
  TreeNode* above = nullptr;      ///< of one that is removed, where that is removed too
  std::vector<TreeItem> extra{};  ///< what the source does not have, for --delete
};

/// What the copying of a tree has in common either way: the sessions, the directories, the counts,
/// the complaints. The first error does not stop the rest; it gives the exit status.
///
/// --delete comes after all the rest, and only where nothing is in doubt: in directories of which
/// the source was read whole and where nothing failed, and not at all when any listing failed.
class TreeRun {
 public:
  TreeRun(const Choices& choices, const FtpUrl& url);
  virtual ~TreeRun() = default;
  TreeRun(const TreeRun&) = delete;
  TreeRun& operator=(const TreeRun&) = delete;

  /// An Exit.
  int run();

  // For the jobs.
  const Choices& choices() const { return choices_; }
  Reactor& reactor() { return reactor_; }
  const files::Tree& tree() const { return *tree_; }
  ftp::Client::Type type() const;
  std::string remote_path(std::string_view path) const { return join_path(root_, path); }
  std::string local_path(std::string_view path) const { return concat_local(path); }
  /// `entries` more: beyond kMaxEntries the run ends, from outside of the calling job.
  bool count(std::size_t entries);
  void set_can_date(bool can) { can_date_ = can; }

  virtual void on_listing(TreeNode& node, RemoteListing listing) = 0;
  void on_listing_failed(TreeNode& node, const ftp::Failure& failure);
  void on_file_done(TreeNode& node, std::uint64_t bytes);
  void on_file_failed(TreeNode& node, const std::string& path, const ftp::Failure& failure);
  /// `verb path` on standard output, when that was asked for.
  void say(std::string_view verb, std::string_view path);
  /// A sentence on what is left out, for --verbose.
  void word(std::string_view path, std::string_view why);
  void note(std::string_view path, std::string_view why);
  void complain_about(std::string_view path, const ftp::Failure& failure);
  void deleted() { ++deleted_; }

 protected:
  /// Queues what is to begin with; false when it has failed already.
  virtual bool begin() = 0;
  virtual void remove(TreeNode& node, const TreeItem& item) = 0;
  virtual void on_settled(TreeNode& node) { (void)node; }

  /// A directory below `parent`; nothing when it is too deep.
  TreeNode* descend(TreeNode& parent, std::string_view name);
  TreeNode& add_root();
  /// Something is in the way at the destination, or cannot be named.
  void refuse(TreeNode& node, std::string_view path, std::string text, int code = 0);
  void queue_file(TreeNode& node, std::uint64_t size, std::unique_ptr<PoolJob> job);
  void settle(TreeNode& node);
  void same() { ++same_; }
  Pool& pool() { return *pool_; }

  const Choices& choices_;
  const FtpUrl url_;
  Reactor reactor_;
  std::optional<files::Tree> tree_;  // the local one
  std::string root_;                 // the remote one
  bool can_date_ = false;            // MFMT
  std::uint64_t made_ = 0;           // directories

 private:
  static constexpr std::size_t kMaxEntries = 1'000'000;
  static constexpr unsigned kMaxDepth = 64;

  static std::string concat_local(std::string_view path);
  bool turn_until_finished();
  void remove_extras();
  void summarize();
  Transfer seen() const;
  void fail_with(int status);

  std::optional<Pool> pool_;
  std::optional<LiveLine> shown_;
  std::deque<TreeNode> nodes_;
  TimePoint start_ = std::chrono::steady_clock::now();
  std::size_t entries_ = 0;
  std::uint64_t files_ = 0, wanted_ = 0, same_ = 0, deleted_ = 0, failed_ = 0;
  std::uint64_t bytes_ = 0, wanted_bytes_ = 0;
  bool too_many_ = false;
  bool listing_failed_ = false;
  int status_ = kOk;
};

}  // namespace sluice::tools
