#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/files/file_info.h"
#include "protocols/ftp/utc_time.h"

namespace sluice::ftp {

/// Which facts MLSD and MLST give (RFC 3659 section 7.5), chosen by OPTS MLST.
enum Fact : std::uint8_t {
  kFactType = 1,
  kFactSize = 2,
  kFactModify = 4,
  kFactPerm = 8,
  kFactUnique = 16,
  kFactMode = 32,
  kAllFacts = 63,
};

/// "type*;size*;modify*;perm*;unique*;UNIX.mode*;" for FEAT; those not in `facts` without `*`.
std::string facts_for_feat(std::uint8_t facts);
/// The facts in "type;size;nonsense;", in capitals or not: unknown ones are passed over (RFC 3659
/// section 7.9); none at all is right too.
std::uint8_t parse_facts(std::string_view list);
/// "type;size;" in our order and spelling, for the reply to OPTS MLST.
std::string facts_for_opts(std::uint8_t facts);

/// What the session allows with an entry: for the perm fact (RFC 3659 section 7.5.5).
struct Allowed {
  bool list = false;    ///< e, l of a directory
  bool read = false;    ///< r
  bool write = false;   ///< w: STOR
  bool append = false;  ///< a
  bool create = false;  ///< c of a directory
  bool remove = false;  ///< d, and p of a directory
  bool rename = false;  ///< f
  bool make = false;    ///< m of a directory
};

/// Writes lines of facts:
///
///     type=file;size=12;modify=20261121130200;perm=r;unique=803g2a;UNIX.mode=0644; name
///
/// type is file, dir, cdir or pdir of a directory by the name `.` or `..`, OS.unix=slink:TARGET of
/// a link, OS.unix=chr, blk, fifo, socket. Only a regular file has a size. `unique` is
/// the device and the inode, in hex. A TARGET in which a space or `;` would end the fact
/// (section 7.2), or with a control character, is left out with its colon: no client decodes it.
class FactsWriter {
 public:
  /// `allowed` is what the session may do in the directory listed; the writer takes away what the
  /// modes of the entry (files::access_of) and of its directory forbid. `parent_writable`: the
  /// directory's own mode lets this process add and remove entries.
  FactsWriter(std::uint8_t facts, Allowed allowed, bool parent_writable)
      : facts_(facts), allowed_(allowed), parent_writable_(parent_writable) {}

  /// Without the line's end; the caller puts a space and CR LF where MLST and MLSD want them.
  /// `target` of a link; empty: not known.
  void append(std::string& out, const files::FileInfo& info, std::string_view name,
              std::string_view target = {});

 private:
  std::uint8_t facts_;
  Allowed allowed_;
  bool parent_writable_;
  UtcClock clock_;
};

}  // namespace sluice::ftp
