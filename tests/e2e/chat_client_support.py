"""What the tests of `sluice chat` share: the program on a terminal, and a server that obeys the test."""

import re
import socket

import harness
from chat_support import Guest
from screen import Screen
from terminal import Terminal

PROMPT = "> "
NAME_PROMPT = "Enter your nickname: "
CONTROL_C, CONTROL_D, CONTROL_U, CONTROL_Z, TAB = "\x03", "\x04", "\x15", "\x1a", "\t"
STYLE = re.compile(rb"\x1b\[[\d;]*m")
CUT_SEQUENCE = re.compile(rb"\x1b(\[[\d;]*)?$")
KOREAN = "안녕하세요 여러분, 오늘은 긴 문장을 써서 줄바꿈이 어떻게 되는지 봅니다"


class StyledScreen(Screen):
    """A screen that passes over colours, but keeps all that it was sent."""

    def __init__(self, columns, rows):
        super().__init__(columns, rows)
        self.raw = b""
        self.cut = b""

    def feed(self, data):
        self.raw += data
        data = self.cut + data
        found = CUT_SEQUENCE.search(data)
        self.cut = found[0] if found else b""
        super().feed(STYLE.sub(b"", data[:len(data) - len(self.cut)]))


class ChatTerminal(Terminal):
    def __init__(self, command, columns=40, rows=12, **environment):
        environment.setdefault("NO_COLOR", "")
        super().__init__(command, columns, rows, **environment)
        self.screen = StyledScreen(columns, rows)

    def lines(self):
        """All rows; times of day are written 00:00."""
        return [re.sub(r"^\d\d:\d\d( |$)", r"00:00\1", row) for row in self.screen.all_lines()]

    def shows(self, *lines):
        """Waits until these are the last rows."""
        try:
            self.wait(lambda: self.lines()[-len(lines):] == list(lines))
        except AssertionError as error:
            raise AssertionError(f"{error}\ninstead of:\n" + "\n".join(lines)) from None

    def has(self, text):
        """Waits until it stands somewhere, over whatever rows."""
        bare = lambda words: re.sub(r"\s", "", words)
        self.wait(lambda: bare(text) in bare("".join(self.lines())))

    def asks(self, prompt=PROMPT):
        """Waits for an empty line to be typed."""
        self.wait(lambda: self.lines()[-1:] == [prompt.rstrip()]
                  and self.screen.cursor()[1] == len(prompt))


class Script:
    """A server that does what the test says: one client, bytes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(harness.PATIENCE)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.client = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.listener.close()
        if self.client:
            self.client.close()

    def accept(self):
        self.client = self.listener.accept()[0]
        self.client.settimeout(harness.PATIENCE)
        return self.client

    def expect(self, text):
        got = harness.receive(self.client, len(text.encode()))
        if got != text.encode():
            raise AssertionError(f"{got!r} instead of {text!r}")


class ClientTest(harness.ServerTest):
    def serve_chat(self, *options, **how):
        return self.serve("chat", options=options, **how)

    def serve_again(self):
        """A server that is on the same port after every restart."""
        first = harness.Server("chat")
        with first:
            address = first.addresses["chat"]
        return self.enterContext(harness.Server(options=["--chat", address]))

    def guest(self, server, *who):
        guest = Guest(server, *who)
        self.addCleanup(guest.end)
        return guest

    def open(self, server, *options, columns=40, rows=12, **environment):
        address = server if isinstance(server, str) else server.addresses["chat"]
        return self.enterContext(ChatTerminal(
            [harness.PROGRAM, "chat", address, *options], columns, rows, **environment))

    def open_as(self, server, nick, *options, **how):
        terminal = self.open(server, "--nick", nick, *options, **how)
        terminal.has(f"you are now {nick}")
        terminal.has("* in ")
        terminal.asks()
        return terminal

    def end(self, terminal, status=0):
        self.assertEqual(terminal.end(), status, str(terminal.screen))
        self.assertTrue(terminal.is_as_before())
