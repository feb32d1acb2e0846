#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/files/tree.h"
#include "protocols/ftp/client_transfer.h"

namespace sluice::tools {

/// An entry of a directory on either side, as the copying of trees wants it: small.
struct TreeItem {
  using Type = ftp::RemoteEntry::Type;

  std::string name;
  std::uint64_t size = 0;
  timespec modified{};
  Type type = Type::other;
  bool has_size = false, has_time = false;
  bool exact = false;  ///< the time: see RemoteEntry
};

/// Of a listing that came.
struct RemoteListing {
  std::vector<TreeItem> items;  ///< sorted by name, none twice
  bool facts = false;           ///< by MLSD: all that is there, and exact
  bool missing = false;         ///< the directory was not there before
  std::uint64_t bad_lines = 0;
  std::string first_bad{};
};

TreeItem item_of(const ftp::RemoteEntry& entry);

/// By name, each name once.
void put_in_order(std::vector<TreeItem>& items);

/// The item of that name in a list that is in order.
const TreeItem* find(const std::vector<TreeItem>& items, std::string_view name);

/// What lies in a directory here. Links are not followed.
Result<std::vector<TreeItem>> read_directory(const files::Tree& tree, std::string_view path);

/// Removes a file, a link or a directory with all in it. EINVAL for a device, a pipe or a socket,
/// which somebody has put there on purpose.
Result<void> remove_all(const files::Tree& tree, const std::string& path);

/// A word for an item that is neither a file nor a directory.
std::string_view kind_of(const TreeItem& item);

}  // namespace sluice::tools
