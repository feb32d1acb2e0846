#include "protocols/chat/chat_service.h"

#include <criterion/criterion.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <algorithm>
#include <string>
#include <vector>

#include "protocols/chat/command.h"
#include "protocols/chat/nick.h"
#include "tests/protocols/chat_service_scene.h"

using namespace chat_service_scene;
using namespace std::chrono_literals;

Test(chat_service_commands, knows_its_commands) {
  Fixture f;
  Client& ann = f.named("ann");
  Client& bob = f.named("bob");
  f.client();
  const auto answers = [&](Client& client, std::string_view said, const std::string& answer) {
    client.got.clear();
    client.send(concat(said, '\n'));
    cr_expect(f.gets(client, answer), "%s", std::string(said).c_str());
  };
  answers(ann, "/who", "* in lobby: ann, bob, 1 without a name\n");
  answers(ann, "/WHO", "* in lobby: ann, bob, 1 without a name\n");
  answers(ann, "/rooms", "* rooms: lobby (3)\n");
  answers(ann, "/help", std::string(chat::help_text()));
  answers(ann, "/nick", "* which name? /nick NAME\n");
  answers(ann, "/nick ann", "* that is your name already\n");
  answers(ann, "/nick BOB", "* bob is taken; BOB_2 is free\n");
  answers(ann, "/join", "* which room? /join ROOM\n");
  answers(ann, "/join a/b", concat("* no: ", chat::check_room("a/b").error(), '\n'));
  answers(ann, "/join lobby", "* you are in lobby already\n");
  answers(ann, "/leave", "* you are in lobby already\n");
  answers(ann, "/msg bob", "* /msg NAME TEXT\n");
  answers(ann, "/msg carl hi", "* there is no carl here\n");
  answers(ann, "/me", "* what do you do? /me TEXT\n");
  answers(ann, "/dance", "* there is no /dance (see /help)\n");
  bob.got.clear();
  answers(ann, "/msg Bob psst  you", "");
  cr_expect(f.gets(bob, "ann (private): psst  you\n"));
  bob.got.clear();
  answers(ann, "/me waves", "");
  cr_expect(f.gets(bob, "* ann waves\n"));
  bob.got.clear();
  answers(ann, "//slash", "");
  cr_expect(f.gets(bob, "ann: /slash\n"));
  answers(ann, "/join #den", "* you are in den, with 0 others\n");
  answers(ann, "/rooms", "* rooms: den (1), lobby (2)\n");
  answers(ann, "/part", "* you are in lobby, with 2 others\n* ann waves\nann: /slash\n");
  answers(ann, "/rooms", "* rooms: lobby (3)\n");
  answers(ann, "/quit", "* goodbye\n");
  cr_expect(f.ends(ann));
}

Test(chat_service_commands, answers_with_one_send_what_came_together) {
  Fixture f;
  Client& talker = f.client();
  talker.send("before\n");
  cr_assert(f.hears(7));
  Client& client = f.client();
  const auto segments = [&] {
    tcp_info info{};
    socklen_t size = sizeof info;
    cr_assert(getsockopt(client.fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
    return info.tcpi_data_segs_in;
  };
  client.send("/nick ann\n/who\n/join den\n/leave\n/who\n");
  cr_expect(f.gets(client,
                   "* you are now ann\nbefore\n* in lobby: ann, 1 without a name\n"
                   "* you are in den, with 0 others\n* you are in lobby, with 1 others\nbefore\n"
                   "* in lobby: ann, 1 without a name\n"));
  cr_expect_eq(segments(), 1);
  client.got.clear();
  client.send("/rooms\n/quit\n");
  cr_expect(f.gets(client, "* rooms: lobby (2)\n* goodbye\n"));
  cr_expect_eq(segments(), 2);
}

Test(chat_service_commands, demands_a_name_for_what_shows_one) {
  Fixture f;
  Client& nobody = f.client();
  nobody.send("/me waves\n/msg ann hi\n");
  const std::string word = "* give yourself a name first: /nick NAME\n";
  cr_expect(f.gets(nobody, word + word));
}

Test(chat_service_commands, lets_nobody_forge_what_it_tells) {
  Fixture f;
  Client& ann = f.named("ann");
  Client& bob = f.named("bob");
  ann.got.clear();
  bob.send("/me joined\n/me is now ann_2\n/nick you\n/me left for good\n");
  const std::string no = "* no: that would look like a line of the server's own\n";
  cr_expect(f.gets(bob, concat(no, no, "* no: ", chat::check_nick("you").error(), '\n')));
  cr_expect(f.gets(ann, "* bob left for good\n"));
}

/// What follows "* " in each answer is no nick, or it is the nick of whom it tells.
Test(chat_service_commands, begins_no_answer_with_what_may_be_a_nick) {
  Fixture f({.rate = 10, .burst = 50});
  Client& ann = f.named("ann");
  f.named("bob");
  Client& nobody = f.client();
  nobody.send("/me\n/msg ann hi\n/nick ann\n/nick a b\n/nick cy\n");
  cr_expect(run_until(f.reactor, [&] { return f.settle(), nobody.got.ends_with("now cy\n"); }));
  ann.got.clear();
  ann.send(
      "/who\n/rooms\n/nick\n/nick 12\n/nick ann\n/join\n/join a/b\n/join lobby\n/join den\n/leave\n"
      "/msg bob\n/msg carl x\n/me\n/me joined\n/dance\n/help\n");
  ann.send(numbered(0, 99));
  cr_expect(run_until(f.reactor, [&] { return f.settle(), ann.got.ends_with("wait\n"); }));
  const std::string all = concat(nobody.got.substr(0, nobody.got.find("now cy\n") + 7), ann.got);
  for (std::string_view rest = all; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
    cr_assert(rest.starts_with("* "));
    const std::string word(rest.substr(2, rest.find_first_of(" :\n", 2) - 2));
    cr_expect(word == "ann" || word == "cy" || !chat::check_nick(word), "%s", word.c_str());
  }
}

Test(chat_service_commands, frees_a_name_as_soon_as_its_owner_goes) {
  Fixture f;
  Client& ann = f.named("ann");
  Client& other = f.client();
  ann.send("/quit\n");
  cr_assert(f.ends(ann));
  other.send("/nick Ann\n");  // while the first has not closed its socket yet
  cr_expect(f.gets(other, "* you are now Ann\n"));
  reset_connection(other.fd);
  cr_assert(run_until(f.reactor, [&] { return f.service.find("ann") == nullptr; }));
  f.named("ann");
}

Test(chat_service_commands, refuses_names_that_are_bad_or_look_like_one_that_is_taken) {
  Fixture f;
  f.named("ACE");
  Client& other = f.client();
  for (const std::string_view bad : {"a b", "x:", "*", "12", "a\u200bb", "\u0430nn", "\uff21ce"}) {
    other.got.clear();
    other.send(concat("/nick ", bad, '\n'));
    cr_expect(run_until(f.reactor, [&] { return other.read(), other.got.ends_with('\n'); }));
    cr_expect(other.got.starts_with("* no: a nick "), "%s", other.got.c_str());
  }
  other.got.clear();
  other.send("/nick ace\n/nick \u0410\u0421\u0415\n");  // the second is Cyrillic
  cr_expect(f.gets(other, "* ACE is taken; ace_2 is free\n* ACE is taken; АСЕ_2 is free\n") ||
            other.got.ends_with("is free\n"));
  cr_expect(std::ranges::count(other.got, '\n') == 2);
}

Test(chat_service_commands, marks_lines_that_pretend_to_be_of_somebody_or_of_the_server) {
  Fixture f;
  Client& ann = f.named("ann");
  Client& liar = f.client();
  for (const std::string_view line : {"* bob joined",
                                      "  * bob joined",
                                      "\t* x",
                                      "*\u00a0bob joined",
                                      "\u200b* bob joined",
                                      "\uff0a bob joined",
                                      "\u2217 x",
                                      "*",
                                      "ann: hi",
                                      "ANN: hi",
                                      " ann : hi",
                                      "ann:",
                                      "ann\u200b: hi",
                                      "\u200bann: hi",
                                      "a\u200dnn\u00a0: hi",
                                      "ann\uff1a hi",
                                      "ann\u2236 hi",
                                      "\ufeffann\ua789 hi",
                                      "\u0430nn: hi",
                                      "\uff41\uff4e\uff4e: hi",
                                      "\U0001d41a\U0001d427\U0001d427: hi",
                                      "\u24d0nn: hi",
                                      "ann (private): hi",
                                      "Ann  (PRIVATE) : hi",
                                      "ann\u3000(private)\uff1ahi"}) {
    ann.got.clear();
    liar.send(concat(line, '\n'));
    cr_expect(f.gets(ann, concat("? ", line, '\n')), "%s", std::string(line).c_str());
  }
  for (const std::string_view line :
       {"hello", "*hello*", "anna: hi", "an: hi", "bob: hi", "hi ann: you", ": hi", "?", "**",
        "http://example.org", "Re: ann: hi", "x * y", "홍길동: 안녕"}) {
    ann.got.clear();
    liar.send(concat(line, '\n'));
    cr_expect(f.gets(ann, concat(line, '\n')), "%s", std::string(line).c_str());
  }
}
