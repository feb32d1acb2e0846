#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::http {

/// One line of a head. Names are in lower case, as they are compared without case (RFC 9110,
/// section 5.1).
struct Header {
  std::string name;
  std::string value;  ///< without the blanks around it

  bool operator==(const Header&) const = default;
};

/// What a client asks for. A value that owns its texts.
struct Request {
  std::string method;  ///< as it came: methods have case
  std::string path;    ///< percent-decoded, once; begins with '/', or is "*" of OPTIONS, or empty
                       ///< of CONNECT; never holds a NUL
  std::string query;   ///< what is behind the '?', as it came
  std::string host;    ///< of the target if it names one, else of the Host header; may be empty
  int minor = 1;       ///< of HTTP/1.x; what is above 1 counts as 1
  bool keep_alive = true;         ///< more may follow on this connection
  bool expects_continue = false;  ///< the body waits for our word
  std::uint64_t body = 0;         ///< bytes of it
  std::vector<Header> headers;

  /// The first of that name (lower case), or null.
  const std::string* find(std::string_view name) const;

  bool operator==(const Request&) const = default;
};

/// Why a request is not answered as it wished: a status and half a sentence for a person.
struct Refusal {
  int status = 400;
  std::string_view why;
};

/// Requests out of a stream of bytes, cut anywhere (RFC 9112). Holds at most limits::kHeadBytes.
///
/// Lines end in CR LF or LF alone. Refused is what two programs might read in different ways, which
/// is how requests are smuggled: folded lines, blanks before a colon, control characters, more than
/// one Host or Content-Length, a Transfer-Encoding (no body is wanted here).
class RequestReader {
 public:
  enum class Progress { more, request, refused };
  struct Fed {
    std::size_t taken = 0;
    Progress progress = Progress::more;
  };

  /// Takes bytes up to the end of one request, its body included, which is thrown away. After
  /// `request` call next(); after `refused` nothing is taken any more, as nobody knows where the
  /// next request begins.
  Fed feed(std::string_view bytes);

  /// Whether a request has begun.
  bool begun() const { return size_ != 0; }
  /// Valid from `request` on until next().
  const Request& request() const { return request_; }
  /// Valid after `refused`.
  const Refusal& refusal() const { return refusal_; }

  void next() { *this = RequestReader(); }

 private:
  enum class Step : std::uint8_t { request_line, headers, body, done, refused };

  std::size_t take_line(std::string_view bytes);
  void end_line();
  void read_request_line(std::string_view line);
  void read_version(std::string_view version);
  void read_target(std::string_view target);
  void read_absolute(std::string_view target);
  void read_path(std::string_view target);
  void read_header(std::string_view line);
  void end_head();
  void check_host();
  void check_framing();
  void check_connection();
  void refuse(int status, std::string_view why);
  Progress progress() const;

  Step step_ = Step::request_line;
  std::size_t size_ = 0;  // bytes of the head so far
  std::string line_;
  Request request_;
  std::uint64_t missing_ = 0;  // of the body
  Refusal refusal_;
};

/// `%41` becomes `A`, `+` stays. Nothing when an escape is no such, or stands for a NUL.
std::optional<std::string> percent_decoded(std::string_view text);

/// Whether a comma-separated list, as of a Connection header, holds `token` (lower case) in any
/// case.
bool lists(std::string_view list, std::string_view token);

}  // namespace sluice::http
