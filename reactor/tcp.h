#pragma once

#include "reactor/address.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/limits.h"

/// Stream sockets as the reactor wants them, TCP and Unix alike: bare descriptors, non-blocking and
/// close-on-exec from birth. Listener and Connector stand on these.
namespace sluice {

/// A listening socket, with SO_REUSEADDR. A Unix socket file that nobody listens on any more is
/// removed first; where somebody does, or where the file is no socket, it is EADDRINUSE.
Result<Fd> tcp_listen(const Address& address, int backlog = limits::kListenBacklog,
                      bool reuse_port = false);

/// A socket on its way to `address`. Success says only that it has set out: when it is writable,
/// connect_result tells whether it has arrived.
Result<Fd> tcp_start_connect(const Address& address);
/// The same from the address `local`, whose port may be one that a connection was on before.
Result<Fd> tcp_start_connect(const Address& address, const Address& local);
/// SO_ERROR, as connect(2) tells it of a connection that was in progress; reading clears it.
Result<void> connect_result(int fd);

/// Whether bytes have come that were not read yet: within a long turn a timer that waits for more
/// of them may be due before they are read.
bool has_unread(int fd);

Result<void> set_nonblocking(int fd, bool on = true);

}  // namespace sluice
