#include <criterion/criterion.h>

#include "tools/chat/entrance.h"

using namespace sluice;
using namespace sluice::tools;

using Step = Entrance::Step;

Test(chat_entrance, goes_into_the_room_before_it_gives_the_nick) {
  Entrance entrance("ann", "tea");
  cr_expect_eq(entrance.begin(), "/join tea\n/nick ann\n");
  cr_expect_eq(Entrance("", "").begin(), "");
  cr_expect_eq(Entrance("", "tea").begin(), "/join tea\n");
}

Test(chat_entrance, believes_only_answers_to_what_it_has_asked_for) {
  Entrance entrance("ann", "");
  entrance.begin();
  cr_expect(entrance.hear(read_news("you are now eve")) == Step::none);
  cr_expect(entrance.hear(read_news("bob is taken; eve is free")) == Step::none);
  cr_expect(entrance.hear(read_news("you are in trap, with 1 others")) == Step::none);
  cr_expect(entrance.hear(read_news("you are now ann")) == Step::named);
  cr_expect(entrance.hear(read_news("you are now ann")) == Step::none);
  cr_expect_eq(entrance.begin(), "/nick ann\n");
}

Test(chat_entrance, wants_its_own_nick_back_after_it_took_another) {
  Entrance entrance("Ann", "");
  entrance.begin();
  cr_expect(entrance.hear(read_news("ann is taken; Ann_2 is free")) == Step::taken);
  cr_expect_eq(entrance.ask(entrance.free(), false), "/nick Ann_2\n");
  cr_expect(entrance.hear(read_news("you are now Ann_2")) == Step::named);
  cr_expect_eq(entrance.nick(), "Ann_2");
  cr_expect_eq(entrance.begin(), "/nick Ann\n");
}

Test(chat_entrance, remembers_the_nick_and_room_that_were_chosen_meanwhile) {
  Entrance entrance("ann", "tea");
  entrance.begin();
  entrance.hear(read_news("you are in tea, with 0 others"));
  entrance.hear(read_news("you are now ann"));
  entrance.say("/nick eva");
  cr_expect(entrance.hear(read_news("you are now eva")) == Step::named);
  entrance.say("/join #kitchen");
  cr_expect(entrance.hear(read_news("you are in kitchen, with 2 others")) == Step::entered);
  cr_expect_eq(entrance.begin(), "/join kitchen\n/nick eva\n");
  entrance.say("/join nowhere at all");
  entrance.say("/nick taken");
  entrance.hear(read_news("taken is taken; taken_2 is free"));
  cr_expect_eq(entrance.begin(), "/join kitchen\n/nick eva\n", "they were refused");
}

Test(chat_entrance, says_who_it_is_itself_where_the_server_knows_no_nicks) {
  Entrance entrance("ann", "");
  entrance.begin();
  cr_expect_eq(entrance.sent_as("hi"), "hi");
  entrance.give_up();
  cr_expect_eq(entrance.sent_as("hi"), "ann: hi");
  cr_expect_eq(entrance.sent_as("/who"), "/who");
  cr_expect(entrance.hear(read_news("you are now ann")) == Step::named, "late");
  cr_expect_eq(entrance.sent_as("hi"), "hi");
}
