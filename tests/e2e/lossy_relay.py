#!/usr/bin/env python3
"""A UDP relay that loses, doubles, reorders and delays what passes through it.

    python3 lossy_relay.py --listen 127.0.0.1:0 --to 127.0.0.1:69 --loss 5 --double 2 --reorder 3

forwards what clients send to its address, and the answers back. A server that answers from another
port, as TFTP does, gets another port of the relay's, and what the client sends there goes to that
port of the server: each side sees the other's ports change as they do without a relay between.
It prints its address and the seed, from which chance is the same again; at its end, by SIGTERM or
SIGINT, what it did. All is done to each direction on its own.

As a module: `with Relay(("127.0.0.1", port), loss=5) as relay: … relay.address`.
"""

import argparse
import collections
import heapq
import random
import select
import signal
import socket
import sys
import threading
import time

MAX_DATAGRAM = 65536
BATCH = 64           # datagrams of one socket before the others have their turn
HELD_SECONDS = 0.01  # a reordered datagram waits so long for the next one to pass it
IDLE_SECONDS = 120   # until a client that says nothing is forgotten
BUFFER_BYTES = 4 << 20
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33  # socket(7); the socket module does not have them


def udp_socket(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    for force, plain in ((SO_RCVBUFFORCE, socket.SO_RCVBUF), (SO_SNDBUFFORCE, socket.SO_SNDBUF)):
        try:
            sock.setsockopt(socket.SOL_SOCKET, force, BUFFER_BYTES)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, plain, BUFFER_BYTES)
    return sock


class Direction:
    """What chance does to the datagrams of one direction."""

    def __init__(self, name, seed, loss, double, reorder):
        self.random = random.Random(f"{seed} {name}").random
        self.loss, self.double, self.reorder = loss / 100, double / 100, reorder / 100
        self.counts = collections.Counter()

    def fate(self):
        """How often the next one is sent, and whether the one after it is to pass it."""
        lost, doubled, late = self.random(), self.random(), self.random()
        self.counts["seen"] += 1
        if lost < self.loss:
            self.counts["lost"] += 1
            return 0, False
        copies = 2 if doubled < self.double else 1
        self.counts["doubled"] += copies - 1
        is_late = late < self.reorder
        self.counts["reordered"] += is_late
        return copies, is_late


class Flow:
    """One way through the relay: who sends through `sock` to `to`, in which direction."""

    def __init__(self, sock, to, direction):
        self.sock, self.to, self.direction = sock, to, direction
        self.held = None  # waits for the next one to pass it


class Client:
    """A client: the socket by which the server knows it, and for each port from which the server
    has answered the socket by which the client knows that."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.ports = {}
        self.last_heard = time.monotonic()


class Relay:
    def __init__(self, to, listen=("127.0.0.1", 0), loss=0, double=0, reorder=0, delay=0,
                 seed=None):
        """Loss, doubling and reordering in percent, the delay in milliseconds, each way."""
        self.seed = random.randrange(1 << 32) if seed is None else seed
        self.up = Direction("up", self.seed, loss, double, reorder)
        self.down = Direction("down", self.seed, loss, double, reorder)
        self.delay = delay / 1000
        self.server = socket.getaddrinfo(*to[:2], type=socket.SOCK_DGRAM)[0][4]
        self.host = listen[0]
        self.epoll = select.epoll()
        self.readers = {}  # descriptor: (socket, what to do with (bytes, sender))
        self.clients = {}
        self.flows = {}
        self.later = []  # heap of (when, order, flow, bytes or None for what is held)
        self.order = 0
        self.buffer = bytearray(MAX_DATAGRAM)
        self.front = self.listen(listen, self.from_client)
        self.address = self.front.getsockname()[:2]
        self.stopping, self.stop_writer = socket.socketpair()
        self.epoll.register(self.stopping, select.EPOLLIN)

    # --- sockets ------------------------------------------------------------------------------

    def listen(self, address, receive):
        sock = udp_socket(address[0])
        sock.bind(address)
        self.readers[sock.fileno()] = (sock, receive)
        self.epoll.register(sock, select.EPOLLIN)
        return sock

    def forget(self, sock):
        self.epoll.unregister(sock)
        del self.readers[sock.fileno()]
        sock.close()

    def forget_idle(self, now):
        for address, client in list(self.clients.items()):
            if now - client.last_heard > IDLE_SECONDS:
                for sock in [client.upstream, *client.ports.values()]:
                    self.forget(sock)
                    self.flows = {key: flow for key, flow in self.flows.items()
                                  if flow.sock is not sock}
                del self.clients[address]

    def flow(self, sock, to, direction):
        key = (sock, to)
        if key not in self.flows:
            self.flows[key] = Flow(sock, to, direction)
        return self.flows[key]

    # --- what arrives -------------------------------------------------------------------------

    def client_at(self, address):
        client = self.clients.get(address)
        if not client:
            host = self.server[0] if self.server[0] in ("127.0.0.1", "::1") else ""
            any_host = "::" if ":" in self.server[0] else "0.0.0.0"
            upstream = self.listen(
                (host or any_host, 0),
                lambda data, sender: self.from_server(address, data, sender))
            client = self.clients[address] = Client(upstream)
        client.last_heard = time.monotonic()
        return client

    def from_client(self, data, sender):
        self.forward(self.flow(self.client_at(sender).upstream, self.server, self.up), data)

    def from_server(self, address, data, sender):
        client = self.client_at(address)
        if sender == self.server:
            sock = self.front
        else:
            sock = client.ports.get(sender)
        if not sock:
            def answer(data, who):
                # As without a relay: what a stranger sends to that port comes from a stranger.
                self.forward(self.flow(self.client_at(who).upstream, sender, self.up), data)

            sock = client.ports[sender] = self.listen((self.host, 0), answer)
        self.forward(self.flow(sock, address, self.down), data)

    # --- what leaves --------------------------------------------------------------------------

    def forward(self, flow, data):
        copies, is_late = flow.direction.fate()
        if copies == 0:
            return
        if is_late and flow.held is None:
            flow.held = (data, copies)
            self.put_off(HELD_SECONDS, flow, None)
            return
        for _ in range(copies):
            self.leave(flow, data)
        self.let_go(flow)

    def let_go(self, flow):
        if flow.held:
            (data, copies), flow.held = flow.held, None
            for _ in range(copies):
                self.leave(flow, data)

    def leave(self, flow, data):
        self.put_off(self.delay, flow, data) if self.delay else self.send(flow, data)

    def put_off(self, seconds, flow, data):
        self.order += 1
        heapq.heappush(self.later, (time.monotonic() + seconds, self.order, flow, data))

    @staticmethod
    def send(flow, data):
        try:
            flow.sock.sendto(data, flow.to)
        except OSError:  # a full buffer or a peer that has gone: lost, as on any way
            flow.direction.counts["refused"] += 1

    # --- the loop -----------------------------------------------------------------------------

    def send_what_is_due(self):
        """Returns the seconds until the next is; -1 for none."""
        while self.later:
            left = self.later[0][0] - time.monotonic()
            if left > 0:
                return left
            _, _, flow, data = heapq.heappop(self.later)
            if data is None:
                self.let_go(flow)
            else:
                self.send(flow, data)
        return -1

    def read(self, sock, receive):
        for _ in range(BATCH):
            try:
                size, sender = sock.recvfrom_into(self.buffer)
            except OSError:
                return
            receive(bytes(memoryview(self.buffer)[:size]), sender)

    def run(self):
        looked = time.monotonic()
        while True:
            for descriptor, _ in self.epoll.poll(self.send_what_is_due()):
                if descriptor == self.stopping.fileno():
                    return
                if descriptor in self.readers:
                    self.read(*self.readers[descriptor])
            if time.monotonic() - looked > IDLE_SECONDS / 4:
                looked = time.monotonic()
                self.forget_idle(looked)

    def stop(self):
        """Ends run(); from another thread or a signal handler."""
        self.stop_writer.send(b"x")

    def close(self):
        for sock, _ in list(self.readers.values()):
            self.forget(sock)
        self.stopping.close()
        self.stop_writer.close()
        self.epoll.close()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.thread.join()
        self.close()

    def __str__(self):
        ways = "; ".join(f"{name}: " + (", ".join(f"{count} {what}" for what, count in
                                                  way.counts.items() if count) or "nothing")
                         for name, way in (("up", self.up), ("down", self.down)))
        return f"seed {self.seed}; {ways}"


def host_and_port(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def main():
    words = argparse.ArgumentParser(description=__doc__,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--listen", type=host_and_port, default=("127.0.0.1", 0))
    words.add_argument("--to", type=host_and_port, required=True)
    for name in ("loss", "double", "reorder"):
        words.add_argument(f"--{name}", type=float, default=0, metavar="PERCENT")
    words.add_argument("--delay", type=float, default=0, metavar="MILLISECONDS")
    words.add_argument("--seed", type=int)
    relay = Relay(**vars(words.parse_args()))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: relay.stop())
    host = f"[{relay.address[0]}]" if ":" in relay.address[0] else relay.address[0]
    print(f"relay listening on {host}:{relay.address[1]} seed {relay.seed}", flush=True)
    relay.run()
    print(relay, file=sys.stderr)
    relay.close()


if __name__ == "__main__":
    main()
