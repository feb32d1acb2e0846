#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ftp/shell_commands.h"
#include "tools/ftp/shell_link.h"
#include "tools/ftp/shell_words.h"
#include "tools/terminal/console.h"

namespace sluice::tools {

/// What Tab offers: names of commands, of files here and, by a listing whose names are kept until
/// forget(), of files on the server.
class Completer {
 public:
  /// Both outlive it.
  Completer(ShellLink& link, Console& console) : link_(link), console_(console) {}
  Completer(const Completer&) = delete;
  Completer& operator=(const Completer&) = delete;

  /// For ConsoleHandler::on_complete(); the Console gets the answer at once or later.
  void complete(std::string_view before_cursor);

  /// Whether the server is being asked: nothing else may be asked of it until it has answered.
  bool busy() const { return busy_; }
  /// The connection was closed meanwhile: there will be no answer.
  void give_up() { busy_ = false; }
  /// The server may have other names now.
  void forget() { known_.clear(); }

 private:
  struct Name {
    std::string text;
    bool directory = false;
    bool link = false;  // to whatever
  };
  using Names = std::vector<Name>;

  void offer_commands();
  void offer_local(std::string_view path, bool only_directories);
  void offer_remote(std::string_view path, bool only_directories);
  void ask(std::string directory);
  void take(const ftp::RemoteEntry& entry);
  void on_listed(const ftp::Answer<ftp::Listed>& answer);
  /// Those of `names` that begin as the last component of `path` does.
  void offer(std::string_view path, const Names& names, bool only_directories);
  void offer_words(std::vector<std::string> words);

  ShellLink& link_;
  Console& console_;
  OpenWord word_;  // that is to be completed
  bool only_directories_ = false;
  bool busy_ = false;
  std::string asked_;  // the directory that is being listed
  Names names_;
  std::map<std::string, Names, std::less<>> known_;  // by directory, as it was typed
};

}  // namespace sluice::tools
