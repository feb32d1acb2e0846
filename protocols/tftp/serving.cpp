#include "protocols/tftp/serving.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "protocols/files/name.h"
#include "protocols/files/path.h"
#include "reactor/text.h"

namespace sluice::tftp {
namespace {

/// The tree's path for the name in a request, with which `..` stops at the root.
Result<std::string> path_of(std::string_view file) {
  auto path = files::resolve_path("/", file);
  if (!path) return fail("open", ENAMETOOLONG);
  if (*path == "/") return fail("open", EISDIR);
  return *path;
}

std::string_view last_component(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

bool is_request(std::span<const std::byte> datagram) {
  return datagram.size() >= 2 && datagram[0] == std::byte{0} &&
         (datagram[1] == std::byte{1} || datagram[1] == std::byte{2});
}

Result<void> Serving::open_source(const files::Tree& tree, const Request& asked) {
  auto resolved = path_of(asked.file);
  if (!resolved) return std::unexpected(resolved.error());
  path = std::move(*resolved);
  // What another client is writing has no name yet.
  if (files::is_temporary_name(last_component(path))) return fail("open", ENOENT);
  auto file = tree.open_read(path);
  if (!file) return std::unexpected(file.error());
  struct stat status{};
  if (::fstat(file->get(), &status) != 0) return fail("fstat");
  (void)::posix_fadvise(file->get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  source = std::make_unique<FileSource>(std::move(*file));
  if (asked.mode == Mode::netascii) {
    text_source.emplace(*source);
  } else {
    size = static_cast<std::uint64_t>(status.st_size);
  }
  return {};
}

Result<void> Serving::open_sink(const files::Tree& tree, const Request& asked,
                                const FileSink::Options& options) {
  auto resolved = path_of(asked.file);
  if (!resolved) return std::unexpected(resolved.error());
  path = std::move(*resolved);
  if (!files::check_name(last_component(path), true)) return fail("open", EACCES);
  auto made = FileSink::create(tree, path, options);
  if (!made) return std::unexpected(made.error());
  sink = std::move(*made);
  if (asked.mode == Mode::netascii) text_sink.emplace(*sink);
  return {};
}

void Serving::make_transfer(Reactor& reactor, Transfer::Options options, Transfer::OnEnd on_end) {
  if (write) {
    Sink& to = text_sink ? static_cast<Sink&>(*text_sink) : *sink;
    transfer = std::make_unique<Transfer>(reactor, std::move(options), to, std::move(on_end));
  } else {
    Source& from = text_source ? static_cast<Source&>(*text_source) : *source;
    transfer = std::make_unique<Transfer>(reactor, std::move(options), from, std::move(on_end));
  }
}

std::vector<std::byte> Serving::opening(const Request& asked, const Terms& terms) const {
  // Never `timeout`: whole seconds would slow what is measured in milliseconds.
  Options granted;
  if (asked.options.block_size) granted.block_size = terms.block_size;
  if (asked.options.window) granted.window = terms.window;
  if (asked.options.rollover) granted.rollover = terms.rollover;
  if (asked.options.size) granted.size = write ? asked.options.size : size;
  std::vector<std::byte> packet;
  if (granted.any()) {
    put_option_ack(packet, granted);
  } else if (write) {
    put_ack(packet, 0);
  }
  return packet;
}

void Serving::let_go_of_files() {
  text_source.reset();
  text_sink.reset();
  source.reset();
  sink.reset();
}

std::string Serving::what() const {
  return concat(write ? "write " : "read ", path);
}

}  // namespace sluice::tftp
