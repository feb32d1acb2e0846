#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace sluice::tools {

/// A password, or a sentence why there is none. Who has it wipes it (explicit_bzero(3)).
using Password = std::expected<std::string, std::string>;

/// The next line of a descriptor, without its end. Read byte by byte, so that the rest stays there.
Password read_password(int fd);

/// Asks on the terminal that the program was started from (/dev/tty), which shows nothing of what
/// is typed. With `again`, a second time, and both have to be the same. A signal that would end the
/// program does so once the terminal is itself again. Waits for the person.
Password ask_password(std::string_view prompt, std::string_view again = {});

}  // namespace sluice::tools
