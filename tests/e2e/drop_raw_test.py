"""drop, the raw form: all bytes of one connection are one file, output_N.txt."""

import os
import re
import unittest

from harness import (MAGIC, ServerTest, arrived, exchange, in_parallel, is_silent, pattern,
                     receive_all, reset)


class DropRaw(ServerTest):
    def test_stores_the_bytes_unchanged(self):
        server = self.serve("drop")
        contents = [bytes(range(256)) * 3, b"\r\n\n\0", b"x", b"\xff\xd8\xff\xe0", pattern(3 << 20)]
        for number, data in enumerate(contents):
            self.assertEqual(server.ask("drop", data), b"")
            self.assertEqual((server.drop_dir / f"output_{number}.txt").read_bytes(), data)
        self.assertEqual(len(server.stored()), len(contents))

    def test_the_file_is_there_when_the_server_closes(self):
        server = self.serve("drop")
        for number in range(50):
            server.ask("drop", b"%d" % number)
            self.assertEqual(len(server.stored()), number + 1)

    def test_a_connection_without_a_byte_leaves_nothing(self):
        server = self.serve("drop")
        for _ in range(10):
            self.assertEqual(server.ask("drop"), b"")
        self.assertEqual(server.stored(), [])
        server.ask("drop", b"a file")
        self.assertEqual(server.stored(), ["output_0.txt"])

    def test_takes_the_lowest_free_number(self):
        server = self.serve("drop")
        for data in (b"a", b"b", b"c"):
            server.ask("drop", data)
        os.remove(server.drop_dir / "output_1.txt")
        server.ask("drop", b"d")
        server.ask("drop", b"e")
        self.assertEqual(server.stored(), [f"output_{n}.txt" for n in range(4)])
        self.assertEqual((server.drop_dir / "output_1.txt").read_bytes(), b"d")
        self.assertEqual((server.drop_dir / "output_3.txt").read_bytes(), b"e")

    def test_never_overwrites_what_is_there(self):
        server = self.serve("drop")
        (server.drop_dir / "output_0.txt").write_bytes(b"precious")
        (server.drop_dir / "output_1.txt").symlink_to("nowhere")
        (server.drop_dir / "output_2.txt").mkdir()
        server.ask("drop", b"new")
        self.assertEqual((server.drop_dir / "output_0.txt").read_bytes(), b"precious")
        self.assertEqual((server.drop_dir / "output_3.txt").read_bytes(), b"new")
        self.assertEqual(len(server.stored()), 4)

    def test_a_name_taken_meanwhile_by_somebody_else_is_not_overwritten(self):
        server = self.serve("drop")
        client = self.connect(server, "drop")
        client.sendall(b"beginning")
        arrived(client)
        server.settle("drop")
        (server.drop_dir / "output_0.txt").write_bytes(b"precious")
        self.assertEqual(exchange(client, b" and end"), b"")
        self.assertEqual((server.drop_dir / "output_0.txt").read_bytes(), b"precious")
        self.assertEqual((server.drop_dir / "output_1.txt").read_bytes(), b"beginning and end")

    def test_the_first_byte_decides_on_the_number(self):
        server = self.serve("drop")
        first, second = self.connect(server, "drop"), self.connect(server, "drop")
        for client, data in ((second, b"second"), (first, b"first")):
            client.sendall(data)
            arrived(client)
            server.settle("drop")
        for client in (first, second):
            self.assertEqual(exchange(client, b"!"), b"")
        self.assertEqual((server.drop_dir / "output_0.txt").read_bytes(), b"second!")
        self.assertEqual((server.drop_dir / "output_1.txt").read_bytes(), b"first!")

    def test_numbers_stay_right_in_a_directory_of_thousands(self):
        server = self.serve("drop")
        there = {f"output_{number}.txt" for number in range(3000)} - {"output_255.txt"}
        for name in there:
            (server.drop_dir / name).write_bytes(b"precious")
        server.ask("drop", b"the last of the low ones")
        self.assertEqual((server.drop_dir / "output_255.txt").read_bytes(),
                         b"the last of the low ones")
        contents = [b"new %d" % number for number in range(20)]
        clients = [self.connect(server, "drop") for _ in contents]
        for client, data in zip(clients, contents):
            client.sendall(data)
            arrived(client)
            server.settle("drop")
        for client in clients:
            self.assertEqual(exchange(client, b"!"), b"")
        added = set(server.stored()) - there - {"output_255.txt"}
        self.assertTrue(all(re.fullmatch(r"output_\d+\.txt", name) for name in added), added)
        self.assertEqual(sorted((server.drop_dir / name).read_bytes() for name in added),
                         sorted(data + b"!" for data in contents))
        for name in there:
            self.assertEqual((server.drop_dir / name).read_bytes(), b"precious")

    def test_nothing_is_under_a_final_name_before_the_end(self):
        server = self.serve("drop")
        client = self.connect(server, "drop")
        client.sendall(pattern(200_000))
        arrived(client)
        server.settle("drop")
        self.assertEqual([name for name in server.stored() if not name.startswith(".")], [])
        exchange(client, b"")
        self.assertEqual(server.stored(), ["output_0.txt"])

    def test_many_clients_at_once_do_not_mix(self):
        server = self.serve("drop")
        contents = [pattern(300_000 + number, seed=number) for number in range(24)]
        in_parallel([lambda data=data: server.ask("drop", data) for data in contents])
        self.assertEqual(sorted(server.stored()),
                         sorted(f"output_{n}.txt" for n in range(len(contents))))
        stored = {(server.drop_dir / name).read_bytes() for name in server.stored()}
        self.assertEqual(stored, set(contents))

    def test_a_reset_at_any_point_leaves_nothing(self):
        server = self.serve("drop")
        for size in (0, 1, 7, 8, 100, 65_536, 1_000_000):
            client = server.connect("drop")
            client.sendall(pattern(size))
            if size < 100_000:
                arrived(client)
                server.settle("drop")
            reset(client)
        server.wait_for_log("reset by peer", 7)
        self.assertEqual(server.stored(), [])
        server.ask("drop", b"the next")
        self.assertEqual((server.drop_dir / "output_0.txt").read_bytes(), b"the next")

    def test_a_beginning_of_the_magic_is_a_raw_file(self):
        server = self.serve("drop")
        contents = [MAGIC[:length] for length in range(1, 8)]
        contents += [MAGIC[:length] + b"x" * 50 for length in range(8)]
        contents += [MAGIC[:7] + b"\1", b"\0" + MAGIC]
        for number, data in enumerate(contents):
            server.ask("drop", data)
            self.assertEqual((server.drop_dir / f"output_{number}.txt").read_bytes(), data)

    def test_the_magic_cut_apart_by_packets_is_no_raw_file_until_it_differs(self):
        server = self.serve("drop")
        client = self.connect(server, "drop")
        for byte in (MAGIC[:1], MAGIC[1:4], b"no magic"):
            client.sendall(byte)
            arrived(client)
            server.settle("drop")
        exchange(client, b"")
        self.assertEqual((server.drop_dir / "output_0.txt").read_bytes(), MAGIC[:4] + b"no magic")

    def test_a_client_may_think_before_its_first_byte(self):
        server = self.serve("drop")
        client = self.connect(server, "drop")
        self.assertTrue(is_silent(client, 0.5))
        exchange(client, b"at last")
        self.assertEqual((server.drop_dir / "output_0.txt").read_bytes(), b"at last")

    def test_a_byte_at_a_time_is_one_file(self):
        server = self.serve("drop")
        client = self.connect(server, "drop")
        for byte in b"slow but sure":
            client.sendall(bytes([byte]))
            server.settle("drop")
        exchange(client, b"")
        self.assertEqual((server.drop_dir / "output_0.txt").read_bytes(), b"slow but sure")

    def test_a_file_over_the_largest_size_is_refused_with_a_sentence(self):
        server = self.serve("drop", options=["--drop-max-size", "1000"])
        self.assertEqual(server.ask("drop", pattern(1000)), b"")
        self.assertTrue(server.ask("drop", pattern(1001)).startswith(b"error: "))
        self.assertEqual(server.stored(), ["output_0.txt"])

    def test_the_log_tells_what_was_stored(self):
        server = self.serve("drop")
        server.ask("drop", b"12345")
        server.wait_for_log(r"info drop: 127.0.0.1:\d+ stored output_0.txt, 5 bytes")


class DropClients(ServerTest):
    def test_ends_when_so_many_have_been_served(self):
        server = self.serve("drop", options=["--drop-clients", "3"])
        for number in range(3):
            self.assertIsNone(server.process.poll())
            server.ask("drop", b"%d" % number)
        self.assertEqual(server.wait(), 0)
        self.assertEqual(server.stored(), [f"output_{n}.txt" for n in range(3)])

    def test_serves_so_many_at_once_too(self):
        server = self.serve("drop", options=["--drop-clients", "5"])
        in_parallel([lambda n=n: server.ask("drop", pattern(100_000, n)) for n in range(5)])
        self.assertEqual(server.wait(), 0)
        self.assertEqual(len(server.stored()), 5)

    def test_a_client_that_sends_nothing_does_not_count(self):
        server = self.serve("drop", options=["--drop-clients", "1"])
        server.ask("drop")
        reset(server.connect("drop"))
        server.ask("drop", b"the one")
        self.assertEqual(server.wait(), 0)
        self.assertEqual(server.stored(), ["output_0.txt"])

    def test_one_more_client_is_not_served(self):
        server = self.serve("drop", options=["--drop-clients", "1"])
        first, second = self.connect(server, "drop"), self.connect(server, "drop")
        second.sendall(b"second")
        self.assertEqual(exchange(first, b"first"), b"")
        first.close()
        self.assertEqual(server.wait(), 0)
        try:
            self.assertEqual(receive_all(second), b"")
        except ConnectionResetError:
            pass
        self.assertEqual(server.stored(), ["output_0.txt"])
        self.assertEqual((server.drop_dir / "output_0.txt").read_bytes(), b"first")


if __name__ == "__main__":
    unittest.main()
