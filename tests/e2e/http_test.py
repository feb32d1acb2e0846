"""The HTTP service: what browsers, curl and Prometheus ask for, and what others try."""

import contextlib
import http.client
import io
import json
import re
import shutil
import signal
import socket
import subprocess
import unittest

from harness import (PATIENCE, ServerTest, arrived, exchange, is_sanitized, is_silent, receive_all,
                     reset, run, send_until_stuck, wait_until)

HEAD_BOUND = 8 * 1024


def request(path="/healthz", *lines, method="GET", host="localhost", version="1.1", body=b""):
    text = "\r\n".join([f"{method} {path} HTTP/{version}", f"Host: {host}", *lines, "", ""])
    return text.encode("latin-1") + body


class Answer:
    """An answer, read strictly."""

    def __init__(self, file, method="GET"):
        line = file.readline()
        if not line:
            raise EOFError("no answer")
        version, status, self.reason = line.decode().rstrip("\r\n").split(" ", 2)
        assert version == "HTTP/1.1" and line.endswith(b"\r\n"), line
        self.status = int(status)
        self.headers = {}
        while (line := file.readline()) != b"\r\n":
            assert line.endswith(b"\r\n"), line
            name, value = line.decode().rstrip("\r\n").split(": ", 1)
            assert name.lower() not in self.headers, name
            self.headers[name.lower()] = value
        length = int(self.headers["content-length"])
        self.body = b"" if method == "HEAD" else file.read(length)
        assert method == "HEAD" or len(self.body) == length, "cut short"


def answers(data):
    """All of them, of GETs."""
    file, found = io.BytesIO(data), []
    with contextlib.suppress(EOFError):
        while True:
            found.append(Answer(file))
    return found


class Http(ServerTest):
    def ask(self, server, data):
        """The answers to what goes over a connection of its own, with FIN."""
        return answers(exchange(self.connect(server, "http"), data))

    def status(self, server, data):
        """The status of the one answer, after which the server ends the connection by itself."""
        client = self.connect(server, "http")
        with contextlib.suppress(ConnectionError):
            client.sendall(data)
        received = receive_all(client)
        found = answers(received)
        self.assertEqual(len(found), 1, received)
        if found[0].status >= 400:
            self.assertTrue(found[0].body.startswith(b"%d " % found[0].status), found[0].body)
            self.assertTrue(found[0].body.endswith(b"\n"))
        return found[0].status

    def assert_healthy(self, server):
        self.assertEqual(self.ask(server, request())[0].body, b"ok\n")

    # --- what it has ------------------------------------------------------------------------------

    def test_python_s_client_keeps_its_connection(self):
        server = self.serve("http", "echo")
        client = http.client.HTTPConnection("127.0.0.1", server.ports["http"], timeout=PATIENCE)
        self.addCleanup(client.close)
        for path, kind in (("/", "text/html; charset=utf-8"),
                           ("/services.json", "application/json"),
                           ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
                           ("/healthz", "text/plain; charset=utf-8")):
            for method in ("GET", "HEAD"):
                client.request(method, path)
                answer = client.getresponse()
                body = answer.read()
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers["Content-Type"], kind)
                self.assertEqual(answer.headers["Cache-Control"], "no-store")
                self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
                self.assertRegex(answer.headers["Date"],
                                 r"^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$")
                self.assertEqual(bool(body), method == "GET")
        self.assertEqual(server.log().count(" connected"), 1)

    @unittest.skipUnless(shutil.which("curl"), "needs curl")
    def test_curl_gets_what_it_asks_for(self):
        server = self.serve("http")
        url = f"http://localhost:{server.ports['http']}"

        def curl(*arguments):
            return subprocess.run(["curl", "-sS", "--noproxy", "*", *arguments], timeout=PATIENCE,
                                  capture_output=True, text=True)

        self.assertEqual(curl(url + "/healthz").stdout, "ok\n")
        self.assertEqual(curl("-0", url + "/healthz").stdout, "ok\n")
        # Two on one connection.
        self.assertEqual(curl(url + "/healthz", url + "/healthz").stdout, "ok\nok\n")
        head = curl("-I", url + "/healthz").stdout
        self.assertTrue(head.startswith("HTTP/1.1 200 OK\n") and "Content-Length: 3" in head, head)
        failed = curl("-f", url + "/nowhere")
        self.assertEqual(failed.returncode, 22)
        posted = curl("-d", "x" * 1000, "-w", "%{http_code}", url + "/")
        self.assertTrue(posted.stdout.endswith("405"), posted)
        waiting = curl("-d", "x", "-H", "Expect: 100-continue", "-w", "%{http_code}", url + "/")
        self.assertTrue(waiting.stdout.endswith("405"), waiting)

    def test_counts_what_every_service_does(self):
        server = self.serve("echo", "words", "http")
        server.ask("echo", b"12345")
        server.ask("words", b"7")

        def counted():
            state = json.loads(self.ask(server, request("/services.json"))[0].body)
            return {service["name"]: service for service in state["services"]}

        wait_until(lambda: counted()["words"]["bytes_out"] == 5, "the words to be counted")
        services = counted()
        self.assertEqual(list(services), ["echo", "words", "http"])
        echo = services["echo"]
        self.assertEqual(echo["address"], server.addresses["echo"])
        self.assertEqual((echo["connections"], echo["bytes_in"], echo["bytes_out"]), (1, 5, 5))
        text = self.ask(server, request("/metrics"))[0].body.decode()
        self.assertIn('\nsluice_received_bytes_total{service="echo"} 5\n', text)
        self.assertIn('\nsluice_connections_total{service="words"} 1\n', text)
        page = self.ask(server, request("/"))[0].body.decode()
        self.assertIn(server.addresses["words"], page)

    def test_metrics_are_as_prometheus_reads_them(self):
        server = self.serve("http", "udp-echo")
        text = self.ask(server, request("/metrics"))[0].body.decode()
        self.assertTrue(text.endswith("\n"))
        helped, typed, sampled = set(), {}, set()
        for line in text.splitlines():
            if said := re.fullmatch(r"# HELP (\S+) \S.*", line):
                self.assertNotIn(said[1], helped)
                helped.add(said[1])
            elif said := re.fullmatch(r"# TYPE (\S+) (counter|gauge)", line):
                self.assertIn(said[1], helped)
                typed[said[1]] = said[2]
            else:
                said = re.fullmatch(r'([a-z_]+)(\{service="[a-z-]+"\})? (\d+(\.\d+)?)', line)
                self.assertTrue(said, line)
                self.assertNotIn((said[1], said[2]), sampled)
                sampled.add((said[1], said[2]))
                self.assertEqual(said[1].endswith("_total"), typed[said[1]] == "counter")
        self.assertIn(("sluice_reactor_slowest_turn_seconds", None), sampled)
        resident = re.search(r"^process_resident_memory_bytes (\d+)$", text, re.M)
        if not is_sanitized():
            self.assertLess(abs(int(resident[1]) - server.resident_kib() * 1024), 4 << 20)
        self.assertIn(("process_open_fds", None), sampled)

    def test_the_page_loads_nothing_and_says_all_without_a_script(self):
        server = self.serve("http", "echo")
        answer = self.ask(server, request("/"))[0]
        page = answer.body.decode()
        self.assertNotRegex(page, r"""(src|href)=["']?(https?:)?//""")
        self.assertNotIn("@import", page)
        policy = answer.headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        table = page[page.index("<table>"):page.index("</table>")]
        self.assertIn(f"echo<small>{server.addresses['echo']}</small>", table)
        self.assertEqual(table.count('<th scope="row">'), 2)
        self.assertIn('aria-live="polite"', page)

    # --- how it speaks ----------------------------------------------------------------------------

    def test_answers_pipelined_requests_in_order(self):
        server = self.serve("http")
        paths = [f"/{number}" for number in range(1000)]
        found = self.ask(server, b"".join(map(request, paths)))
        self.assertEqual([answer.body for answer in found],
                         [f"404 Not Found: there is no {path}\n".encode() for path in paths])

    def test_takes_a_request_a_byte_at_a_time(self):
        server = self.serve("http")
        client = self.connect(server, "http")
        for byte in request("/healthz", "X-Long: " + "x" * 100):
            client.sendall(bytes([byte]))
        self.assertEqual(Answer(client.makefile("rb")).body, b"ok\n")

    def test_takes_bare_newlines_and_http_1_0(self):
        server = self.serve("http")
        self.assertEqual(self.status(server, b"GET /healthz HTTP/1.0\n\n"), 200)
        kept = self.ask(server, b"GET /healthz HTTP/1.0\nConnection: Keep-Alive\n\n" * 3)
        self.assertEqual([answer.headers["connection"] for answer in kept], ["keep-alive"] * 3)

    def test_ends_the_connection_when_the_client_says_so(self):
        server = self.serve("http")
        self.assertEqual(self.status(server, request("/healthz", "Connection: close") * 3), 200)

    def test_skips_a_body_and_answers_what_follows(self):
        server = self.serve("http")
        hidden = (request() * 2000)[:50000]
        post = request("/", "Content-Length: 50000", method="POST", body=hidden)
        found = self.ask(server, post + request())
        self.assertEqual([answer.status for answer in found], [405, 200])
        self.assertEqual(found[0].headers["allow"], "GET, HEAD")

    def test_decodes_a_path_once(self):
        server = self.serve("http")
        self.assertEqual(self.ask(server, request("/%68ealthz?x=%00"))[0].status, 200)
        self.assertEqual(self.ask(server, request("/%2568ealthz"))[0].status, 404)
        self.assertEqual(self.ask(server, request("http://localhost/healthz"))[0].status, 200)

    # --- what it refuses --------------------------------------------------------------------------

    def test_refuses_what_is_wrong_and_ends(self):
        server = self.serve("http")
        after = request()  # must never be answered
        for status, data in (
                (400, b"hello\r\n"), (400, b"GET /\r\n"), (400, b"GET / HTTP/1.1\r\n\r\n"),
                (400, b"\0" * 100 + b"\n"), (400, request("/\0")),
                (400, request("/healthz", "A: \0")),
                (400, b"\x16\x03\x01\x02\0\x01\0"), (400, request("/%")), (400, request("/%00")),
                (400, request("/healthz", " folded")), (400, request("/healthz", "Host: two")),
                (400, request("/healthz", "A : b")), (400, request("/healthz", "A: b\rC: d")),
                (505, request(version="2.0")), (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
                (414, request("/" + "x" * 5000)), (414, b"x" * (1 << 20)),
                (431, request("/healthz", "A: " + "x" * HEAD_BOUND)),
                (431, request("/healthz", "A: " + "x" * (1 << 20))),
                (431, request("/healthz", *["A: b"] * 101)),
                (413, request("/", "Content-Length: 70000", method="POST")),
                (413, request("/", f"Content-Length: {1 << 64}", method="POST")),
                (417, request("/", "Expect: wonders")),
                (421, request(host="evil.example", version="1.0")),
                (404, request("/../../etc/passwd", version="1.0")),
                (501, request(method="BREW", version="1.0"))):
            self.assertEqual(self.status(server, data + after), status, data[:100])
        self.assert_healthy(server)

    def test_refuses_what_two_programs_would_cut_in_two_ways(self):
        server = self.serve("http")
        smuggled = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for status, lines in ((501, ["Transfer-Encoding: chunked"]),
                              (400, ["Transfer-Encoding: chunked", "Content-Length: 5"]),
                              (400, ["Content-Length: 5", "Transfer-Encoding: chunked"]),
                              (400, ["Content-Length: 0", "Content-Length: 40"]),
                              (400, ["Content-Length: 0, 40"]), (400, ["Content-Length: +5"]),
                              (400, ["Content-Length: 5 5"]), (400, ["Content-Length : 5"]),
                              (501, ["Transfer-Encoding: xchunked"]),
                              (501, ["Transfer-Encoding:\tchunked"]),
                              (400, ["Transfer-Encoding : chunked"]),
                              (400, ["X: y", "\tTransfer-Encoding: chunked"])):
            data = request("/", *lines, method="POST", body=b"0\r\n\r\n" + smuggled)
            self.assertEqual(self.status(server, data), status, lines)
        self.assertNotIn("smuggled", server.log())

    def test_is_not_called_by_a_foreign_name(self):
        server = self.serve("http", options=["--http-name", "box.example"])
        for name, status in (("evil.example", 421), ("localhost.evil.example", 421), ("", 200),
                             ("127.0.0.1", 200), ("[::1]:80", 200), ("LOCALHOST.", 200),
                             ("Box.Example:8000", 200), ("other.box.example", 421)):
            self.assertEqual(self.ask(server, request(host=name))[0].status, status, name)

    def test_wrong_options_are_told(self):
        for options in (["--http", "localhost"],
                        ["--http", "127.0.0.1:0", "--http-max-clients", "0"],
                        ["--http", "127.0.0.1:0", "--http-name", "a:80"],
                        ["--http-max-clients", "5", "--echo", "127.0.0.1:0"]):
            result = run("serve", *options)
            self.assertEqual(result.returncode, 2, options)
            self.assertIn("--http", result.stderr)

    # --- who else is there ------------------------------------------------------------------------

    def test_slow_clients_harm_nobody(self):
        server = self.serve("http")
        slow = [self.connect(server, "http") for _ in range(50)]
        for client in slow:
            client.sendall(b"GET /heal")
        self.assert_healthy(server)
        for client in slow:
            client.sendall(request()[len(b"GET /heal"):])
        for client in slow:
            self.assertEqual(Answer(client.makefile("rb")).status, 200)

    def test_a_client_that_does_not_read_is_not_read_from(self):
        server = self.serve("http")
        before = server.resident_kib()
        client = self.connect(server, "http")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        data = request("/metrics") * 1000
        send_until_stuck(client, data, 200 << 20, quiet=1)
        self.assert_healthy(server)
        if not is_sanitized():
            self.assertLess(server.resident_kib() - before, 8 << 10)
        reset(client)
        self.assert_healthy(server)

    def test_many_clients_are_answered_at_once(self):
        server = self.serve("http")
        clients = [self.connect(server, "http") for _ in range(300)]
        for client in clients:
            client.sendall(request())
        for client in clients:
            self.assertEqual(Answer(client.makefile("rb")).body, b"ok\n")
        self.assert_healthy(server)

    def test_a_full_house_makes_room(self):
        server = self.serve("http", options=["--http-max-clients", "4"])
        idle = [self.connect(server, "http") for _ in range(3)]
        for client in idle:
            client.sendall(request())
            self.assertEqual(Answer(client.makefile("rb")).status, 200)
        for _ in range(3):
            self.assert_healthy(server)

    def test_clients_that_vanish_leave_nothing_behind(self):
        server = self.serve("http")
        self.assert_healthy(server)
        before = server.descriptors()
        for data in (b"", b"GET /", request(), request()[:-1], request("/") * 100):
            for _ in range(20):
                client = server.connect("http")
                client.sendall(data)
                reset(client)
        self.assert_healthy(server)
        wait_until(lambda: server.descriptors() <= before, "the connections to be gone")

    def test_a_client_that_ended_its_sending_gets_its_answers(self):
        server = self.serve("http")
        found = self.ask(server, request("/") * 200)
        self.assertEqual([answer.status for answer in found], [200] * 200)
        self.assertEqual(self.ask(server, request()[:20])[0].status, 400)
        self.assertEqual(self.ask(server, b""), [])

    # --- the end ----------------------------------------------------------------------------------

    def test_a_drain_answers_what_has_begun_and_ends(self):
        server = self.serve("http")
        idle = self.connect(server, "http")
        idle.sendall(request())
        file = idle.makefile("rb")
        self.assertEqual(Answer(file).status, 200)
        begun = self.connect(server, "http")
        begun.sendall(request()[:10])
        arrived(begun)
        self.assert_healthy(server)
        server.signal(signal.SIGTERM)
        self.assertEqual(file.read(), b"")
        self.assertTrue(is_silent(begun))
        begun.sendall(request()[10:])
        answer = Answer(begun.makefile("rb"))
        self.assertEqual((answer.status, answer.headers["connection"]), (503, "close"))
        idle.close()
        begun.close()
        self.assertEqual(server.wait(), 0)

    def test_serves_on_every_selector(self):
        for selector in ("epoll", "poll", "select"):
            server = self.serve("http", options=["--selector", selector])
            self.assertEqual(self.status(server, request("/", "Connection: close")), 200)


if __name__ == "__main__":
    unittest.main()
