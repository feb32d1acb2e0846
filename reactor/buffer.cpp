#include "reactor/buffer.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "reactor/limits.h"

namespace sluice {

SharedBytes::SharedBytes(std::span<const std::byte> bytes)
    : block_(new(::operator new(sizeof(Block) + bytes.size())) Block{1, bytes.size()}) {
  std::copy(bytes.begin(), bytes.end(), block_->data());
}

SharedBytes::~SharedBytes() {
  if (block_ && --block_->holders == 0) ::operator delete(block_);
}

std::span<const std::byte> SharedBytes::bytes() const {
  return block_ ? std::span<const std::byte>(block_->data(), block_->size)
                : std::span<const std::byte>();
}

void OutputQueue::append(std::span<const std::byte> bytes) {
  in_memory_ += bytes.size();
  if (!empty()) {
    Own* last = std::get_if<Own>(&pieces_.back());
    if (last && last->bytes.size() + bytes.size() <= limits::kPieceBytes) {
      last->bytes.insert(last->bytes.end(), bytes.begin(), bytes.end());
      return;
    }
  }
  if (!bytes.empty()) pieces_.push_back(Own{{bytes.begin(), bytes.end()}});
}

void OutputQueue::append(SharedBytes bytes, std::size_t skip) {
  if (skip >= bytes.size()) return;
  in_memory_ += bytes.size() - skip;
  pieces_.push_back(Shared{std::move(bytes), skip});
}

void OutputQueue::append(FileRange range) {
  if (range.size != 0) pieces_.push_back(std::move(range));
}

void OutputQueue::clear() {
  pieces_.clear();
  first_ = in_memory_ = 0;
}

std::uint64_t OutputQueue::size_left() const {
  std::uint64_t left = in_memory_;
  for (std::size_t i = first_; i < pieces_.size(); ++i) {
    if (const FileRange* range = std::get_if<FileRange>(&pieces_[i])) left += range->size;
  }
  return left;
}

std::span<const std::byte> OutputQueue::rest_of(const Piece& piece) {
  if (const Own* own = std::get_if<Own>(&piece)) return std::span(own->bytes).subspan(own->sent);
  if (const Shared* shared = std::get_if<Shared>(&piece)) {
    return shared->bytes.bytes().subspan(shared->sent);
  }
  return {};
}

void OutputQueue::pop() {
  pieces_[first_] = Own{};  // frees what it held
  if (++first_ == pieces_.size()) {
    clear();
  } else if (first_ >= 64 && first_ * 2 >= pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void OutputQueue::advance(std::size_t sent) {
  in_memory_ -= sent;
  while (sent != 0) {
    const std::size_t taken = std::min(sent, rest_of(pieces_[first_]).size());
    if (Own* own = std::get_if<Own>(&pieces_[first_])) {
      own->sent += taken;
    } else {
      std::get<Shared>(pieces_[first_]).sent += taken;
    }
    sent -= taken;
    if (rest_of(pieces_[first_]).empty()) pop();
  }
}

OutputQueue::Progress OutputQueue::send_memory(int socket, std::size_t budget) {
  std::array<iovec, limits::kWritePieces> pieces;
  std::size_t count = 0, total = 0;
  for (std::size_t i = first_; i < pieces_.size() && count < pieces.size() && total < budget; ++i) {
    const auto rest = rest_of(pieces_[i]);
    if (rest.empty()) break;  // a file range
    const std::size_t size = std::min(rest.size(), budget - total);
    pieces[count++] = {const_cast<std::byte*>(rest.data()), size};
    total += size;
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  // More to come right behind, as a file after its header, shares the segment.
  const bool more = first_ + count < pieces_.size();
  const ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
  if (sent < 0) {
    if (errno == EAGAIN || errno == EINTR) return {.blocked = true};
    return {.error = Error::last("send")};
  }
  advance(static_cast<std::size_t>(sent));
  return {.sent = static_cast<std::size_t>(sent),
          .blocked = static_cast<std::size_t>(sent) < total};
}

OutputQueue::Progress OutputQueue::send_file(int socket, FileRange& range, std::size_t budget) {
  const std::size_t wanted = std::min<std::uint64_t>(range.size, budget);
  off_t offset = range.offset;
  const ssize_t sent = sendfile(socket, range.file.get(), &offset, wanted);
  if (sent < 0) {
    if (errno == EAGAIN || errno == EINTR) return {.blocked = true};
    return {.error = Error::last("sendfile")};
  }
  if (sent == 0) return {.error = {EIO, "sendfile (the file has become shorter)"}};
  range.offset = offset;
  range.size -= static_cast<std::uint64_t>(sent);
  if (range.size == 0) pop();
  // A short count may be a full socket or the end of the file; the next call tells.
  return {.sent = static_cast<std::size_t>(sent)};
}

OutputQueue::Progress OutputQueue::send_to(int socket) {
  Progress all;
  std::size_t memory = limits::kWriteBudgetBytes, file = limits::kSendfileBudgetBytes;
  while (!empty() && memory != 0 && file != 0) {
    FileRange* range = std::get_if<FileRange>(&pieces_[first_]);
    const Progress one = range ? send_file(socket, *range, file) : send_memory(socket, memory);
    (range ? file : memory) -= one.sent;
    all.sent += one.sent;
    if (one.blocked || one.error) {
      all.blocked = one.blocked;
      all.error = one.error;
      break;
    }
  }
  return all;
}

}  // namespace sluice
