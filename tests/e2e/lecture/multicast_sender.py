"""Sends one message to a multicast group, as far as two routers away."""
import socket
import sys

GROUP, PORT = sys.argv[1], int(sys.argv[2])

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP)
sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 2)
sock.sendto(b"Hello, multicast", (GROUP, PORT))
