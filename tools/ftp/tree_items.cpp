#include "tools/ftp/tree_items.h"

#include <algorithm>

#include "protocols/files/directory_reader.h"
#include "reactor/text.h"

namespace sluice::tools {
namespace {

constexpr unsigned kMaxDepth = 256;

TreeItem item_of(std::string_view name, const files::FileInfo& info) {
  using Type = TreeItem::Type;
  TreeItem item{.name = std::string(name), .size = info.size, .modified = info.modified};
  item.type = info.is_regular()     ? Type::file
              : info.is_directory() ? Type::directory
              : info.is_link()      ? Type::link
                                    : Type::other;
  item.has_size = item.has_time = item.exact = true;
  return item;
}

Result<void> remove_below(const files::Tree& tree, const std::string& path, unsigned depth) {
  const auto info = tree.info(path, false);
  if (!info) return std::unexpected(info.error());
  if (info->is_regular() || info->is_link()) return tree.remove_file(path);
  if (!info->is_directory()) return fail("unlink (not a regular file)", EINVAL);
  if (depth == kMaxDepth) return fail("too deep", ELOOP);
  const auto items = read_directory(tree, path);
  if (!items) return std::unexpected(items.error());
  for (const TreeItem& item : *items) {
    auto removed = remove_below(tree, concat(path, '/', item.name), depth + 1);
    if (!removed) return removed;
  }
  return tree.remove_directory(path);
}

}  // namespace

TreeItem item_of(const ftp::RemoteEntry& entry) {
  TreeItem item{.name = entry.name, .type = entry.type};
  item.has_size = entry.size.has_value();
  item.size = entry.size.value_or(0);
  item.has_time = entry.modified.has_value();
  item.modified = entry.modified.value_or(timespec{});
  item.exact = entry.exact && item.has_time;
  return item;
}

void put_in_order(std::vector<TreeItem>& items) {
  std::ranges::sort(items, {}, &TreeItem::name);
  const auto twice = std::ranges::unique(items, {}, &TreeItem::name);
  items.erase(twice.begin(), twice.end());
}

const TreeItem* find(const std::vector<TreeItem>& items, std::string_view name) {
  const auto found = std::ranges::lower_bound(items, name, {}, &TreeItem::name);
  return found != items.end() && found->name == name ? &*found : nullptr;
}

Result<std::vector<TreeItem>> read_directory(const files::Tree& tree, std::string_view path) {
  auto fd = tree.open_directory(path);
  if (!fd) return std::unexpected(fd.error());
  files::DirectoryReader reader(std::move(*fd));
  std::vector<TreeItem> items;
  for (;;) {
    const auto entry = reader.next();
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) break;
    const auto info = files::file_info(reader.fd(), (*entry)->name);
    if (!info && info.error().code == ENOENT) continue;  // it went meanwhile
    if (!info) return std::unexpected(info.error());
    items.push_back(item_of((*entry)->text(), *info));
  }
  put_in_order(items);
  return items;
}

Result<void> remove_all(const files::Tree& tree, const std::string& path) {
  return remove_below(tree, path, 0);
}

std::string_view kind_of(const TreeItem& item) {
  return item.type == TreeItem::Type::link ? "a symbolic link" : "neither file nor directory";
}

}  // namespace sluice::tools
