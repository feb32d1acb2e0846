"""Joins a multicast group, prints one message that comes, and leaves."""
import socket
import struct
import sys

GROUP = sys.argv[1]

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind(("", 0))
member = struct.pack("4sl", socket.inet_aton(GROUP), socket.INADDR_ANY)
sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
print(sock.getsockname()[1], flush=True)
data, address = sock.recvfrom(1024)
print("Received", repr(data), flush=True)
sock.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, member)
