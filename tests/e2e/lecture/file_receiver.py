"""Says ready, takes the file's name by one recv, and its bytes till the end: new_NAME."""
import socket
import sys

sock = socket.socket()
sock.connect((sys.argv[1], int(sys.argv[2])))
sock.send("ready".encode())
name = sock.recv(1024).decode()
with open("new_" + name, "wb") as file:
    while True:
        data = sock.recv(1024)
        if not data:
            break
        file.write(data)
sock.close()
print("received", name)
