#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "protocols/http/escape.h"
#include "reactor/text.h"

namespace sluice::http {

/// Prometheus' text format, version 0.0.4, in the making. Of one name there is one head, and all
/// its samples come right behind it.
class MetricsText {
 public:
  /// `type` is counter or gauge; the names of counters end in _total.
  void head(std::string_view name, std::string_view type, std::string_view help) {
    text_ += concat("# HELP ", name, ' ', help, "\n# TYPE ", name, ' ', type, '\n');
  }
  /// A name that has one sample, without label.
  template <class Value>
  void only(std::string_view name, std::string_view type, std::string_view help,
            const Value& value) {
    head(name, type, help);
    text_ += concat(name, ' ', value, '\n');
  }
  /// `name{label="of"} value`
  template <class Value>
  void sample(std::string_view name, std::string_view label, std::string_view of,
              const Value& value) {
    text_ += concat(name, '{', label, "=\"", label_escaped(of), "\"} ", value, '\n');
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace sluice::http
