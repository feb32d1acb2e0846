"""Says something to everybody on a network, three times."""
import socket
import sys
import time

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for number in range(3):
    sock.sendto(f"announcement {number}".encode(), (sys.argv[1], int(sys.argv[2])))
    time.sleep(0.1)
sock.close()
