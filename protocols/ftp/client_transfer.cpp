#include "protocols/ftp/client_running.h"
#include "protocols/ftp/host_port.h"
#include "reactor/check.h"
#include "reactor/text.h"

namespace sluice::ftp {
namespace {

bool not_known(int code) {
  return code == 500 || code == 501 || code == 502 || code == 504 || code == 522;
}

/// EPSV and EPRT are also refused in words that mean other things: the older verb is worth a try.
bool refused(int code) {
  return code >= 500 && code != 530;
}

/// Where the server waits; 0 where it does not say. A host that 227 names is not looked at: the
/// control connection's is known.
std::uint16_t port_of(const ServerReply& reply, bool extended) {
  if (extended) return reply.code == 229 ? parse_epsv_reply(reply.text()).value_or(0) : 0;
  const auto address = parse_pasv_reply(reply.text());
  return reply.code == 227 && address ? address->port() : 0;
}

/// RFC 2428 section 2.
std::string eprt_argument(const Address& address) {
  const Address plain = address.unmapped();
  return concat('|', plain.family() == AF_INET ? 1 : 2, '|', plain.host(), '|', plain.port(), '|');
}

/// RFC 959 section 4.1.2: what stands in 227's brackets.
std::string port_argument(const Address& address) {
  const std::string text = format_pasv(address);
  return text.substr(1, text.size() - 2);
}

}  // namespace

void Client::retrieve(std::string_view path, Type type, std::uint64_t offset, ByteSink& sink,
                      OnTransfer done) {
  auto running = std::make_unique<Running>();
  running->command = concat("RETR ", path);
  running->offset = offset;
  running->sink = &sink;
  running->ascii = type == Type::ascii;
  running->done = std::move(done);
  begin(std::move(running), type);
}

void Client::store(std::string_view path, Type type, Store how, std::uint64_t offset,
                   Content content, OnTransfer done) {
  auto running = std::make_unique<Running>();
  running->command = concat(how == Store::append ? "APPE " : "STOR ", path);
  running->offset = offset;
  running->content = std::move(content);
  running->purpose = Purpose::writing;
  running->done = std::move(done);
  begin(std::move(running), type);
}

void Client::list_raw(std::string_view verb, std::string_view arguments, ByteSink& sink,
                      OnTransfer done) {
  auto running = std::make_unique<Running>();
  running->command = arguments.empty() ? std::string(verb) : concat(verb, ' ', arguments);
  running->sink = &sink;
  running->done = std::move(done);
  begin(std::move(running), Type::ascii);
}

std::uint64_t Client::bytes() const {
  return running_ && running_->data ? running_->data->bytes() : 0;
}

// The way up to the data connection.

void Client::begin(std::unique_ptr<Running> running, Type type) {
  SLUICE_CHECK(!running_);
  running_ = std::move(running);
  data_options_ = {.idle_timeout = running_->sink ? options_.data_timeout : Duration::zero(),
                   .stall_timeout = options_.data_timeout};
  if (!lost_ && !can_be_sent(running_->command)) running_->failure = unsendable();
  if (lost_ || running_->failure) return soon_.start(Duration::zero());
  if (type_ != static_cast<char>(type)) set_type(type);
  prepare();
  flush();
}

void Client::set_type(Type type) {
  type_ = static_cast<char>(type);
  send(concat("TYPE ", type_), {.done = [this](const Answer<ServerReply>& answer) {
         if (answer && answer->positive()) return;
         type_ = 0;
         if (answer) give_up(failure_of(*answer, Purpose::anything));
       }});
}

void Client::prepare() {
  if (!options_.passive) return prepare_active();
  const bool extended = options_.extended && !extended_refused_;
  send(extended ? "EPSV" : "PASV", {.done = [this, extended](const Answer<ServerReply>& answer) {
         on_passive(answer, extended);
       }});
  // Where it went well before it will again: the command saves itself a round trip.
  if (passive_proven_) send_command();
}

void Client::on_passive(const Answer<ServerReply>& answer, bool extended) {
  if (!answer || running_->failure) return conclude();
  Address there = peer_;
  there.set_port(port_of(*answer, extended));
  if (there.port() != 0) {
    passive_proven_ = true;
  } else if (extended && refused(answer->code) && !running_->commanded) {
    extended_refused_ = true;
    return prepare();
  } else {
    Failure why = failure_of(*answer, Purpose::anything);
    if (answer->code == 229 || answer->code == 227) why.kind = Failure::Kind::protocol;
    passive_proven_ = false;
    return give_up(std::move(why));
  }
  running_->state = Running::Data::connecting;
  running_->connector.emplace(*reactor_,
                              [this](Result<Fd> got) { on_data_socket(std::move(got)); });
  running_->connector->start(there, options_.connect_timeout);
  if (!running_->commanded) send_command();
}

void Client::prepare_active() {
  running_->port.emplace(*reactor_, local_, peer_);
  const auto here = running_->port->listen({});
  if (!here)
    return give_up({.kind = Failure::Kind::local, .error = here.error(), .text = "listen"});
  const bool v4 = here->unmapped().family() == AF_INET;
  const bool extended = (options_.extended && !extended_refused_) || !v4;
  const std::string argument = extended ? eprt_argument(*here) : port_argument(*here);
  send(concat(extended ? "EPRT " : "PORT ", argument),
       {.done = [this, retry = extended && v4](const Answer<ServerReply>& answer) {
         if (!answer || running_->failure) return conclude();
         if (answer->positive() && !running_->port->ready()) {
           return give_up({.error = {ETIMEDOUT, "listen"}, .text = "data connection"});
         }
         if (answer->positive()) {
           running_->state = Running::Data::connecting;
           auto came = running_->port->connect(
               options_.data_timeout, [this](Result<Fd> got) { on_data_socket(std::move(got)); });
           if (came) on_data_socket(std::move(*came));
           return send_command();
         }
         if (!retry || !refused(answer->code)) {
           return give_up(failure_of(*answer, Purpose::anything));
         }
         extended_refused_ = true;
         prepare();
       }});
}

/// REST has to be known to be taken before the command goes out: else the file's beginning might be
/// put at its end. One whose command never went out would count for the next: that takes it back.
void Client::send_command() {
  if (running_->restarting) return;
  if (running_->offset > 0 || marked_) {
    running_->restarting = true;
    marked_ = true;
    return send(concat("REST ", running_->offset),
                {.done = [this](const Answer<ServerReply>& answer) { on_restart(answer); }});
  }
  running_->commanded = true;
  marked_ = false;
  send(running_->command,
       {.done = [this](const Answer<ServerReply>& answer) { on_command(answer); },
        .preliminary = true});
}

void Client::on_restart(const Answer<ServerReply>& answer) {
  if (!answer) return conclude();
  const bool taken = answer->intermediate();
  marked_ = taken == (running_->offset > 0);  // unless it was to take one back
  if (running_->failure) return conclude();
  running_->restarting = false;
  if (!taken) {
    Failure why = failure_of(*answer, Purpose::anything);
    if (why.kind != Failure::Kind::network) why.kind = Failure::Kind::refused;
    return give_up(std::move(why));
  }
  marked_ = false;
  running_->offset = 0;
  send_command();
}

// The command's two replies, the data connection's two ends.

void Client::on_command(const Answer<ServerReply>& answer) {
  if (!answer) return conclude();
  if (!answer->preliminary()) {
    running_->closing = *answer;
    return conclude();
  }
  running_->accepted = true;
  start_sending();
}

void Client::on_data_socket(Result<Fd> socket) {
  if (!socket) {
    running_->state = Running::Data::broken;
    return give_up({.error = socket.error(), .text = "data connection"});
  }
  running_->data.emplace(*reactor_, data_options_,
                         [this](ClientData::End how, Error error) { on_data_end(how, error); });
  if (running_->sink) {
    running_->state = Running::Data::open;
    running_->data->receive(std::move(*socket), *running_->sink, running_->ascii);
    return;
  }
  running_->state = Running::Data::waiting;
  running_->socket = std::move(*socket);
  start_sending();
}

/// Not before the server has said that it takes it.
void Client::start_sending() {
  if (running_->state != Running::Data::waiting || !running_->accepted) return;
  running_->state = Running::Data::open;
  running_->data->send(std::move(running_->socket), std::move(*running_->content));
}

void Client::on_data_end(ClientData::End how, Error error) {
  if (!running_) return;
  silence_.start(options_.reply_timeout);
  const bool outermost = !std::exchange(telling_, true);
  running_->state = how == ClientData::End::broken ? Running::Data::broken : Running::Data::ended;
  if (how == ClientData::End::local) {
    give_up({.kind = Failure::Kind::local, .error = error});
  } else {
    if (how == ClientData::End::broken) running_->broken = error;
    conclude();
  }
  if (!outermost) return;
  telling_ = false;
  flush();
}

// The end.

void Client::abort() {
  if (!running_ || running_->failure) return;
  give_up({.kind = Failure::Kind::aborted, .text = "aborted"});
  flush();
}

/// Ends the data connection; the server is told, if it knows of the transfer at all. What remains
/// is to hear its replies.
void Client::give_up(Failure why) {
  if (!running_ || running_->failure) return;
  running_->failure = std::move(why);
  running_->end_data();
  if (listing_) listing_->stop();
  if (running_->commanded && !running_->closing) {
    send("ABOR", {.done = [this](const Answer<ServerReply>&) { conclude(); }});
    flush();
  }
  if (waiting_.empty() || lost_) return soon_.start(Duration::zero());
  silence_.start(kAbortPatience);
}

/// Looks whether all is in, and what came of it.
void Client::conclude() {
  using State = Running::Data;
  if (!running_ || (!waiting_.empty() && !lost_)) return;
  if (running_->failure) return finish(std::unexpected(running_->what_failed()));
  const bool broken_off = running_->closing ? !running_->closing->positive() : lost_.has_value();
  if (broken_off && running_->may_bring_more()) return take_the_rest();
  if (!running_->closing) return lost_ ? finish(std::unexpected(*lost_)) : void();
  if (!running_->closing->positive()) {
    return finish(std::unexpected(failure_of(*running_->closing, running_->purpose)));
  }
  const State state = running_->state;
  if (state == State::broken) {
    return finish(std::unexpected(Failure{.error = running_->broken, .text = "data connection"}));
  }
  if (state == State::ended) return finish(Transferred{bytes(), std::move(*running_->closing)});
  if (running_->sink && (state == State::open || state == State::connecting)) return;
  finish(std::unexpected(Failure{.kind = Failure::Kind::protocol,
                                 .code = running_->closing->code,
                                 .text = "the server ended the transfer before its end"}));
}

/// The reply may have overtaken what was sent before it. As long as that comes it is waited for.
void Client::take_the_rest() {
  if (running_->rest.armed()) return;
  running_->rest = reactor_->after(kRestPatience, [this, before = bytes()] {
    if (bytes() == before) running_->end_data();
    conclude();
  });
}

void Client::finish(Answer<Transferred> result) {
  running_->end_data();
  OnTransfer done = std::move(running_->done);
  reactor_->retire(std::move(running_));
  done(std::move(result));
}

// Listings.

void Client::list(std::string_view path, OnEntry on_entry, OnListed done) {
  listed_path_ = path;
  on_listed_ = std::move(done);
  on_entry_ = std::move(on_entry);
  start_list();
}

void Client::start_list() {
  const bool facts = !facts_refused_;
  using Format = ListingReader::Format;
  listing_ =
      std::make_unique<ListingSink>(facts ? Format::facts : Format::list, std::move(on_entry_));
  // What begins with a dash would be an option of ls.
  const bool dash = !facts && listed_path_.starts_with('-');
  list_raw(facts ? "MLSD" : "LIST", concat(dash ? "./" : "", listed_path_), *listing_,
           [this](Answer<Transferred> result) { on_listed(std::move(result)); });
}

void Client::on_listed(Answer<Transferred> result) {
  if (!result && !facts_refused_ && !lost_ && not_known(result.error().code)) {
    facts_refused_ = true;
    on_entry_ = listing_->take_back();
    return start_list();
  }
  const auto listing = std::move(listing_);
  OnListed done = std::move(on_listed_);
  if (!result) return done(std::unexpected(std::move(result.error())));
  done(listing->finish());
}

}  // namespace sluice::ftp
