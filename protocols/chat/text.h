#pragma once

#include <string>
#include <string_view>

namespace sluice::chat {

/// Appends a message as every terminal may show it: one line of valid UTF-8. Taken out are telnet
/// commands (RFC 854: IAC and what belongs to it), whole escape sequences (ECMA-48: CSI, and OSC,
/// DCS, SOS, PM, APC with their strings), C0 but the tab, DEL, C1 (U+0080 to U+009F; a single byte
/// is no UTF-8), and the characters that turn the direction of text or end a line (U+061C, U+200E,
/// U+200F, U+2028 to U+202E, U+2066 to U+2069). Of what only begins like a command or a sequence no
/// text is lost. What is no UTF-8 (RFC 3629; surrogates and overlong forms too) becomes U+FFFD, one
/// for each maximal bad part (Unicode, section 3.9). At most three bytes for each that came;
/// cleaning what is clean changes nothing.
void append_clean(std::string& out, std::string_view message);

}  // namespace sluice::chat
