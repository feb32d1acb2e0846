"""Tells the time to whoever connects."""
import socket
import time

sock = socket.socket()
sock.bind(("127.0.0.1", 0))
sock.listen(5)
print(sock.getsockname()[1], flush=True)
while True:
    client, address = sock.accept()
    client.send(time.ctime(time.time()).encode())
    client.close()
