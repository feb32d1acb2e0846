#pragma once

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "protocols/files/tree.h"
#include "tests/protocols/temp_directory.h"

/// A tree "root", beside it what nobody may reach.
struct Grove : TempDirectory {
  Grove() {
    ::chmod(path().c_str(), 0755);
    make("root");
    make("root/a");
    make("root/a/b");
    put("root/file", "top");
    put("root/a/file", "middle");
    put("root/a/b/file", "bottom");
    put("secret", "outside");
    link("/a/b", "absolute");
    link("b/../../file", "a/relative");
    link("../secret", "out");
    link(path("secret"), "far");
    link("loop", "loop");
  }
  void make(const std::string& name) const { ::mkdir(path(name).c_str(), 0755); }
  void link(const std::string& target, const std::string& name) const {
    ::symlink(target.c_str(), path("root/" + name).c_str());
  }
  sluice::files::Tree tree() const {
    auto opened = sluice::files::Tree::open(path("root"));
    cr_assert(opened, "%s", opened.error().message().c_str());
    return std::move(*opened);
  }
};
