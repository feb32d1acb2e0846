"""The servers that compare_chat.py measures: the raw fan-out, sluice, and each broker on the PATH.

Each listens on the loopback with a configuration of its own in a temporary folder, keeps nothing
on disk, and has its bounds for slow readers lifted, so that it is measured and not its throttle.
"""

import os
import shutil
import subprocess

from measuring import Server, free_port

NATS = """\
host: 127.0.0.1
port: {port}
max_pending: 4294967296
write_deadline: "120s"
log_file: "{folder}/nats.log"
"""

# TCP_NODELAY is off by default; with it the broker is measured at its best.
MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 2000000000
set_tcp_nodelay true
log_dest none
"""


class ChatServer(Server):
    """`wire` is what chat_load calls its protocol; `port`, if it does not say where it listens."""

    def __init__(self, command, wire, port=None):
        self.wire, self.port = wire, port
        super().__init__(command)


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def start_redis(_):
    port = free_port()
    return ChatServer(
        f"redis-server --port {port} --bind 127.0.0.1 --save '' --appendonly no --loglevel warning"
        " --maxclients 15000 --client-output-buffer-limit pubsub 0 0 0",
        "redis", port,
    )


def start_nats(folder):
    port = free_port()
    path = write(folder, "nats.conf", NATS.format(port=port, folder=folder))
    return ChatServer(f"nats-server -c {path}", "nats", port)


def start_mosquitto(folder):
    port = free_port()
    path = write(folder, "mosquitto.conf", MOSQUITTO.format(port=port))
    return ChatServer(f"mosquitto -c {path}", "mqtt", port)


PEERS = {
    "redis": ("redis-server", start_redis),
    "nats": ("nats-server", start_nats),
    "mosquitto": ("mosquitto", start_mosquitto),
}


def available(build, sluice, sluice_options=""):
    """({name: start(folder)}, {name: why it is left out}), raw and sluice first."""
    found = {"raw": lambda _: ChatServer(f"{build}/bench/raw/raw_fanout", "raw")}
    left_out = {}
    text = subprocess.run([sluice, "serve", "--help"], capture_output=True, text=True, timeout=60)
    if "--chat" in text.stdout + text.stderr:
        found["sluice"] = lambda _: ChatServer(
            f"{sluice} serve --chat 127.0.0.1:0 --chat-rate 0 --log-level warning {sluice_options}",
            "sluice",
        )
    else:
        left_out["sluice"] = "has no --chat"
    for name, (program, start) in PEERS.items():
        if shutil.which(program):
            found[name] = start
        else:
            left_out[name] = "not installed"
    return found, left_out
