"""`sluice video receive`: the window, on an X server without a screen."""

import signal
import socket
import struct
import unittest

from harness import ANY, PATIENCE, wait_until
from video_support import Display, VideoTest, needs

NO_DISPLAY = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""}


@needs("sluice-video")
class WithoutDisplay(VideoTest):
    def refused(self, environment):
        status, said = self.run_video("receive", "--udp", ANY, environment=environment)
        self.assertEqual((status, said.count("\n")), (1, 1), said)
        self.assertTrue(said.startswith("sluice video: there is no display"), said)

    def test_no_display_is_a_sentence(self):
        self.refused(NO_DISPLAY)

    def test_so_is_one_that_is_not_there(self):
        self.refused({**NO_DISPLAY, "DISPLAY": ":31337"})
        self.refused({**NO_DISPLAY, "DISPLAY": "no display"})


@needs("sluice-video", "Xvfb", "xdotool", "ffmpeg")
class Window(VideoTest):
    @classmethod
    def setUpClass(cls):
        cls.display = Display()
        cls.addClassCleanup(cls.display.clean)

    def receive(self, *arguments, lines=0):
        return self.video("receive", *arguments, lines=lines, environment=self.display.environment())

    def serve(self, *arguments):
        return self.video("serve", "--source", "test", "--tcp", ANY, *arguments, lines=1)

    def assert_picture_moves(self):
        """What is seen changes, and is not just two colours."""
        seen = set()

        def moved():
            shot = self.display.shoot()
            if len(set(shot[::997])) > 4:
                seen.add(shot)
            return len(seen) >= 3

        wait_until(moved, "a picture that moves")

    def test_it_shows_what_comes_by_tcp_udp_and_rtp_until_q(self):
        server = self.serve()
        window = self.receive("--tcp", server.addresses["tcp"])
        self.display.window()
        self.assert_picture_moves()
        self.display.press("q")
        self.assertEqual(window.wait(), 0, window.said())
        for kind in ("udp", "rtp"):
            window = self.receive(f"--{kind}", ANY, lines=1)
            self.video("send", "--source", "test", f"--{kind}", window.addresses[kind], lines=1)
            self.display.window()
            self.assert_picture_moves()
            self.display.press("Escape" if kind == "udp" else "q")
            self.assertEqual(window.wait(), 0, window.said())

    def test_closing_the_window_ends_it(self):
        server = self.serve()
        window = self.receive("--tcp", server.addresses["tcp"])
        self.assert_picture_moves()
        self.display.close_window()
        self.assertEqual(window.wait(), 0, window.said())

    def send_grey(self, window):
        """One picture, as the lecture sends it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for index in range(20):
                sender.sendto(bytes([index]) + b"\x40" * 46_080, ("127.0.0.1", window.port("udp")))

    def light(self):
        """How many bytes of the screen are: of words, as the picture has none, and of the pointer."""
        return len(self.display.shoot().translate(None, delete=bytes(range(180))))

    def test_statistics_come_and_go_with_s(self):
        window = self.receive("--udp", ANY, lines=1)

        def shown():
            self.send_grey(window)  # of 20 datagrams at once some may be lost
            return b"\x40" * 900 in self.display.shoot()

        wait_until(shown, "the picture")
        plain = self.light()
        self.display.press("s")
        wait_until(lambda: self.light() > plain + 300, "words in the picture")
        self.display.press("s")
        wait_until(lambda: self.light() == plain, "no words any more")
        self.assertEqual(window.end(signal.SIGTERM), 0)

    def test_statistics_from_the_beginning(self):
        without = self.light()
        window = self.receive("--udp", ANY, "--show-stats", lines=1)

        def shown():
            self.send_grey(window)
            return b"\x40" * 900 in self.display.shoot() and self.light() > without + 300

        wait_until(shown, "words in the picture")
        self.assertEqual(window.end(signal.SIGINT), 0)

    def test_it_ends_with_the_stream_after_so_many_and_after_so_long(self):
        server = self.serve()
        address = server.addresses["tcp"]
        self.assertEqual(self.receive("--tcp", address, "--count", 5).wait(), 0)
        self.assertEqual(self.receive("--tcp", address, "--seconds", 1).wait(), 0)
        window = self.receive("--udp", ANY, "--count", 5, "--seconds", 1)
        self.assertEqual(window.wait(), 1)
        self.assertIn("0 of 5 pictures came", window.said())
        window = self.receive("--tcp", address)
        self.assert_picture_moves()
        self.assertEqual(server.end(signal.SIGTERM), 0)
        window.wait()

    def test_a_connection_that_is_refused_and_one_that_is_cut(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address = f"127.0.0.1:{listening.getsockname()[1]}"
            listening.settimeout(PATIENCE)
            window = self.receive("--tcp", address)
            client, _ = listening.accept()
            with client:
                client.sendall(struct.pack("<Q", 921_600) + b"\x80\x04")
            self.assertEqual(window.wait(), 1)
        self.assertIn("sluice video: ", window.said())
        window = self.receive("--tcp", address)
        self.assertEqual(window.wait(), 5)
        self.assertIn("refused", window.said())


if __name__ == "__main__":
    unittest.main()
