#include "tests/protocols/ftp_client_scene.h"

using namespace sluice;
using namespace sluice::ftp;
using namespace std::chrono_literals;
using Kind = Failure::Kind;

namespace {

constexpr std::size_t kMuch = 20'000'000;  // more than the kernel's buffers take

/// What abort() is to be tried in: a transfer that has come so far.
struct Stage {
  const char* name;
  std::function<void(ScriptedFtpServer&)> prepare;
  std::function<bool(ClientScene&)> reached;
  bool upload = false;
};

const std::vector<Stage>& stages() {
  static const std::vector<Stage> kStages{
      {"before the reply to EPSV", [](auto& server) { server.silent_on("EPSV"); },
       [](auto& scene) { return scene.server.heard("EPSV"); }},
      {"before 150", [](auto& server) { server.silent_on("RETR"); },
       [](auto& scene) { return scene.server.heard("RETR file") && scene.server.data; }},
      {"before 150 of an upload", [](auto& server) { server.silent_on("STOR"); },
       [](auto& scene) { return scene.server.heard("STOR file") && scene.server.data; }, true},
      {"in the data",
       [](auto& server) {
         server.on("RETR", [&](const std::string&) {
           server.transferring = true;
           server.say("150 here");
           server.with_data([&] { server.data->write("some"); });
         });
       },
       [](auto& scene) { return scene.sink.text == "some"; }},
      {"in the data of an upload",
       [](auto& server) {
         server.on("STOR", [&](const std::string&) {
           server.transferring = true;
           server.say("150 send");
           server.with_data([&] { server.data->pause_reading(); });
         });
       },
       [](auto& scene) { return scene.client->bytes() > 0; }, true},
      {"after the data, before 226",
       [](auto& server) {
         server.on("RETR", [&](const std::string&) {
           server.transferring = true;
           server.say("150 here");
           server.with_data([&] { server.data->close(); });
         });
       },
       [](auto& scene) { return scene.server.incoming.closed; }},
      {"after 226, before the end of the data",
       [](auto& server) {
         server.on("RETR", [&](const std::string&) {
           server.say("150 here\r\n226 done");
           server.with_data([&] { server.data->write("some"); });
         });
       },
       [](auto& scene) { return scene.sink.text == "some"; }},
  };
  return kStages;
}

ClientScene::Pending<Transferred> reach(ClientScene& scene, const Stage& stage) {
  scene.ready();
  stage.prepare(scene.server);
  auto call = stage.upload ? scene.store(std::string(kMuch, 'x')) : scene.retrieve();
  scene.until([&] { return stage.reached(scene); });
  turn(scene.reactor, 3);
  return call;
}

}  // namespace

Test(ftp_client, aborts_at_every_stage_and_keeps_the_session) {
  for (const Stage& stage : stages()) {
    ClientScene scene;
    const auto call = reach(scene, stage);
    scene.client->abort();
    scene.client->abort();
    cr_expect(call->calls == 0);
    if (std::string_view(stage.name).contains("EPSV")) {
      turn(scene.reactor, 5);
      cr_expect(call->calls == 0, "the reply to EPSV is still due");
      scene.server.say("229 late (|||1|)");
    } else if (std::string_view(stage.name).contains("before 150")) {
      scene.server.say("426 then not");
    }
    scene.fails(call, Kind::aborted);
    cr_expect(scene.server.count("ABOR") <= 1 && scene.client->connected(), "%s", stage.name);
    scene.server.on("EPSV", [&](const std::string&) {
      scene.server.say(concat("229 (|||", scene.server.open_port(), "|)"));
    });
    scene.server.on("RETR", [&](const std::string&) { scene.server.give(); });
    scene.expect_whole();
    scene.client->abort();  // nothing to abort
    scene.expect_alive();
  }
}

Test(ftp_client, ends_the_session_of_a_server_that_answers_no_abort) {
  for (const Stage& stage : stages()) {
    ClientScene scene;
    const auto call = reach(scene, stage);
    scene.server.silent_on("ABOR");
    scene.client->abort();
    if (std::string_view(stage.name).starts_with("after 226")) {
      scene.fails(call, Kind::aborted);  // the server has said all
      continue;
    }
    scene.pass(Client::kAbortPatience - 1s);
    cr_expect(call->calls == 0, "%s", stage.name);
    if (scene.server.heard("ABOR")) scene.server.say("150 I do not hear you");  // wins no time
    scene.pass(2s);
    scene.fails(call, Kind::aborted);
    cr_expect(!scene.client->connected(), "%s", stage.name);
  }
}

Test(ftp_client, aborts_while_it_connects) {
  ClientScene scene;
  auto full = tcp_listen(Address::loopback_v4(0), 0);
  cr_assert(full);
  const Address there = *Address::local_of(full->get());
  std::vector<Fd> queue;
  do {  // until one is left waiting
    queue.push_back(*tcp_start_connect(there));
    pollfd connected{queue.back().get(), POLLOUT, 0};
    if (::poll(&connected, 1, 100) == 0) break;
  } while (queue.size() < 10);
  scene.server.on("EPSV", concat("229 (|||", there.port(), "|)").c_str());
  scene.server.silent_on("RETR");
  scene.ready();
  auto call = scene.retrieve();
  scene.until([&] { return scene.server.heard("RETR file"); });
  scene.client->abort();
  scene.server.say("426 then not");
  scene.fails(call, Kind::aborted);
  call = scene.retrieve();
  scene.until([&] { return scene.server.count("RETR file") == 2; });
  scene.pass(11s);
  scene.server.say("425 nobody came");
  const Failure why = scene.failure(call);
  cr_expect(why.kind == Kind::network && why.error.code == ETIMEDOUT);
  scene.expect_alive();
}

Test(ftp_client, takes_a_REST_back_whose_transfer_was_aborted) {
  ClientScene scene;
  scene.ready();
  scene.server.silent_on("REST");
  const auto call = scene.retrieve(100);
  scene.until([&] { return scene.server.heard("REST 100"); });
  scene.client->abort();
  scene.server.on("REST", "350 go on");
  scene.server.say("350 go on");
  scene.fails(call, Kind::aborted);
  scene.expect_whole();
  cr_expect(scene.server.heard("REST 0"));
  scene.expect_whole();
  cr_expect(scene.server.count("REST 0") == 1);
}

Test(ftp_client, can_be_closed_and_destroyed_at_every_stage) {
  for (const Stage& stage : stages()) {
    ClientScene closed, destroyed;
    const auto first = reach(closed, stage), second = reach(destroyed, stage);
    closed.client->close();
    destroyed.client.reset();
    for (ClientScene* scene : {&closed, &destroyed}) scene->pass(61s);
    cr_expect(first->calls == 0 && second->calls == 0, "%s", stage.name);
  }
}
