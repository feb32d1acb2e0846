"""What somebody meets who tries the program and the makefile without having read anything."""

import os
import pathlib
import re
import resource
import stat
import subprocess
import tempfile
import unittest

from harness import (BUILD, MAY_REPLACE, PROGRAM, ROOT, Server, ServerTest, is_sanitized, run,
                     upload)

MEMORY = 512 << 20  # more than any command needs, less than an endless line


class NewcomerTest(ServerTest):
    def setUp(self):
        self.folder = pathlib.Path(
            self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-test-")))

    def shell(self, command, status, **how):
        """Runs `sluice` as "$S" by a shell, which can close standard streams."""
        done = subprocess.run(["bash", "-c", command], cwd=self.folder, capture_output=True,
                              text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=30,
                              env={**os.environ, "S": str(PROGRAM)}, **how)
        self.assertEqual(done.returncode, status, done)
        return done


class ClosedAndFull(NewcomerTest):
    """A standard stream that is closed or full is an error that is told, never another socket."""

    def test_a_closed_standard_output_is_an_error(self):
        with Server("echo", "time", "words", "offer") as server:
            at = server.addresses
            for command in (f"echo {at['echo']} hello", f"time {at['time']}",
                            f"words {at['words']} 7", f"receive -o - {at['offer']}"):
                with self.subTest(command):
                    self.shell(f'timeout 10 "$S" {command} >&-', 1)

    def test_a_closed_standard_input_is_not_waited_for(self):
        with Server("echo", "words") as server:
            for service in ("echo", "words"):
                with self.subTest(service):
                    self.shell(f'timeout 10 "$S" {service} {server.addresses[service]} <&-', 1)

    def test_a_standard_input_that_cannot_be_read_is_an_error(self):
        with Server("echo", "words") as server:
            for service in ("echo", "words"):
                with self.subTest(service):
                    command = f'timeout 10 "$S" {service} {server.addresses[service]} </'
                    done = self.shell(command, 1)
                    self.assertIn("Is a directory", done.stderr)

    def test_everything_closed_still_transfers(self):
        (self.folder / "file").write_bytes(b"contents")
        with Server("drop", "offer") as server:
            closed = "<&- >&- 2>&-"
            self.shell(f'"$S" drop file {server.addresses["drop"]} {closed}', 0)
            self.assertEqual((server.drop_dir / "file").read_bytes(), b"contents")
            self.shell(f'"$S" receive -o got {server.addresses["offer"]} {closed}', 0)
            self.assertEqual((self.folder / "got").read_bytes(), b"offered")

    def test_a_log_without_standard_error_gets_into_no_file(self):
        command = 'exec "$0" "$@" <&- 2>&-'
        server = Server("drop", "echo", options=("--log-level", "debug"))
        server.command = ["bash", "-c", command, *server.command]
        with server:
            for i in range(3):
                self.assertEqual(upload(server, b"f%d" % i, b"x" * 10000).status, 0)
                self.assertEqual((server.drop_dir / f"f{i}").read_bytes(), b"x" * 10000)

    def test_a_full_disk_under_help_and_version_is_an_error(self):
        for words in ("--help", "--version", "serve --help"):
            with self.subTest(words):
                self.shell(f'"$S" {words} >/dev/full', 1)

    def test_a_full_disk_under_the_summary_of_an_upload_is_an_error(self):
        (self.folder / "file").write_bytes(b"contents")
        with Server("drop") as server:
            self.shell(f'"$S" drop --verbose file {server.addresses["drop"]} >/dev/full', 1)


class SpecialFiles(NewcomerTest):
    """Only a regular file is ever replaced: as root, /dev/null could be the target."""

    def test_receive_replaces_no_fifo(self):
        os.mkfifo(self.folder / "pipe")
        with Server("offer") as server:
            done = run("receive", "--replace", "-o", "pipe", server.addresses["offer"],
                       cwd=self.folder)
        self.assertTrue(stat.S_ISFIFO(os.lstat(self.folder / "pipe").st_mode), done)
        self.assertEqual(done.returncode, 1, done)

    def test_drop_replaces_no_fifo(self):
        with Server("drop") as server:
            os.mkfifo(server.drop_dir / "pipe")
            reply = upload(server, b"pipe", b"contents", flags=MAY_REPLACE)
            self.assertTrue(stat.S_ISFIFO(os.lstat(server.drop_dir / "pipe").st_mode), reply)
            self.assertNotEqual(reply.status, 0)

    def test_a_file_that_has_more_than_its_size_says_is_not_sent_as_empty(self):
        with Server("drop") as server:
            done = run("drop", "/proc/version", server.addresses["drop"])
            self.assertEqual(done.returncode, 1, done)
            self.assertFalse((server.drop_dir / "version").exists())


class EndlessInput(NewcomerTest):
    """A line without an end is an error before the memory is full."""

    def setUp(self):
        super().setUp()
        if is_sanitized():
            self.skipTest("AddressSanitizer needs more address space than the limit leaves")

    @staticmethod
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def test_from_standard_input(self):
        with Server("echo", "words", "drop") as server:
            for service in ("echo", "words", "drop"):
                with self.subTest(service):
                    command = f'"$S" {service} {server.addresses[service]} </dev/zero'
                    self.shell(command, 1, preexec_fn=self.limit)

    def test_from_a_config_file(self):
        self.shell('"$S" serve --config /dev/zero', 2, preexec_fn=self.limit)


class Sentences(NewcomerTest):
    def test_drop_without_its_directory_names_the_option(self):
        self.assertIn("--drop-dir", self.shell('"$S" serve --drop 127.0.0.1:0', 1).stderr)

    def test_offer_without_its_file_names_the_option(self):
        self.assertIn("--offer-file", self.shell('"$S" serve --offer 127.0.0.1:0', 1).stderr)

    def test_help_with_a_command_is_the_help_of_that_command(self):
        self.assertEqual(run("help", "serve").stdout, run("serve", "--help").stdout)
        self.assertEqual(run("help", "nonsense").returncode, 2)

    def test_a_name_with_a_dash_goes_after_two_dashes(self):
        (self.folder / "-dash").write_bytes(b"contents")
        with Server("drop", "echo") as server:
            self.shell(f'"$S" drop -- -dash {server.addresses["drop"]}', 0)
            self.assertEqual((server.drop_dir / "-dash").read_bytes(), b"contents")
            done = self.shell(f'"$S" echo -- {server.addresses["echo"]} -x', 0)
            self.assertEqual(done.stdout, "-x\n")

    def test_a_negative_number_after_two_dashes_is_asked_for(self):
        with Server("words") as server:
            done = self.shell(f'"$S" words -- {server.addresses["words"]} -1', 0)
            self.assertIn("from 1 to 10", done.stdout)

    def test_a_directory_that_cannot_hold_the_data_is_named(self):
        (self.folder / "sluice-data").write_text("a file")
        self.assertIn("sluice-data", self.shell('"$S" serve', 1).stderr)


class UnixSocket(NewcomerTest):
    def test_is_served_and_taken_over_from_a_server_that_was_killed(self):
        address = f"unix:{self.folder}/echo.socket"
        for _ in range(2):
            server = subprocess.Popen([PROGRAM, "serve", "--echo", address],
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                self.assertEqual(server.stdout.readline().decode().strip(),
                                 "echo listening on " + address)
                self.assertEqual(run("echo", address, "hello").stdout, "hello\n")
                second = run("serve", "--echo", address)
                self.assertEqual(second.returncode, 1, second)
                self.assertIn("in use", second.stderr)
            finally:
                server.kill()
                server.wait()
                server.stdout.close()

    def test_takes_the_place_of_no_other_file(self):
        (self.folder / "precious").write_text("contents")
        done = run("serve", "--echo", f"unix:{self.folder}/precious")
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual((self.folder / "precious").read_text(), "contents")


class Making(NewcomerTest):
    """The makefile: nothing here compiles."""

    def make(self, *words, status=0, **environment):
        names = {name: value for name, value in os.environ.items()
                 if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
        done = subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True,
                              env={**names, **environment}, timeout=120)
        self.assertEqual(done.returncode, status, done)
        return done

    def need_plain_build(self):
        if BUILD.resolve() != (ROOT / "build").resolve():
            self.skipTest("the makefile's own build folder")

    def test_a_header_that_changed_compiles_whoever_includes_it(self):
        self.need_plain_build()
        said = self.make("-n", "-W", "reactor/fd.h", "-W", "protocols/echo/echo_service.h").stdout
        for name in ("reactor/socket", "protocols/echo/echo_service", "tools/serve_table"):
            self.assertIn(f"{name}.cpp", said)
        self.assertNotIn("protocols/words/words_service.cpp",
                         self.make("-n", "-W", "protocols/echo/echo_service.h").stdout)

    def test_help_tells_of_every_target_of_use(self):
        said = self.make("help").stdout
        for target in ("all", "run", "test", "bench", "sanitize", "fuzz", "static", "format",
                       "lint", "install", "clean"):
            self.assertRegex(said, rf"(?m)^  {target} +\S")

    def test_a_compiler_that_will_not_do_is_told_in_a_sentence(self):
        done = self.make("CXX=false", f"B={self.folder}/build", status=2)
        self.assertIn("g++ 12 or newer", done.stderr)

    def test_targets_that_call_make_again_warn_of_nothing(self):
        self.assertNotIn("jobserver", self.make("-n", "static").stderr)

    def test_packages_that_are_missing_are_named_with_the_command_to_type(self):
        for name, script in (("id", "echo 1000"), ("apt-get", "exit 1")):
            path = self.folder / name
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        done = subprocess.run(["/bin/sh", "tests/deps.sh", "test"], cwd=ROOT, capture_output=True,
                              text=True, env={"PATH": str(self.folder)})
        self.assertEqual(done.returncode, 1, done)
        typed = re.search(r"sudo (apt-get install .*)", done.stdout + done.stderr)
        self.assertTrue(typed, done)
        for package in ("libcriterion-dev", "curl", "python3"):
            self.assertIn(package, typed[1])

    def test_it_installs_below_destdir_and_under_the_prefix(self):
        said = self.make("-n", "install", "PREFIX=/usr", f"DESTDIR={self.folder}").stdout
        self.assertIn(f"{self.folder}/usr/bin/sluice", said)


if __name__ == "__main__":
    unittest.main()
