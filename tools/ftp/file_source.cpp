#include "tools/ftp/file_source.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::tools {

Result<ftp::Source::More> FileSource::fill(std::vector<std::byte>& out) {
  pollfd watched{file_.get(), POLLIN, 0};
  if (::poll(&watched, 1, kPatience) == 0) return More::yes;
  piece_.resize(kPieceBytes);
  const ssize_t size = ::read(file_.get(), piece_.data(), piece_.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return More::yes;
  if (size < 0) return fail("read");
  if (size == 0) return More::no;
  const auto bytes = std::span(piece_).first(static_cast<std::size_t>(size));
  if (ascii_) {
    text_.convert(bytes, out);
  } else {
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return More::yes;
}

}  // namespace sluice::tools
