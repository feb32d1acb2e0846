"""What the chat tests share: clients that say lines and read them, servers with `--chat`."""

import re
import select
import time

from harness import PATIENCE, ServerTest, wait_until


class Guest:
    """A client of the chat: what it has read and not been asked for yet is kept."""

    def __init__(self, server, nick=None, room=None, client=None):
        self.socket = client or server.connect("chat")
        self.held = b""
        if room:
            self.say(f"/join {room}")
            self.hears(f"* you are in {room}, with ", whole=False)
        if nick:
            self.say(f"/nick {nick}")
            self.hears(f"* you are now {nick}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.end()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def say(self, *lines):
        self.send("".join(line + "\n" for line in lines))

    def fill(self, patience):
        """Takes what has come, or waits for it; False at the end, or when nothing came."""
        poll = select.poll()  # select(2) knows no descriptors above 1023
        poll.register(self.socket, select.POLLIN)
        if not poll.poll(patience * 1000):
            return False
        part = self.socket.recv(1 << 20)
        self.held += part
        return bool(part)

    def line(self, patience=PATIENCE):
        """The next line, without its end."""
        deadline = time.monotonic() + patience
        while b"\n" not in self.held:
            if not self.fill(max(0, deadline - time.monotonic())):
                raise AssertionError(f"no line comes, only {self.held!r}")
        line, self.held = self.held.split(b"\n", 1)
        return line.decode()

    def lines(self, count):
        return [self.line() for _ in range(count)]

    def lines_until(self, last):
        """All lines up to one."""
        lines = [self.line()]
        while lines[-1] != last:
            lines.append(self.line())
        return lines

    def expect(self, *lines):
        for line in lines:
            got = self.line()
            assert got == line, f"{got!r} in place of {line!r}"

    def hears(self, wanted, whole=True):
        """Takes lines up to this one, or one that begins so; returns those before it."""
        before = []
        while True:
            line = self.line()
            if line == wanted or (not whole and line.startswith(wanted)):
                return before
            before.append(line)

    def everything(self):
        """What comes until the server's FIN."""
        while self.fill(PATIENCE):
            pass
        held, self.held = self.held, b""
        return held

    def end(self):
        self.socket.close()


class ChatTest(ServerTest):
    def chat(self, *options, **how):
        return self.serve("chat", options=options, **how)

    def guest(self, server, nick=None):
        guest = Guest(server, nick)
        self.addCleanup(guest.end)
        return guest

    def rooms(self, server):
        """Each room and how many are in it, asked by somebody in the lobby."""
        guest = Guest(server)
        guest.say("/rooms")
        answer = guest.line()
        guest.end()
        rooms = {name: int(count) for name, count in re.findall(r"(\S+) \((\d+)\)", answer)}
        rooms["lobby"] -= 1
        return rooms

    def wait_for_crowd(self, server, count):
        wait_until(lambda: self.rooms(server)["lobby"] == count, f"{count} in the lobby")
