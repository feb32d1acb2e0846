"""Waits for ready, sends the file's name and then its bytes by sendfile, a client at a time."""
import os
import socket
import sys
import time

path = sys.argv[1]
sock = socket.socket()
sock.bind(("127.0.0.1", 0))
sock.listen(1)
print(sock.getsockname()[1], flush=True)
while True:
    client, address = sock.accept()
    if client.recv(1024):
        client.send(os.path.basename(path).encode())
        time.sleep(0.3)
        with open(path, "rb") as file:
            client.sendfile(file)
    client.close()
