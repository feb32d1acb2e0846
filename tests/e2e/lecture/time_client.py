"""Asks a time server for the time."""
import socket
import sys

sock = socket.socket()
sock.connect((sys.argv[1], int(sys.argv[2])))
print("Time:", sock.recv(1024).decode())
sock.close()
