"""`sluice chat` when its server goes away, says nothing, or only passes on what it gets."""

import socket
import unittest

import harness
from chat_client_support import NAME_PROMPT, ClientTest, Script


class ReconnectTest(ClientTest):
    def test_comes_back_with_nick_and_room_and_what_was_typed_meanwhile(self):
        server = self.serve_again()
        terminal = self.open_as(server, "ann", "--room", "tea", columns=80)
        terminal.type("half typed")
        terminal.shows("> half typed")
        server.stop()
        terminal.shows("00:00 * connection lost: closed by peer; trying again in 1 s",
                       "> half typed")
        terminal.type("\rsecond\r")
        terminal.shows(
            "00:00 ann: half typed",
            "00:00 * not connected: what you say is sent when the connection is back",
            "00:00 ann: second", ">")
        server.process.stdout.close()
        server.start()
        bob = self.guest(server, "bob", "tea")
        bob.hears("ann: half typed")
        bob.hears("ann: second")
        terminal.has("* connected again")
        terminal.has("* you are now ann")
        bob.say("welcome back")
        terminal.has("bob: welcome back")
        lines = terminal.lines()
        self.assertEqual(sum("connection lost" in row for row in lines), 1)
        self.assertEqual(sum("connected again" in row for row in lines), 1)
        terminal.type("/rooms\r")
        terminal.has("tea (2)")

    def test_comes_back_under_another_nick_when_its_own_is_taken(self):
        with Script() as script:
            terminal = self.open(script.address, "--nick", "ann", columns=80)
            for free in "ann_2", "ann_3":  # it tries its own first each time
                client = script.accept()
                script.expect("/nick ann\n")
                client.sendall(f"* ann is taken; {free} is free\n".encode())
                if free == "ann_2":
                    terminal.asks(f"{NAME_PROMPT[:-2]} [ann_2]: ")
                    terminal.type("ann\r")
                    script.expect("/nick ann\n")
                    client.sendall(b"* you are now ann\n")
                    terminal.has("* you are now ann")
                    terminal.asks()
                    terminal.type("half typed")
                    terminal.shows("> half typed")
                else:
                    script.expect(f"/nick {free}\n")
                    client.sendall(f"* you are now {free}\n".encode())
                    terminal.has(f"* you are now {free}")
                    terminal.shows("> half typed")
                    terminal.type("\r")
                    terminal.shows(f"00:00 {free}: half typed", ">")
                    script.expect("/who\nhalf typed\n")
                client.close()

    def test_shows_the_loss_by_a_reset(self):
        with Script() as script:
            terminal = self.open(script.address, "--nick", "ann", columns=80)
            client = script.accept()
            script.expect("/nick ann\n")
            client.sendall(b"* you are now ann\n")
            terminal.asks()
            harness.reset(client)
            terminal.has("* connection lost: reset by peer; trying again in 1 s")
            script.accept()
            script.expect("/nick ann\n")

    def test_ends_while_it_is_not_connected(self):
        server = self.serve_again()
        terminal = self.open_as(server, "ann", columns=80)
        server.stop()
        terminal.has("* connection lost")
        terminal.type("to nobody\r")
        terminal.has("ann: to nobody")
        terminal.type("exit\r")
        self.end(terminal)
        self.assertEqual(terminal.lines()[-1],
                         "00:00 * what you said while not connected was not sent")

    def test_refuses_what_is_too_much_to_keep(self):
        server = self.serve_again()
        terminal = self.open_as(server, "ann", columns=200)
        server.stop()
        terminal.has("* connection lost")
        refused = "* not said, since too much waits to be sent already"
        for number in range(100):
            terminal.type(f"{number:03}" + "x" * 3000 + "\r")
            terminal.wait(lambda: any(
                row.startswith(f"00:00 ann: {number:03}") or refused in row
                for row in terminal.lines()[-24:]))
            terminal.asks()
            if refused in terminal.lines()[-2]:
                break
        self.assertGreater(number, 50)
        self.assertLess(number, 90)

    def test_the_first_connection_that_fails_ends_it(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = "127.0.0.1:%d" % closed.getsockname()[1]
        terminal = self.open(address, "--nick", "ann", columns=80)
        self.assertEqual(terminal.end(), 1)
        self.assertEqual(terminal.lines(),
                         [f"sluice chat: cannot connect to {address}: Connection refused"])
        done = harness.run("chat", address)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (
            1, "", f"sluice chat: cannot connect to {address}: Connection refused\n"))

    def test_asks_whether_a_silent_server_still_lives(self):
        with Script() as script:
            terminal = self.open(script.address, "--nick", "ann")
            client = script.accept()
            script.expect("/nick ann\n")
            client.sendall(b"* you are now ann\n")
            terminal.asks()
            local = "0100007F:%04X" % client.getpeername()[1]
            table = harness.pathlib.Path("/proc/net/tcp")
            harness.wait_until(lambda: any(
                row.split()[1] == local and row.split()[5].startswith("02:")
                for row in table.read_text().splitlines()[1:]), "a keep-alive timer")


class LectureServerTest(ClientTest):
    def test_talks_to_a_server_that_only_passes_on_what_it_gets(self):
        with Script() as script:
            terminal = self.open(script.address, "--nick", "ann")
            client = script.accept()
            script.expect("/nick ann\n")
            client.sendall("철수: 안녕".encode())
            terminal.has("철수: 안녕")
            terminal.asks()  # since no answer has come
            terminal.type("hello\r")
            script.expect("ann: hello\n")
            terminal.shows("00:00 철수: 안녕", "00:00 ann: hello", ">")


if __name__ == "__main__":
    unittest.main()
