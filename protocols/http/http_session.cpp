#include "protocols/http/http_session.h"

#include <ctime>

#include "reactor/text.h"

namespace sluice::http {

HttpSession::HttpSession(HttpService& service, Fd socket, const Address& peer)
    : Session(service, std::move(socket), peer),
      timer_(service.reactor().timer([this] { on_time(); })) {
  enter(Step::idle);
}

HttpService& HttpSession::http() const {
  return static_cast<HttpService&>(service());
}

void HttpSession::enter(Step step) {
  if (step_ == step) return;
  step_ = step;
  HttpService::Idle& idle = http().idle();
  if (place_) idle.erase(*std::exchange(place_, std::nullopt));
  if (step == Step::idle) place_ = idle.insert(idle.end(), this);
  start_patience();
}

void HttpSession::start_patience() {
  const auto& options = http().http_options();
  if (step_ >= Step::promised) {
    timer_.stop();
  } else {
    timer_.start(step_ == Step::idle && answered_ ? options.idle_time : options.request_time);
  }
}

void HttpSession::leave() {
  enter(Step::over);
  stream().close();
}

void HttpSession::drain() noexcept {
  if (step_ == Step::request || step_ == Step::promised || !waiting_.empty())
    return;  // the answer says that it is the last
  rest_.reset();
  leave();
}

void HttpSession::ended() noexcept {
  enter(Step::over);
  rest_.reset();
  later_.reset();
}

// --- requests ------------------------------------------------------------------------------------

void HttpSession::on_data(Stream&, std::span<const std::byte> bytes) noexcept {
  service().count().bytes_in += bytes.size();
  take(as_text(bytes));
}

void HttpSession::take(std::string_view bytes) {
  std::size_t requests = 0;
  while (!bytes.empty() && !pressed_ && requests < limits::kRequestsPerTurn) {
    if (step_ == Step::streaming || step_ == Step::over) return;
    if (step_ == Step::promised) break;
    const auto [taken, progress] = reader_.feed(bytes);
    bytes.remove_prefix(taken);
    if (reader_.begun()) enter(Step::request);
    if (progress == RequestReader::Progress::refused) {
      return refuse(reader_.refusal().status, reader_.refusal().why);
    }
    if (progress == RequestReader::Progress::request) {
      answer();
      ++requests;
    }
  }
  waiting_ = bytes;
  if (waiting_.empty()) return;
  stream().pause_reading();
  if (!pressed_ && step_ != Step::promised) timer_.start(Duration::zero());
}

void HttpSession::take_waiting() {
  start_patience();
  const std::string waiting = std::exchange(waiting_, {});
  take(waiting);
  if (waiting_.empty() && !pressed_) stream().resume_reading();
}

void HttpSession::on_eof(Stream&) noexcept {
  if (step_ == Step::streaming) return;  // it may still want to read
  if (step_ == Step::promised) {
    ended_sending_ = true;
    return;
  }
  if (step_ == Step::request) return refuse(400, "the connection ended within the request");
  leave();
}

void HttpSession::on_time() {
  if (!waiting_.empty()) return take_waiting();
  if (step_ == Step::request) return refuse(408, "the request did not come to its end in time");
  leave();
}

// --- answers -------------------------------------------------------------------------------------

void HttpSession::answer() {
  const Request& request = reader_.request();
  answered_ = true;
  Answer answer = http().answer(request);
  if (answer.later) {
    enter(Step::promised);
    later_ = std::move(answer.later);
    return later_->begin([this](Response whole) { keep_promise(std::move(whole)); });
  }
  log_answer(answer.response.status);
  send(std::move(answer), may_go_on());
  reader_.next();
}

void HttpSession::keep_promise(Response response) {
  service().reactor().retire(std::move(later_));  // it is at work
  log_answer(response.status);
  send(std::move(response), may_go_on() && !ended_sending_);
  reader_.next();
  if (!waiting_.empty() && !pressed_ && step_ == Step::idle) timer_.start(Duration::zero());
}

bool HttpSession::may_go_on() const {
  return reader_.request().keep_alive && !http().draining() && !http().full();
}

void HttpSession::log_answer(int status) const {
  const Request& request = reader_.request();
  log(status < 400 ? LogLevel::debug : LogLevel::info, request.method, ' ', request.path, ' ',
      status);
}

/// Who cannot be understood is not listened to any more.
void HttpSession::refuse(int status, std::string_view why) {
  log(LogLevel::info, "refused: ", status, ' ', why);
  failed();
  send(sentence(status, why), false);
}

void HttpSession::send(Answer answer, bool keep_alive) {
  const bool bare = reader_.request().method == "HEAD";
  const bool endless = answer.rest != nullptr;
  if (bare) answer.rest.reset();
  keep_alive = keep_alive && !endless;
  std::string text = encode_head(answer.response, {.minor = reader_.request().minor,
                                                   .close = !keep_alive,
                                                   .endless = endless,
                                                   .date = std::time(nullptr)});
  if (!bare) text += answer.response.body;
  service().count().bytes_out += text.size();
  // Before the writing, from inside which may come that it does not take what it gets.
  enter(answer.rest ? Step::streaming : keep_alive ? Step::idle : Step::over);
  stream().write(text);
  if (step_ == Step::streaming) {
    rest_ = std::move(answer.rest);
    rest_->begin(stream(), service().count());
  } else if (step_ == Step::over) {
    stream().close();
  }
}

void HttpSession::on_backpressure(Stream& stream, bool on) noexcept {
  pressed_ = on;
  if (rest_) return rest_->on_backpressure(on);
  if (step_ == Step::streaming || step_ == Step::over) return;
  if (on) {
    timer_.stop();
    return stream.pause_reading();
  }
  take_waiting();
}

void HttpSession::on_drained(Stream&) noexcept {
  if (rest_) rest_->on_drained();
}

}  // namespace sluice::http
