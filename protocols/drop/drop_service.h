#pragma once

#include <map>
#include <set>

#include "protocols/drop/wire.h"
#include "protocols/files/directory.h"
#include "protocols/tcp_service.h"

namespace sluice::drop {

class DropSession;

/// Takes files over TCP into one directory: raw, where all bytes of a connection are one file
/// `output_N.txt`, and framed (see wire.h). A file appears under its name only when it is whole.
class DropService final : public TcpService {
 public:
  struct Options {
    Address address;
    std::string directory;
    std::size_t serve_clients = 0;        ///< clients with a file stored; then it ends; 0: never
    std::uint64_t max_size = UINT64_MAX;  ///< bytes of the largest file taken
    bool allow_hidden = false;            ///< names with a leading dot
    bool sync = false;                    ///< on the disk before it is said to be stored
    /// What broke off is kept so long for a resume; older ones go when the service starts.
    std::chrono::seconds keep_partials = std::chrono::hours(24 * 7);
  };

  DropService(Reactor& reactor, Options options);
  ~DropService() override { abort(); }  // while the directory that sessions write to is there
  std::string_view name() const override { return "drop"; }

  /// The directory must exist and let a file be made in it.
  Started start() override;
  void drain() override;

  const Options& drop_options() const { return options_; }
  const files::Directory& directory() const { return *directory_; }
  bool draining() const { return draining_; }

  /// A number whose name is free on the disk and among the uploads under way: the lowest one while
  /// that is below kLowNumbers, else one found without walking over all the files stored before.
  unsigned reserve_number();
  void release_number(unsigned number);

  /// Makes `session` the one that uploads `id`. False while another does and is making progress;
  /// one that has fallen silent, as after a lost connection, is ended in favour of the new.
  bool claim(const UploadId& id, DropSession& session);
  void release(const UploadId& id) { uploads_.erase(id); }

 protected:
  std::unique_ptr<Session> make_session(Fd socket, const Address& peer) override;

 private:
  Options options_;
  std::optional<files::Directory> directory_;
  static constexpr unsigned kLowNumbers = 256;

  std::set<unsigned> numbers_;
  unsigned beyond_ = kLowNumbers;  // those from kLowNumbers to here are taken
  std::map<UploadId, DropSession*> uploads_;
  bool draining_ = false;
};

/// "output_3.txt"
std::string raw_name(unsigned number);

}  // namespace sluice::drop
