#include "protocols/ftp/listing.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "protocols/files/name.h"
#include "protocols/files/new_file.h"
#include "protocols/ftp/ascii.h"
#include "protocols/ftp/limits.h"
#include "protocols/ftp/pattern.h"
#include "protocols/ftp/reply.h"
#include "reactor/text.h"

namespace sluice::ftp {
namespace {

void append(std::vector<std::byte>& out, std::string_view text) {
  const auto bytes = as_bytes(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::string link_target(int directory, const char* name) {
  char target[PATH_MAX];
  const ssize_t size = ::readlinkat(directory, name, target, sizeof target);
  return size > 0 ? std::string(target, static_cast<std::size_t>(size)) : std::string();
}

Allowed only_reading(Allowed allowed) {
  return {.list = allowed.list, .read = allowed.read};
}

/// Whether the modes of the directory let this process add and remove entries.
bool may_change_entries(const files::Tree& tree, std::string_view path) {
  const auto info = tree.info(path);
  if (!info) return false;
  const files::Access access = files::access_of(*info);
  return access.write && access.execute;
}

class DirectorySource final : public Source {
 public:
  DirectorySource(Fd directory, bool writable, ListingOptions options)
      : reader_(std::move(directory)),
        options_(std::move(options)),
        list_(::time(nullptr)),
        facts_(options_.facts, options_.allowed, writable) {}

  Result<More> fill(std::vector<std::byte>& out) override {
    text_.clear();
    const int most = options_.pattern.empty() ? limits::kEntriesPerTurn : limits::kMatchesPerTurn;
    for (int i = 0; i < most && text_.size() < limits::kChunkBytes; ++i) {
      const auto entry = reader_.next();
      if (!entry) return std::unexpected(entry.error());
      if (!*entry) {
        append(out, text_);
        return More::no;
      }
      if (wanted(**entry)) add(**entry);
    }
    append(out, text_);
    return More::yes;
  }

 private:
  /// The files of uploads under way are nobody's business; those that a crash left are removed.
  bool wanted(const files::DirectoryReader::Entry& entry) const {
    if (entry.name[0] == '.') {
      if (files::is_temporary_name(entry.text())) {
        files::remove_abandoned(reader_.fd(), entry.text());
        return false;
      }
      if (!options_.hidden) return false;
    }
    return options_.pattern.empty() || matches(options_.pattern, entry.text());
  }

  void add(const files::DirectoryReader::Entry& entry) {
    if (options_.kind == ListingKind::names) {
      text_ += options_.prefix;
      append_safe_name(text_, entry.text());
      text_ += "\r\n";
      return;
    }
    const auto info = files::file_info(reader_.fd(), entry.name);
    if (!info) return;  // removed meanwhile
    std::string target;
    if (info->is_link()) target = link_target(reader_.fd(), entry.name);
    if (options_.kind == ListingKind::list) {
      list_.append(text_, *info, entry.text(), target);
    } else {
      facts_.append(text_, *info, entry.text(), target);
      text_ += "\r\n";
    }
  }

  files::DirectoryReader reader_;
  ListingOptions options_;
  ListWriter list_;
  FactsWriter facts_;
  std::string text_;
};

class TextSource final : public Source {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  Result<More> fill(std::vector<std::byte>& out) override {
    append(out, text_);
    return More::no;
  }

 private:
  std::string text_;
};

class AsciiSource final : public Source {
 public:
  explicit AsciiSource(Fd file) : file_(std::move(file)), block_(limits::kChunkBytes / 2) {}

  Result<More> fill(std::vector<std::byte>& out) override {
    ssize_t size;
    do {
      size = ::read(file_.get(), block_.data(), block_.size());
    } while (size < 0 && errno == EINTR);
    if (size < 0) return fail("read");
    if (size == 0) return More::no;
    converter_.convert(std::span(block_).first(static_cast<std::size_t>(size)), out);
    return More::yes;
  }

 private:
  Fd file_;
  std::vector<std::byte> block_;
  ToNetwork converter_;
};

}  // namespace

Result<std::unique_ptr<Source>> list_directory(const files::Tree& tree, std::string_view path,
                                               ListingOptions options) {
  auto directory = tree.open_directory(path);
  if (!directory) return std::unexpected(directory.error());
  bool writable = false;
  if (options.kind == ListingKind::facts) {
    if (tree.read_only(path)) options.allowed = only_reading(options.allowed);
    writable = may_change_entries(tree, path);
  }
  return std::make_unique<DirectorySource>(std::move(*directory), writable, std::move(options));
}

Result<std::string> list_one(const files::Tree& tree, std::string_view path, std::string_view name,
                             const ListingOptions& options) {
  auto info = tree.info(path, options.kind == ListingKind::facts);
  // A link that leads nowhere is still an entry.
  if (!info && options.kind == ListingKind::facts) info = tree.info(path, false);
  if (!info) return std::unexpected(info.error());
  std::string target;
  if (info->is_link()) target = tree.read_link(path).value_or("");
  std::string line;
  switch (options.kind) {
    case ListingKind::names:
      append_safe_name(line, name);
      line += "\r\n";
      break;
    case ListingKind::list:
      ListWriter(::time(nullptr)).append(line, *info, name, target);
      break;
    case ListingKind::facts: {
      const std::string_view parent = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
      FactsWriter(options.facts,
                  tree.read_only(parent) ? only_reading(options.allowed) : options.allowed,
                  path != "/" && may_change_entries(tree, parent))
          .append(line, *info, name, target);
      break;
    }
  }
  return line;
}

std::unique_ptr<Source> text_source(std::string text) {
  return std::make_unique<TextSource>(std::move(text));
}

std::unique_ptr<Source> ascii_source(Fd file) {
  return std::make_unique<AsciiSource>(std::move(file));
}

}  // namespace sluice::ftp
