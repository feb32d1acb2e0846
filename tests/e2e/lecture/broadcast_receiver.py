"""Prints three datagrams that came to everybody, each with its sender."""
import socket

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", 0))
print(sock.getsockname()[1], flush=True)
for _ in range(3):
    data, address = sock.recvfrom(1024)
    print(address[0], data.decode(), flush=True)
sock.close()
