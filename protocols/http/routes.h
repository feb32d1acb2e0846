#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "protocols/http/response.h"
#include "protocols/service.h"
#include "reactor/callback.h"
#include "reactor/stream.h"

namespace sluice::http {

/// An answer without an end, such as a video. The session owns it from the answer on, and destroys
/// it when the connection is over or about to be: that is how it hears of the end, so whoever feeds
/// it forgets it in its destructor. All that it has to do with the connection is to write() and
/// offer() to the stream, and to close() it when it has nothing more to say.
class LongAnswer {
 public:
  virtual ~LongAnswer() = default;
  /// Called once, when the head was written. `stream` outlives this object; what goes out is to be
  /// added to `counters`.
  virtual void begin(Stream& stream, ServiceCounters& counters) = 0;
  /// As of a StreamHandler. When all who feed it keep to what on_drained allows, a client that
  /// reads slowly holds one piece of it and no more.
  virtual void on_backpressure(bool /*on*/) noexcept {}
  virtual void on_drained() noexcept {}
};

/// What a handler answers: a Response, or the head of one (its body comes first) and the rest.
struct Answer {
  Answer(Response whole) : response(std::move(whole)) {}  // NOLINT(google-explicit-constructor)
  Answer(Response head, std::unique_ptr<LongAnswer> following)
      : response(std::move(head)), rest(std::move(following)) {}

  Response response;
  std::unique_ptr<LongAnswer> rest = nullptr;
};

/// Which path is answered by whom. GET and HEAD only: for HEAD the handler answers as for GET, and
/// neither body nor rest is sent.
class Routes {
 public:
  using Handler = Function<Answer(const Request& request)>;

  /// `path` is decoded and compared as a whole; one that is there already is replaced.
  void add(std::string path, Handler handler);

  /// Also 501, 404 and 405, where there is nobody to ask.
  Answer answer(const Request& request);

 private:
  std::map<std::string, Handler, std::less<>> handlers_;
};

}  // namespace sluice::http
