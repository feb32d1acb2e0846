#include "protocols/ftp/facts.h"

#include <strings.h>
#include <sys/stat.h>

#include <algorithm>

#include "protocols/ftp/line_buffer.h"
#include "protocols/ftp/reply.h"

namespace sluice::ftp {
namespace {

struct FactName {
  Fact fact;
  std::string_view name;
};
constexpr FactName kFactNames[] = {
    {kFactType, "type"}, {kFactSize, "size"},     {kFactModify, "modify"},
    {kFactPerm, "perm"}, {kFactUnique, "unique"}, {kFactMode, "UNIX.mode"},
};

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool is_self_or_parent(std::string_view name) {
  return name == "." || name == "..";
}

std::string_view type_of(mode_t mode, std::string_view name) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "file";
    case S_IFDIR:
      return name == "." ? "cdir" : name == ".." ? "pdir" : "dir";
    case S_IFLNK:
      return "OS.unix=slink";
    case S_IFCHR:
      return "OS.unix=chr";
    case S_IFBLK:
      return "OS.unix=blk";
    case S_IFIFO:
      return "OS.unix=fifo";
    case S_IFSOCK:
      return "OS.unix=socket";
    default:
      return "OS.unix=unknown";
  }
}

bool may_stand_in_a_fact(std::string_view target) {
  return !target.empty() && std::ranges::none_of(target, [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == ';' || c == 0x7f;
  });
}

/// The letters are in the order of the alphabet, those of a file and those of a directory.
void put_perm(LineBuffer& line, const files::FileInfo& info, Allowed allowed, bool removable) {
  const auto put_if = [&line](bool may, char letter) {
    if (may) line.put(letter);
  };
  const bool remove = removable && allowed.remove, rename = removable && allowed.rename;
  const files::Access access = files::access_of(info);
  if (info.is_directory()) {
    const bool changeable = access.write && access.execute;
    put_if(allowed.create && changeable, 'c');
    put_if(remove, 'd');
    put_if(allowed.list && access.execute, 'e');
    put_if(rename, 'f');
    put_if(allowed.list && access.read, 'l');
    put_if(allowed.make && changeable, 'm');
    put_if(allowed.remove && changeable, 'p');
    return;
  }
  const bool regular = info.is_regular();
  put_if(regular && allowed.append && access.write, 'a');
  put_if(remove, 'd');
  put_if(rename, 'f');
  put_if(regular && allowed.read && access.read, 'r');
  put_if(regular && allowed.write && access.write, 'w');
}

void put_time(LineBuffer& line, const UtcTime& time) {
  line.put_four(time.year);
  line.put_two(time.month);
  line.put_two(time.day);
  line.put_two(time.hour);
  line.put_two(time.minute);
  line.put_two(time.second);
}

void put_octal(LineBuffer& line, mode_t mode) {
  for (int shift = 9; shift >= 0; shift -= 3) {
    line.put(static_cast<char>('0' + ((mode >> shift) & 7)));
  }
}

}  // namespace

std::string facts_for_feat(std::uint8_t facts) {
  std::string text;
  for (const auto& [fact, name] : kFactNames) {
    text.append(name).append((facts & fact) != 0 ? "*;" : ";");
  }
  return text;
}

std::uint8_t parse_facts(std::string_view list) {
  unsigned facts = 0;
  while (!list.empty()) {
    const std::size_t length = std::min(list.find(';'), list.size());
    for (const auto& [fact, name] : kFactNames) {
      if (equal_ignoring_case(list.substr(0, length), name)) facts |= fact;
    }
    list.remove_prefix(std::min(length + 1, list.size()));
  }
  return static_cast<std::uint8_t>(facts);
}

std::string facts_for_opts(std::uint8_t facts) {
  std::string text;
  for (const auto& [fact, name] : kFactNames) {
    if ((facts & fact) != 0) text.append(name).append(";");
  }
  return text;
}

void FactsWriter::append(std::string& out, const files::FileInfo& info, std::string_view name,
                         std::string_view target) {
  LineBuffer line;
  if ((facts_ & kFactType) != 0) {
    line.put("type=");
    line.put(type_of(info.mode, name));
    if (info.is_link() && may_stand_in_a_fact(target)) {
      line.put(':');
      // A target may be longer than the buffer.
      out.append(line.text()).append(target);
      line.clear();
    }
    line.put(';');
  }
  if ((facts_ & kFactSize) != 0 && info.is_regular()) {
    line.put("size=");
    line.put_number(info.size);
    line.put(';');
  }
  if ((facts_ & kFactModify) != 0) {
    line.put("modify=");
    put_time(line, clock_.at(info.modified.tv_sec));
    line.put(';');
  }
  if ((facts_ & kFactPerm) != 0) {
    line.put("perm=");
    put_perm(line, info, allowed_, parent_writable_ && !is_self_or_parent(name));
    line.put(';');
  }
  if ((facts_ & kFactUnique) != 0) {
    line.put("unique=");
    line.put_hex(info.device);
    line.put('g');
    line.put_hex(info.inode);
    line.put(';');
  }
  if ((facts_ & kFactMode) != 0) {
    line.put("UNIX.mode=");
    put_octal(line, info.mode);
    line.put(';');
  }
  line.put(' ');
  out.append(line.text());
  append_safe_name(out, name);
}

}  // namespace sluice::ftp
