#pragma once

#include <string>
#include <string_view>

/// Texts made safe for where they are put. What is not UTF-8, and control characters, are written
/// as printable() does.
namespace sluice::http {

/// Between tags and in quoted attributes.
std::string html_escaped(std::string_view text);
/// Between the quotes of a JSON string (RFC 8259, section 7).
std::string json_escaped(std::string_view text);
/// Between the quotes of a label in Prometheus' text format.
std::string label_escaped(std::string_view text);

/// RFC 4648, section 4.
std::string base64(std::string_view bytes);

}  // namespace sluice::http
