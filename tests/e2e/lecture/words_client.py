"""Sends the numbers it is given, one send each and no newline, and prints the answers."""
import socket
import sys

sock = socket.socket()
sock.connect((sys.argv[1], int(sys.argv[2])))
for number in sys.argv[3:]:
    sock.send(number.encode())
    print(sock.recv(1024).decode())
sock.close()
