#include "tools/serve_options.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/text.h"

namespace sluice::tools {
namespace {

/// Far more than all options with the longest paths.
constexpr std::size_t kMaxConfigBytes = 1024 * 1024;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

Result<std::string> read_whole(const std::string& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail("open");
  std::string text;
  char part[4096];
  for (;;) {
    const ssize_t size = read(file.get(), part, sizeof part);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail("read");
    if (size == 0) return text;
    text.append(part, static_cast<std::size_t>(size));
    if (text.size() > kMaxConfigBytes) return fail("read", EFBIG);
  }
}

}  // namespace

std::expected<void, std::string> ServeSettings::read_file(const std::string& path,
                                                          std::span<const Option> options) {
  const auto text = read_whole(path);
  if (!text) return std::unexpected(text.error().message(path));
  std::string_view rest = *text;
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line[0] == '#') continue;
    const auto wrong = [&](const auto&... what) {
      return std::unexpected(concat(path, ", line ", number, ": ", what...));
    };
    const std::size_t equals = line.find('=');
    const std::string_view name = trimmed(line.substr(0, equals));
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : trimmed(line.substr(equals + 1));
    const auto known = std::ranges::find_if(options, [&](const Option& option) {
      return option.name.starts_with("--") && option.name.substr(2) == name;
    });
    if (known == options.end() || name == "config") return wrong("unknown option ", name);
    if (known->value.empty()) {
      if (equals != std::string_view::npos && value != "yes" && value != "no") {
        return wrong(name, " is yes or no, not ", value);
      }
      if (value == "no") continue;
    } else if (value.empty()) {
      return wrong(name, " needs a value: ", known->value);
    }
    settings_.emplace_back(name, value);
  }
  return {};
}

void ServeSettings::add(const Arguments& arguments) {
  for (const auto& [name, value] : arguments.options) settings_.emplace_back(name.substr(2), value);
}

void ServeSettings::add_default(std::string_view name, std::string value) {
  if (!has(name)) settings_.emplace_back(name, std::move(value));
}

std::vector<std::string_view> ServeSettings::find_all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [each, value] : settings_) {
    if (each == name) values.push_back(value);
  }
  return values;
}

const std::string* ServeSettings::find(std::string_view name) const {
  for (auto setting = settings_.rbegin(); setting != settings_.rend(); ++setting) {
    if (setting->first == name) return &setting->second;
  }
  return nullptr;
}

std::string ServeSettings::text(std::string_view name, std::string_view fallback) const {
  const std::string* found = find(name);
  return found ? *found : std::string(fallback);
}

std::expected<std::uint64_t, std::string> ServeSettings::number(std::string_view name,
                                                                std::uint64_t fallback,
                                                                std::uint64_t low,
                                                                std::uint64_t high) const {
  const std::string* found = find(name);
  if (!found) return fallback;
  const auto number = parse_number<std::uint64_t>(*found);
  if (number && *number >= low && *number <= high) return *number;
  return std::unexpected(concat("--", name, " takes a whole number from ", low,
                                high == UINT64_MAX ? std::string() : concat(" to ", high), ", not ",
                                *found));
}

}  // namespace sluice::tools
