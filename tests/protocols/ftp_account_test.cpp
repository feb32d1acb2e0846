#include "protocols/ftp/account.h"

#include <criterion/criterion.h>
#include <sys/stat.h>

#include <string>

#include "tests/protocols/temp_directory.h"

using namespace sluice::ftp;
using namespace std::string_literals;

namespace {

// The one of "secret".
const std::string kHash = "$5$rounds=1000$salt$CCvcOM6b7TEJDPb37Aec/9UpOg4QhPNAxPpL9ZzjTB7";
const Secret kPassword{Secret::Kind::plain, "secret"};

Permissions may(std::string_view letters) {
  const auto permissions = Permissions::parse(letters);
  cr_assert(permissions);
  return *permissions;
}

/// A directory to serve, and a file of users that only its owner reads.
struct Users {
  TempDirectory temp;
  Accounts accounts;
  std::string warning;

  explicit Users(std::string_view lines = "") { write(lines); }
  void write(std::string_view lines, mode_t mode = 0600) const {
    temp.put("users", lines);
    cr_assert(::chmod(temp.path("users").c_str(), mode) == 0);
  }
  /// What is wrong with the file, without its path; empty when nothing is.
  std::string read() {
    const auto done = accounts.read_file(temp.path("users"), temp.path(), warning);
    if (done) return {};
    const std::string path = temp.path("users") + " ";
    const std::size_t at = done.error().find(path);
    cr_assert(at != std::string::npos, "%s", done.error().c_str());
    return at == 0 ? done.error().substr(path.size()) : done.error();
  }
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

void expect_fault(const std::string& line, std::string_view part) {
  Users users(line + "\n");
  const std::string said = users.read();
  cr_assert(said.starts_with("line 1: ") && has(said, part), "%s gives %s", line.c_str(),
            said.c_str());
  cr_assert(users.accounts.empty());
}

}  // namespace

Test(permissions, are_the_letters_that_were_given) {
  const Permissions some = may("elw");
  for (const char letter : Permissions::kAll) {
    cr_assert(some.has(letter) == ("elw"s.find(letter) != std::string::npos), "%c", letter);
    cr_assert(may(Permissions::kAll).has(letter));
    cr_assert(!Permissions().has(letter));
    cr_assert(may(std::string(1, letter)).has(letter));
  }
  cr_assert(!may(Permissions::kAll).has('x'));
  cr_assert(!may(Permissions::kAll).has('\0'));
}

Test(permissions, no_other_letter_will_do) {
  for (const auto& letters : {"x"s, "elr "s, "E"s, "el,r"s, "\0"s}) {
    cr_assert(!Permissions::parse(letters), "%s", letters.c_str());
  }
  cr_assert(Permissions::parse(""));
  cr_assert(Permissions::parse("rrr"));
}

Test(accounts, are_found_by_their_exact_name) {
  TempDirectory temp;
  Accounts accounts;
  cr_assert(accounts.empty());
  cr_assert(accounts.add("ann", kPassword, temp.path(), may("elr")));
  cr_assert(!accounts.empty());
  const auto* entry = accounts.find("ann");
  cr_assert(entry && entry->account->name == "ann" && !entry->account->anonymous);
  cr_assert(entry->secret.kind == Secret::Kind::plain && entry->secret.text == "secret");
  cr_assert(entry->account->permissions.has('r') && !entry->account->permissions.has('w'));
  for (const auto& other : {"Ann"s, "an"s, "anna"s, ""s, "ann\0"s, "anonymous"s}) {
    cr_assert(!accounts.find(other), "%s", other.c_str());
  }
}

Test(accounts, anonymous_has_two_names_in_any_case) {
  TempDirectory temp;
  Accounts accounts;
  cr_assert(accounts.add_anonymous(temp.path(), may("elr")));
  const auto* entry = accounts.find("anonymous");
  cr_assert(entry && entry->account->anonymous && entry->secret.kind == Secret::Kind::any);
  for (const char* name : {"ftp", "FTP", "Ftp", "ANONYMOUS", "Anonymous"}) {
    cr_assert(accounts.find(name) == entry, "%s", name);
  }
  cr_assert(!accounts.find("ftpd") && !accounts.find("anonymou"));
}

Test(accounts, refuse_names_that_cannot_be) {
  TempDirectory temp;
  Accounts accounts;
  for (const auto& name : {""s, std::string(65, 'x'), "a:b"s, "a\nb"s, "a\0b"s, "a\x7f"s, "ftp"s,
                           "Anonymous"s, "#ann"s}) {
    const auto added = accounts.add(name, kPassword, temp.path(), may("elr"));
    cr_assert(!added && !added.error().empty(), "%s", name.c_str());
  }
  cr_assert(accounts.empty());
  for (const auto& name : {"x"s, std::string(64, 'x'), "J\xc3\xb6rg"s, "a b"s, "a#"s}) {
    cr_assert(accounts.add(name, kPassword, temp.path(), may("elr")), "%s", name.c_str());
  }
}

Test(accounts, refuse_a_name_that_is_there_already) {
  TempDirectory temp;
  Accounts accounts;
  cr_assert(accounts.add("ann", kPassword, temp.path(), may("elr")));
  const auto again = accounts.add("ann", {Secret::Kind::plain, "other"}, temp.path(), may("w"));
  cr_assert(!again && has(again.error(), "ann") && has(again.error(), "twice"));
  cr_assert(accounts.find("ann")->secret.text == "secret");
  cr_assert(accounts.add_anonymous(temp.path(), may("elr")));
  cr_assert(!accounts.add_anonymous(temp.path(), may("elr")));
}

Test(accounts, refuse_a_root_that_is_no_directory) {
  TempDirectory temp;
  temp.put("file", "x");
  Accounts accounts;
  for (const auto& root : {temp.path("file"), temp.path("none"), ""s, temp.path() + "\0x"s}) {
    const auto added = accounts.add("ann", kPassword, root, may("elr"));
    cr_assert(!added && has(added.error(), "root"), "%s", root.c_str());
  }
  cr_assert(accounts.empty());
}

Test(accounts, refuse_secrets_that_let_nobody_in) {
  TempDirectory temp;
  Accounts accounts;
  cr_assert(!accounts.add("ann", {Secret::Kind::plain, ""}, temp.path(), may("elr")));
  cr_assert(!accounts.add("ann", {Secret::Kind::hash, ""}, temp.path(), may("elr")));
  cr_assert(!accounts.add("ann", {Secret::Kind::hash, "secret"}, temp.path(), may("elr")));
}

Test(accounts, say_whether_there_are_hashes) {
  TempDirectory temp;
  Accounts accounts;
  cr_assert(accounts.add("ann", kPassword, temp.path(), may("elr")));
  cr_assert(accounts.add_anonymous(temp.path(), may("elr")));
  cr_assert(!accounts.has_hashes());
  cr_assert(accounts.add("bob", {Secret::Kind::hash, kHash}, temp.path(), may("elr")));
  cr_assert(accounts.has_hashes());
}

Test(accounts, outlive_those_who_named_them) {
  TempDirectory temp;
  std::shared_ptr<const Account> account;
  {
    Accounts accounts;
    cr_assert(accounts.add("ann", kPassword, temp.path(), may("elr")));
    account = accounts.find("ann")->account;
  }
  cr_assert(account->name == "ann" && account->root.info("/"));
}

Test(users_file, gives_name_hash_root_and_permissions) {
  Users users("# who may come\n\n  \t\nann:" + kHash + "::\r\nbob:" + kHash + ":sub:elrw\n" +
              "eve:" + kHash + ":/tmp:l");
  cr_assert(::mkdir(users.temp.path("sub").c_str(), 0700) == 0);
  users.temp.put("sub/inner", "x");
  const std::string said = users.read();
  cr_assert(said.empty(), "%s", said.c_str());
  const auto* ann = users.accounts.find("ann");
  cr_assert(ann && ann->secret.kind == Secret::Kind::hash && ann->secret.text == kHash);
  cr_assert(ann->account->root.info("/sub/inner"));
  cr_assert(ann->account->permissions.has('r') && !ann->account->permissions.has('w'));
  const auto* bob = users.accounts.find("bob");
  cr_assert(bob && bob->account->root.info("/inner") && bob->account->permissions.has('w'));
  const auto* eve = users.accounts.find("eve");
  cr_assert(eve && eve->account->permissions.has('l') && !eve->account->permissions.has('r'));
  cr_assert(users.warning.empty());
}

Test(users_file, says_what_is_wrong_with_a_line) {
  expect_fault("ann", "name:hash:root:permissions");
  expect_fault("ann:" + kHash + ":", "name:hash:root:permissions");
  expect_fault("ann:" + kHash + ":::", "name:hash:root:permissions");
  expect_fault(":" + kHash + "::", "name is empty");
  expect_fault("a\tb:" + kHash + "::", "control");
  expect_fault("ann:::", "password is empty");
  expect_fault("ann:" + kHash + "::elrx", "elrx");
  expect_fault("ann:" + kHash + ":none:", "none: No such file");
  expect_fault("ann:" + kHash + ":/none/at/all:", "root /none/at/all: No such file");
  expect_fault("anonymous:" + kHash + "::", "--ftp-anonymous");
  expect_fault("FTP:" + kHash + "::", "--ftp-anonymous");
}

Test(users_file, refuses_what_is_no_hash) {
  for (const char* hash : {"secret", "*", "!", "x", "$9$salt$hash", "$5", "a password", "!$5$a$b",
                           "{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk="}) {
    expect_fault("ann:"s + hash + "::", "sluice passwd");
  }
  expect_fault("ann:$5$salt$" + std::string(400, 'x') + "::", "sluice passwd");
}

Test(users_file, takes_hashes_of_old_methods) {
  for (const char* hash : {"$1$salt$ez2vlPGdaLYkJam5pWs/Y1", "saHW9GdxihkGQ",
                           "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"}) {
    Users users("ann:"s + hash + "::\n");
    const std::string said = users.read();
    cr_assert(said.empty(), "%s", said.c_str());
  }
}

Test(users_file, names_the_line) {
  Users users("# a comment\n\nann:" + kHash + "::\nann:" + kHash + "::\n");
  const std::string said = users.read();
  cr_assert(said.starts_with("line 4: ") && has(said, "twice"), "%s", said.c_str());
}

Test(users_file, is_taken_whole_or_not_at_all) {
  Users users("ann:" + kHash + "::\n");
  cr_assert(users.accounts.add("bob", kPassword, users.temp.path(), may("elr")));
  users.write("ann:" + kHash + "::\nbob:" + kHash + "::\n");
  cr_assert(users.read().starts_with("line 2: "));
  cr_assert(!users.accounts.find("ann"));
  cr_assert(users.accounts.find("bob")->secret.text == "secret");
}

Test(users_file, that_others_may_read_is_a_warning) {
  Users users;
  users.write("ann:" + kHash + "::\n", 0644);
  cr_assert(users.read().empty());
  cr_assert(users.accounts.find("ann"));
  cr_assert(has(users.warning, users.temp.path("users")));
  users.write("bob:" + kHash + "::\n", 0640);
  cr_assert(users.read().empty());
  cr_assert(users.warning.empty());
}

Test(users_file, without_lines_has_nobody) {
  Users users("");
  cr_assert(users.read().empty() && users.accounts.empty());
}

Test(users_file, must_be_a_regular_file_of_a_fair_size) {
  Users users;
  std::string warning;
  const auto fault = [&](const std::string& path) {
    const auto done = users.accounts.read_file(path, users.temp.path(), warning);
    return done ? ""s : done.error();
  };
  cr_assert(has(fault(users.temp.path("none")), "No such file"));
  cr_assert(has(fault(users.temp.path()), "Is a directory"));
  cr_assert(::mkfifo(users.temp.path("fifo").c_str(), 0600) == 0);
  cr_assert(has(fault(users.temp.path("fifo")), "not a regular file"));
  users.write(std::string(1024 * 1024, '\n'));
  cr_assert(fault(users.temp.path("users")).empty());
  users.write(std::string(1024 * 1024 + 1, '\n'));
  cr_assert(has(fault(users.temp.path("users")), "mebibyte"));
}

Test(equal_secret, is_equality) {
  cr_assert(equal_secret("", ""));
  cr_assert(equal_secret("secret\0x"s, "secret\0x"s));
  for (const auto& other : {""s, "secre"s, "secrets"s, "Secret"s, "secreT"s, "secret\0"s}) {
    cr_assert(!equal_secret("secret", other));
    cr_assert(!equal_secret(other, "secret"));
  }
}
