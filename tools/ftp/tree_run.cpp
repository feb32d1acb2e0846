#include "tools/ftp/tree_run.h"

#include <unistd.h>

#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::tools {

TreeRun::TreeRun(const Choices& choices, const FtpUrl& url)
    : choices_(choices), url_(url), root_(url.path) {
  while (root_.size() > 1 && root_.ends_with('/')) root_.pop_back();
}

std::string TreeRun::concat_local(std::string_view path) {
  return concat('/', path);
}

ftp::Client::Type TreeRun::type() const {
  return url_.ascii ? ftp::Client::Type::ascii : ftp::Client::Type::binary;
}

int TreeRun::run() {
  auto site = site_of(url_);
  if (!site) return report(choices_.command, trouble_of(shown_url(url_), site.error()));
  pool_.emplace(reactor_, choices_, std::move(*site));
  shown_.emplace(reactor_, [this] { return seen(); });
  if (begin() && turn_until_finished()) {
    remove_extras();
    turn_until_finished();
  }
  if (pool_->over() && !too_many_) {
    complain_about(url_.host_port, *pool_->over());
  }
  shown_.reset();
  summarize();
  pool_.reset();
  return status_;
}

bool TreeRun::turn_until_finished() {
  while (!pool_->finished()) {
    if (auto turned = reactor_.run_once(); !turned) {
      pool_->stop({.kind = ftp::Failure::Kind::local, .error = turned.error()});
    }
  }
  return !pool_->over();
}

// Directories.

TreeNode& TreeRun::add_root() {
  return nodes_.emplace_back();
}

TreeNode* TreeRun::descend(TreeNode& parent, std::string_view name) {
  std::string path = join_path(parent.path, name);
  if (parent.depth == kMaxDepth) {
    refuse(parent, path, concat("deeper than ", kMaxDepth, " directories"));
    return nullptr;
  }
  return &nodes_.emplace_back(std::move(path), parent.depth + 1);
}

void TreeRun::settle(TreeNode& node) {
  if (--node.pending == 0) on_settled(node);
}

bool TreeRun::count(std::size_t entries) {
  if (too_many_) return false;
  entries_ += entries;
  if (entries_ <= kMaxEntries) return true;
  too_many_ = true;
  fail_with(complain(choices_.command, concat(printable(shown_url(url_)), ": more than ",
                                              kMaxEntries, " entries: that is too much")));
  // Who counts is inside a call of a Client's.
  reactor_.post([this] { pool_->stop({.text = "too many entries"}); });
  return false;
}

void TreeRun::on_listing_failed(TreeNode& node, const ftp::Failure& failure) {
  listing_failed_ = true;
  node.failed = true;
  complain_about(node.path.empty() ? shown_url(url_) : node.path, failure);
  settle(node);
}

void TreeRun::refuse(TreeNode& node, std::string_view path, std::string text, int code) {
  node.failed = true;
  ftp::Failure why{.kind = ftp::Failure::Kind::local, .text = std::move(text)};
  if (code != 0) why.error = {code, ""};
  complain_about(path, why);
}

// Files.

void TreeRun::queue_file(TreeNode& node, std::uint64_t size, std::unique_ptr<PoolJob> job) {
  ++node.pending;
  ++wanted_;
  wanted_bytes_ += size;
  pool_->add(Pool::Kind::transfer, std::move(job));
}

void TreeRun::on_file_done(TreeNode& node, std::uint64_t bytes) {
  ++files_;
  bytes_ += bytes;
  settle(node);
}

void TreeRun::on_file_failed(TreeNode& node, const std::string& path, const ftp::Failure& failure) {
  node.failed = true;
  complain_about(path, failure);
  settle(node);
}

// --delete

void TreeRun::remove_extras() {
  if (!choices_.remove) return;
  if (listing_failed_) {
    fail_with(complain(choices_.command, "nothing is deleted, since a listing failed"));
    return;
  }
  const std::size_t copied = nodes_.size();  // removing adds others
  for (std::size_t i = 0; i < copied; ++i) {
    TreeNode& node = nodes_[i];
    if (!node.whole || node.failed || node.pending > 0) continue;
    for (const TreeItem& item : node.extra) remove(node, item);
  }
}

// What is told.

void TreeRun::say(std::string_view verb, std::string_view path) {
  if (!choices_.dry_run && !choices_.verbose) return;
  if (shown_) shown_->clear();
  const int printed = print(concat(verb, ' ', printable(path), '\n'));
  if (printed != kOk) fail_with(printed);
}

void TreeRun::word(std::string_view path, std::string_view why) {
  if (choices_.verbose) note(path, why);
}

void TreeRun::note(std::string_view path, std::string_view why) {
  if (shown_) shown_->clear();
  complain(choices_.command, concat(path, ": ", why));
}

void TreeRun::complain_about(std::string_view path, const ftp::Failure& failure) {
  if (shown_) shown_->clear();
  ++failed_;
  fail_with(report(choices_.command, trouble_of(path, failure)));
}

void TreeRun::fail_with(int status) {
  if (status_ == kOk) status_ = status;
}

Transfer TreeRun::seen() const {
  if (wanted_ == 0) return {};
  const std::uint64_t done = bytes_ + pool_->bytes();
  return {.name = concat(files_, '/', wanted_, " files"),
          .done = done,
          .total = std::max(wanted_bytes_, done),
          .skipped = 0,
          .elapsed = std::chrono::steady_clock::now() - start_};
}

void TreeRun::summarize() {
  if (!choices_.verbose && ::isatty(STDOUT_FILENO) != 1) return;
  if (choices_.dry_run) return;
  Transfer all;
  all.name = concat(files_, files_ == 1 ? " file" : " files");
  all.done = bytes_;
  all.elapsed = std::chrono::steady_clock::now() - start_;
  std::string line = summary_line(all);
  const auto also = [&](std::uint64_t number, std::string_view what) {
    if (number > 0) line += concat("; ", number, ' ', what);
  };
  also(same_, "the same already");
  also(made_, "directories made");
  also(deleted_, "deleted");
  also(failed_, "failed");
  fail_with(print(line + "\n"));
}

}  // namespace sluice::tools
