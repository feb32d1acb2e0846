#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/files/directory_reader.h"
#include "protocols/files/tree.h"
#include "protocols/ftp/facts.h"
#include "protocols/ftp/list_line.h"
#include "protocols/ftp/source.h"

namespace sluice::ftp {

enum class ListingKind { list, names, facts };

/// What is listed, and how.
struct ListingOptions {
  ListingKind kind = ListingKind::list;
  bool hidden = false;     ///< names with a leading dot, too
  std::string pattern{};   ///< only names that match it (glob(7)); empty: all
  std::string prefix{};    ///< of NLST, put before each name
  std::uint8_t facts = 0;  ///< of MLSD
  Allowed allowed{};       ///< of MLSD
};

/// The entries of a directory, a line each, read as they are sent.
Result<std::unique_ptr<Source>> list_directory(const files::Tree& tree, std::string_view path,
                                               ListingOptions options);

/// One line for what is at `path` itself, called `name`. Of a listing of kind `facts` without its
/// line end, as MLST wants it.
Result<std::string> list_one(const files::Tree& tree, std::string_view path, std::string_view name,
                             const ListingOptions& options);

/// A text that is there already.
std::unique_ptr<Source> text_source(std::string text);

/// The whole of a file with its line ends as TYPE A wants them.
std::unique_ptr<Source> ascii_source(Fd file);

}  // namespace sluice::ftp
