#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/ftp/download.h"
#include "tools/ftp/pool.h"
#include "tools/ftp/tree_run.h"
#include "tools/ftp/upload.h"

namespace sluice::tools {

/// Reads a remote directory, or makes it.
class DirectoryJob final : public PoolJob {
 public:
  enum class How : std::uint8_t {
    read,          ///< it is there
    make,          ///< it is not, probably: one that was made is empty
    read_or_make,  ///< with those above it
  };
  DirectoryJob(TreeRun& run, TreeNode& node, How how) : run_(run), node_(node), how_(how) {}

  void start(ftp::Client& client, Calls calls) override;
  void failed(const ftp::Failure& failure) override { run_.on_listing_failed(node_, failure); }
  void done() override { run_.on_listing(node_, std::move(listing_)); }

 private:
  void make(ftp::Client& client);
  void make_all(ftp::Client& client);
  void read(ftp::Client& client);
  void enter(ftp::Client& client);
  void take(const ftp::RemoteEntry& entry);
  void on_read(ftp::Client& client, const ftp::Answer<ftp::Listed>& answer);
  void go_back(ftp::Client& client, Outcome outcome);
  void end(Outcome outcome);

  TreeRun& run_;
  TreeNode& node_;
  How how_;
  Calls calls_;
  RemoteListing listing_;
  std::string home_;                         // where the session was before it entered
  bool enters_ = false;                      // the listing is that of the working directory
  std::optional<ftp::Failure> not_entered_;  // why not
  std::optional<ftp::Failure> not_made_;
};

/// Fetches a file.
class GetJob final : public PoolJob {
 public:
  GetJob(TreeRun& run, TreeNode& node, const TreeItem& item, std::string part)
      : run_(run), node_(node), item_(item), part_(std::move(part)) {}

  void start(ftp::Client& client, Calls calls) override;
  void failed(const ftp::Failure& failure) override { run_.on_file_failed(node_, path(), failure); }
  void done() override;
  std::uint64_t bytes() const override { return download_ ? download_->done_bytes() : 0; }
  bool moved() const override { return download_ && bytes() > download_->skipped(); }

 private:
  std::string path() const { return join_path(node_.path, item_.name); }

  TreeRun& run_;
  TreeNode& node_;
  TreeItem item_;
  std::string part_;
  bool wrote_ = false;  // in an earlier try
  Calls calls_;
  std::optional<Download> download_;
};

/// Stores a file.
class PutJob final : public PoolJob {
 public:
  PutJob(TreeRun& run, TreeNode& node, std::string name)
      : run_(run), node_(node), name_(std::move(name)) {}

  void start(ftp::Client& client, Calls calls) override;
  void failed(const ftp::Failure& failure) override { run_.on_file_failed(node_, path(), failure); }
  void done() override;
  std::uint64_t bytes() const override { return upload_ ? upload_->done_bytes() : 0; }
  bool moved() const override { return upload_ && bytes() > upload_->skipped(); }

 private:
  std::string path() const { return join_path(node_.path, name_); }

  TreeRun& run_;
  TreeNode& node_;
  std::string name_;
  bool tried_ = false;
  Calls calls_;
  std::optional<Upload> upload_;
};

/// Removes a remote file, or a directory that is empty.
class RemoveJob final : public PoolJob {
 public:
  using OnDone = Function<void(bool removed)>;
  RemoveJob(TreeRun& run, std::string path, bool directory, OnDone on_done)
      : run_(run), path_(std::move(path)), directory_(directory), on_done_(std::move(on_done)) {}

  void start(ftp::Client& client, Calls calls) override;
  void failed(const ftp::Failure& failure) override;
  void done() override { on_done_(true); }

 private:
  TreeRun& run_;
  std::string path_;
  bool directory_;
  OnDone on_done_;
  Calls calls_;
};

}  // namespace sluice::tools
