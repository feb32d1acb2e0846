#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/http/metrics.h"
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

/// A whole answer that is not there yet, such as the next picture of a camera. The session owns it
/// and destroys it once it has answered, or when the client has gone before. Requests that come
/// meanwhile wait, a drain waits, too, and no timer runs but its own: it must answer in a time that
/// has a bound.
class LaterAnswer {
 public:
  using Reply = Function<void(Response whole)>;

  virtual ~LaterAnswer() = default;
  /// Called once. `reply` is to be called once, from inside or later; this object then dies at the
  /// end of the turn.
  virtual void begin(Reply reply) = 0;
};

/// What a handler answers: a Response; or the head of one (its body comes first) and the rest; or a
/// promise of one.
struct Answer {
  Answer(Response whole) : response(std::move(whole)) {}  // NOLINT(google-explicit-constructor)
  Answer(Response head, std::unique_ptr<LongAnswer> following)
      : response(std::move(head)), rest(std::move(following)) {}
  explicit Answer(std::unique_ptr<LaterAnswer> promise) : later(std::move(promise)) {}

  Response response = {};
  std::unique_ptr<LongAnswer> rest = nullptr;
  std::unique_ptr<LaterAnswer> later = nullptr;
};

/// A picture for the page at `/`, still or moving.
struct Picture {
  std::string path;  ///< among the routes
  std::string alt;   ///< what it shows, for those who do not see it
  /// A line about it as it is now; asked for with the page and once a second.
  Function<std::string()> note;
};

/// What a service shows: which path is answered by whom, and what other modules add to the page and
/// to the metrics. GET and HEAD only: for HEAD the handler answers as for GET, and
/// neither body nor rest is sent.
class Routes {
 public:
  using Handler = Function<Answer(const Request& request)>;

  /// `path` is decoded and compared as a whole; one that is there already is replaced.
  void add(std::string path, Handler handler);

  /// `write` is called for each request of /metrics.
  void add_metrics(WriteMetrics write) { metrics_.push_back(std::move(write)); }
  void add_picture(Picture picture) { pictures_.push_back(std::move(picture)); }

  std::vector<WriteMetrics>& metrics() { return metrics_; }
  std::vector<Picture>& pictures() { return pictures_; }

  /// Also 501, 404 and 405, where there is nobody to ask.
  Answer answer(const Request& request);

 private:
  std::map<std::string, Handler, std::less<>> handlers_;
  std::vector<WriteMetrics> metrics_;
  std::vector<Picture> pictures_;
};

}  // namespace sluice::http
