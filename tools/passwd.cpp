#include <crypt.h>
#include <unistd.h>

#include <cstring>
#include <expected>
#include <string>
#include <string_view>

#include "protocols/ftp/account.h"
#include "reactor/error.h"
#include "reactor/text.h"
#include "tools/command.h"
#include "tools/terminal/password.h"

namespace sluice::tools {
namespace {

constexpr Option kOptions[] = {
    {"--root", "DIR", "what NAME sees as /; relative to --ftp-root, which it is by default"},
    {"--permissions", "LETTERS", "of elradfmwMT; elr, to read only, by default"},
};

using Text = Password;  // or a sentence

Text hash_of(const std::string& password) {
  const char* setting = ::crypt_gensalt(nullptr, 0, nullptr, 0);
  if (!setting) return std::unexpected(Error::last("crypt_gensalt").message());
  const char* hash = ::crypt(password.c_str(), setting);
  if (!hash || hash[0] == '*') return std::unexpected(Error::last("crypt").message());
  return hash;
}

/// What is wrong with the words of the command; empty when nothing is.
std::string fault_of(const Arguments& arguments) {
  if (arguments.operands.empty()) return "whose password? NAME is missing";
  if (arguments.operands.size() > 1) return "too many arguments";
  if (std::string fault = ftp::fault_of_name(arguments.operands[0]); !fault.empty()) return fault;
  const std::string_view root = arguments.value("--root").value_or("");
  if (root.find_first_of(":\n") != root.npos) return "--root cannot hold a colon or a new line";
  const std::string_view letters = arguments.value("--permissions").value_or("");
  if (!ftp::Permissions::parse(letters)) {
    return concat("--permissions are letters of ", ftp::Permissions::kAll);
  }
  return {};
}

int run(const Arguments& arguments) {
  if (const std::string fault = fault_of(arguments); !fault.empty()) {
    return misused("passwd", fault);
  }
  const std::string_view name = arguments.operands[0];
  Text password = ::isatty(STDIN_FILENO)
                      ? ask_password(concat("Password for ", name, ": "), "Again: ")
                      : read_password(STDIN_FILENO);
  if (!password) return complain("passwd", password.error());
  if (password->empty()) return complain("passwd", "the password is empty");
  const Text hash = hash_of(*password);
  ::explicit_bzero(password->data(), password->size());
  if (!hash) return complain("passwd", hash.error());
  const std::string_view letters = arguments.value("--permissions").value_or("");
  return print(concat(name, ':', *hash, ':', arguments.value("--root").value_or(""), ':',
                      letters.empty() ? ftp::Permissions::kRead : letters, '\n'));
}

}  // namespace

const Command kPasswd{"passwd", "passwd NAME [OPTION …]",
                      "Asks for a password and prints the line of --ftp-users that lets NAME in.",
                      kOptions, run};

}  // namespace sluice::tools
