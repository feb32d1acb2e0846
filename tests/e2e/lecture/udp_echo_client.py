"""Sends one datagram to a UDP echo server and prints what comes back."""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.sendto(b"Hello, UDP", (sys.argv[1], int(sys.argv[2])))
data, address = sock.recvfrom(1024)
print("Received", repr(data))
sock.close()
