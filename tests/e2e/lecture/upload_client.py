"""Asks for file names and sends the bytes of each over a connection of its own."""
import socket
import sys

while True:
    name = input("Enter the file name to send: (or 'exit' to end)\n")
    if name == "exit":
        break
    sock = socket.socket()
    sock.connect((sys.argv[1], int(sys.argv[2])))
    with open(name, "rb") as file:
        data = file.read(1024)
        while data:
            sock.send(data)
            data = file.read(1024)
    sock.close()
    print("sent", name)
