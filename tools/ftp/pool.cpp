#include "tools/ftp/pool.h"

#include <algorithm>
#include <utility>

#include "tools/ftp/link.h"

namespace sluice::tools {
namespace {

/// So many transfers for each session keep it busy while directories are read.
constexpr std::size_t kEnoughTransfers = 4;

}  // namespace

Pool::Pool(Reactor& reactor, const Choices& choices, Site site)
    : reactor_(reactor), choices_(choices), site_(std::move(site)) {
  for (unsigned i = 0; i < choices.parallel; ++i) {
    workers_.push_back(std::make_unique<Worker>());
    Worker& worker = *workers_.back();
    worker.pause = reactor.timer([this, &worker] { connect(worker); });
  }
}

Pool::~Pool() {
  for (const auto& worker : workers_) drop(*worker);
}

void Pool::add(Kind kind, std::unique_ptr<PoolJob> job) {
  if (over_) return;
  (kind == Kind::transfer ? transfers_ : directories_).push_back(std::move(job));
  turn();
}

bool Pool::finished() const {
  if (over_) return true;
  return waiting() == 0 &&
         std::ranges::all_of(workers_, [](const auto& worker) { return worker->running.empty(); });
}

std::uint64_t Pool::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) {
    for (const auto& running : worker->running) sum += running->job->bytes();
  }
  return sum;
}

std::size_t Pool::living() const {
  return static_cast<std::size_t>(std::ranges::count_if(workers_, [](const auto& worker) {
    return worker->state != Worker::State::off && worker->state != Worker::State::retired;
  }));
}

/// Gives what waits to who is ready, and makes more sessions for what is left.
void Pool::turn() {
  if (turning_ || over_) return;
  turning_ = true;
  for (const auto& worker : workers_) {
    if (worker->state == Worker::State::ready && waiting() > 0) start(*worker);
  }
  std::size_t coming = static_cast<std::size_t>(std::ranges::count_if(
      workers_, [](const auto& worker) { return worker->state == Worker::State::connecting; }));
  for (const auto& worker : workers_) {
    if (worker->state != Worker::State::off || waiting() <= coming) continue;
    if (!stood_ && living() > 0) break;
    connect(*worker);
    ++coming;
  }
  turning_ = false;
}

void Pool::connect(Worker& worker) {
  worker.state = Worker::State::connecting;
  worker.client = std::make_unique<ftp::Client>(reactor_, choices_.client);
  begin_session(*worker.client, site_, [this, &worker](ftp::Answer<ftp::ServerReply> answer) {
    on_session(worker, answer);
  });
}

void Pool::on_session(Worker& worker, const ftp::Answer<ftp::ServerReply>& answer) {
  if (answer) {
    stood_ = true;
    worker.state = Worker::State::ready;
    return turn();
  }
  const ftp::Failure& why = answer.error();
  // A server that speaks has its reasons: it has enough of us.
  const bool unwanted = why.kind != ftp::Failure::Kind::network || why.code != 0;
  if (!stood_ || (unwanted && living() > 1)) return retire(worker, why);
  make_anew(worker, why);
}

std::unique_ptr<Pool::Running> Pool::next() {
  const bool few = transfers_.size() < kEnoughTransfers * workers_.size();
  const bool directory = !directories_.empty() && few;
  auto& queue = directory || transfers_.empty() ? directories_ : transfers_;
  const Kind kind = &queue == &directories_ ? Kind::directory : Kind::transfer;
  auto running = std::make_unique<Running>(std::move(queue.front()), kind);
  queue.pop_front();
  return running;
}

void Pool::start(Worker& worker) {
  worker.state = Worker::State::busy;
  worker.running.push_back(next());
  Running* which = worker.running.back().get();
  which->job->start(*worker.client, {
                                        .done =
                                            [this, &worker, which](PoolJob::Outcome outcome) {
                                              on_done(worker, which, std::move(outcome));
                                            },
                                        .free = [this, &worker, which] { on_free(worker, which); },
                                    });
}

void Pool::on_free(Worker& worker, const Running* which) {
  if (worker.state != Worker::State::busy || worker.running.back().get() != which) return;
  worker.state = Worker::State::ready;
  turn();
}

void Pool::on_done(Worker& worker, Running* which, PoolJob::Outcome outcome) {
  const auto found = std::ranges::find(worker.running, which, &std::unique_ptr<Running>::get);
  auto running = std::move(*found);
  const bool latest = std::next(found) == worker.running.end();
  worker.running.erase(found);
  const bool broken =
      outcome && (outcome->kind == ftp::Failure::Kind::network || !worker.client->connected());
  if (broken) {
    worker.state = Worker::State::lost;
    worker.why = *outcome;
  } else {
    worker.failures = 0;
  }
  if (outcome) {
    settle(std::move(running), *outcome);
  } else {
    running->job->done();
    reactor_.retire(std::move(running));  // this is one of its calls
  }
  if (over_) return;
  if (worker.state == Worker::State::busy && latest) worker.state = Worker::State::ready;
  if (worker.state == Worker::State::lost && worker.running.empty()) make_anew(worker, worker.why);
  turn();
}

/// Again, if that may help.
void Pool::settle(std::unique_ptr<Running> running, const ftp::Failure& failure) {
  PoolJob& job = *running->job;
  if (job.moved()) job.failures = 0;
  const bool again = failure.kind == ftp::Failure::Kind::network && job.failures++ < choices_.retry;
  if (!again) {
    job.failed(failure);
    reactor_.retire(std::move(running));
    return;
  }
  auto& queue = running->kind == Kind::transfer ? transfers_ : directories_;
  queue.push_front(std::move(running->job));
}

/// After a pause.
void Pool::make_anew(Worker& worker, const ftp::Failure& failure) {
  drop(worker);
  if (worker.failures >= std::max(choices_.retry, 1U)) return retire(worker, failure);
  worker.state = Worker::State::connecting;
  worker.pause.start(pause_after(worker.failures++));
}

void Pool::retire(Worker& worker, const ftp::Failure& failure) {
  drop(worker);
  worker.state = Worker::State::retired;
  if (living() == 0) return stop(failure);
  turn();
}

/// May be inside one of the Client's calls.
void Pool::drop(Worker& worker) {
  worker.pause.stop();
  if (!worker.client) return;
  worker.client->close();
  reactor_.retire(std::move(worker.client));
}

void Pool::stop(ftp::Failure why) {
  if (over_) return;
  over_ = std::move(why);
  for (const auto& worker : workers_) {
    drop(*worker);
    for (auto& running : worker->running) reactor_.retire(std::move(running));
    worker->running.clear();
  }
  transfers_.clear();
  directories_.clear();
}

}  // namespace sluice::tools
