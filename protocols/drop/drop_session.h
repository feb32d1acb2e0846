#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "protocols/drop/drop_service.h"
#include "protocols/drop/wire.h"
#include "protocols/files/new_file.h"
#include "protocols/files/sha256.h"
#include "protocols/tcp_service.h"

namespace sluice::drop {

/// One client of a DropService.
///
///     detecting --other bytes--> raw --FIN--> stored, closed
///         \--magic--> header --accepted--> prefix --> body --> digest --right--> header …
///                        \--refused, or anything wrong later: a reply, then closed
class DropSession final : public Session {
 public:
  DropSession(DropService& service, Fd socket, const Address& peer);

  void on_data(Stream& stream, std::span<const std::byte> bytes) noexcept override;
  void on_eof(Stream& stream) noexcept override;
  void on_closed(Stream& stream, Error error) noexcept override;
  void drain() noexcept override;
  void ended() noexcept override { let_go_of_upload(); }
  bool served() const override { return stored_; }

  /// When something of the upload under way was received last.
  TimePoint last_data() const { return last_data_; }
  /// Leaves the upload to another connection; what is stored stays.
  void give_way();

 private:
  enum class Step { detecting, raw, header, prefix, body, digest, over };

  DropService& drop() const;
  void take_all(std::span<const std::byte> bytes);
  std::size_t take(std::span<const std::byte> bytes);
  std::size_t detect(std::span<const std::byte> bytes);

  void begin_raw();
  std::size_t take_raw(std::span<const std::byte> bytes);
  void end_raw();
  void fail_raw(Error error);

  std::size_t take_header(std::span<const std::byte> bytes);
  void begin_upload();
  Status open_upload(std::string& why);
  void hash_prefix();
  void end_prefix();
  std::size_t take_body(std::span<const std::byte> bytes);
  void after_body();
  std::size_t take_digest(std::span<const std::byte> bytes);
  void finish_upload();
  void reply(Status status, std::string_view message = {});
  void refuse(Status status, std::string_view message = {});
  void let_go_of_upload();

  void begin_progress();
  void log_progress(std::string_view name);
  std::string summary() const;

  Step step_ = Step::detecting;
  bool stored_ = false;  // a file, at least
  KindDetector kind_;
  std::optional<files::NewFile> file_;
  std::optional<unsigned> number_;  // of a raw upload

  HeaderDecoder header_;
  bool claimed_ = false;
  files::Sha256 sha_;
  std::uint64_t hashed_ = 0;        // bytes of the file that sha_ has seen
  Timer slice_;                     // hashes a stored prefix, a buffer full a turn
  std::vector<std::byte> waiting_;  // came while that went on: one read at most
  std::vector<std::byte> digest_;

  std::uint64_t began_at_ = 0;  // size of the file when this connection began to add to it
  TimePoint began_;
  TimePoint last_data_;
  TimePoint last_logged_;
};

}  // namespace sluice::drop
