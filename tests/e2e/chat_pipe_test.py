"""`sluice chat` in a pipe: plain lines in and out."""

import socket
import subprocess
import threading
import unittest

import harness
from chat_client_support import ClientTest, Script
from chat_support import Guest


class PipeTest(ClientTest):
    def pipe(self, server, *options, **how):
        address = server if isinstance(server, str) else server.addresses["chat"]
        return harness.run("chat", address, *options, **how)

    def background(self, server, *options, **how):
        process = subprocess.Popen(
            [harness.PROGRAM, "chat", server if isinstance(server, str) else
             server.addresses["chat"], *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, preexec_fn=harness.end_with_parent, **how)
        self.addCleanup(self.finish, process)
        return process

    @staticmethod
    def finish(process):
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=harness.PATIENCE)

    def test_delivers_its_input_and_ends(self):
        server = self.serve_chat()
        bob = self.guest(server, "bob")
        done = self.pipe(server, "--nick", "ann", input="hi\nto all")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        bob.hears("ann: hi")
        self.assertEqual(bob.line(), "ann: to all")

    def test_without_a_nick_is_passed_on_as_it_is(self):
        server = self.serve_chat()
        with Guest(server) as plain:
            done = self.pipe(server, input="hi\n안녕: 하세요\n")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            self.assertEqual([plain.line(), plain.line()], ["hi", "안녕: 하세요"])

    def test_prints_lines_as_they_come_without_any_decoration(self):
        server = self.serve_chat()
        bob = self.guest(server, "bob")
        reader = self.background(server, "--nick", "ann")
        self.assertEqual(reader.stdout.readline(), b"* you are now ann\n")
        bob.hears("* ann joined")
        bob.say("one\ttwo")
        self.assertEqual(reader.stdout.readline(), b"bob: one\ttwo\n")
        bob.say("/msg ann 셋")
        self.assertEqual(reader.stdout.readline(), "bob (private): 셋\n".encode())
        out, error = reader.communicate(b"", timeout=harness.PATIENCE)
        self.assertEqual((reader.returncode, out, error), (0, b"", b""))

    def test_takes_another_nick_when_its_own_is_taken(self):
        server = self.serve_chat()
        bob = self.guest(server, "bob")
        done = self.pipe(server, "--nick", "BOB", input="hi\n")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, "sluice chat: bob is taken: you are BOB_2\n")
        bob.hears("BOB_2: hi")

    def test_goes_into_a_room(self):
        server = self.serve_chat()
        lobby, tea = self.guest(server, "bob"), self.guest(server, "cyd", "tea")
        self.assertEqual(self.pipe(server, "--room", "#tea", input="no name\n").returncode, 0)
        tea.hears("no name")
        self.assertEqual(self.pipe(server, "--nick", "ann", "--room", "tea",
                                   input="hi\n").returncode, 0)
        tea.hears("ann: hi")
        lobby.say("/who")
        self.assertEqual(lobby.hears("* in lobby: bob"), ["* cyd joined"][:0])

    def test_ends_by_exit_and_quit(self):
        server = self.serve_chat()
        bob = self.guest(server, "bob")
        for word in "exit", "/quit":
            running = self.background(server, "--nick", "ann")
            running.stdin.write(b"said\n%s\nnot said\n" % word.encode())
            running.stdin.flush()
            self.assertEqual(running.wait(harness.PATIENCE), 0)
            bob.hears("ann: said")
            self.assertNotIn("ann: not said", bob.hears("* ann left"))

    def test_says_many_lines_in_order_and_no_faster_than_they_are_read(self):
        with Script() as script:
            running = self.background(script.address)
            client = script.accept()
            text = b"".join(b"line %d of many\n" % number for number in range(200_000))
            feeding = threading.Thread(
                target=lambda: running.communicate(text, timeout=harness.PATIENCE), daemon=True)
            feeding.start()
            received = harness.receive_all(client)
            client.close()
            feeding.join(harness.PATIENCE)
            self.assertEqual(received, text)
            self.assertEqual(running.returncode, 0)

    def test_loss_is_a_failure(self):
        for lose, word in (socket.socket.close, "closed"), (harness.reset, "reset"):
            with Script() as script:
                running = self.background(script.address)
                client = script.accept()
                client.sendall(b"hi\n")
                self.assertEqual(running.stdout.readline(), b"hi\n")
                lose(client)
                self.assertEqual(running.stderr.read().decode(),
                                 f"sluice chat: connection lost: {word} by peer\n")
                self.assertEqual(running.wait(harness.PATIENCE), 1)

    def test_waits_a_moment_only_for_a_server_that_does_not_close(self):
        with Script() as script:
            running = self.background(script.address)
            client = script.accept()
            running.stdin.write(b"hi\n")
            running.stdin.close()
            self.assertEqual(harness.receive_all(client), b"hi\n")
            client.sendall(b"still there\n")
            self.assertEqual(running.stdout.readline(), b"still there\n")
            self.assertEqual(running.wait(harness.PATIENCE), 0)
            running.stdin = None

    def test_cleans_what_a_hostile_server_sends(self):
        with Script() as script:
            running = self.background(script.address)
            client = script.accept()
            client.sendall(b"a\x1b[31mb\x07\xc2\x85c\n" + b"y" * (4 << 20) + b"\nend\n")
            self.assertEqual(running.stdout.readline(), b"abc\n")
            cut = running.stdout.readline()
            self.assertEqual(cut, b"y" * (256 << 10) + "…\n".encode())
            self.assertEqual(running.stdout.readline(), b"end\n")

    def test_a_reader_that_goes_away_ends_it(self):
        server = self.serve_chat()
        running = self.background(server, "--nick", "ann")
        self.assertEqual(running.stdout.readline(), b"* you are now ann\n")
        running.stdout.close()
        self.guest(server, "bob").say("hi")
        self.assertEqual(running.stderr.read(), b"sluice chat: standard output: Broken pipe\n")
        self.assertEqual(running.wait(harness.PATIENCE), 1)
        running.stdout = None

    def test_refuses_names_that_no_server_takes(self):
        for options, why in ((("--nick", "a b"), "--nick: a nick has no blanks"),
                             (("--nick", ""), "--nick: a nick must not be empty"),
                             (("--room", "a:b"), "--room: a room's name")):
            done = self.pipe("127.0.0.1:1", *options)
            self.assertEqual(done.returncode, 2)
            self.assertTrue(done.stderr.startswith(f"sluice chat: {why}"), done.stderr)
        self.assertEqual(harness.run("chat").returncode, 2)
        self.assertEqual(harness.run("chat", "a:1", "b:2").returncode, 2)
        self.assertEqual(harness.run("chat", "nonsense").returncode, 2)


if __name__ == "__main__":
    unittest.main()
