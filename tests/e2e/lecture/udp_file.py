"""A file over UDP: `r` receives into the working directory until 2 s of silence, `s` sends one."""
import os
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if sys.argv[1] == "r":
    sock.bind(("127.0.0.1", 0))
    print(sock.getsockname()[1], flush=True)
    name, address = sock.recvfrom(1024)
    sock.sendto(b"OK", address)
    sock.settimeout(2)
    with open(name.decode(), "wb") as file:
        try:
            while True:
                data, address = sock.recvfrom(1024)
                file.write(data)
        except socket.timeout:
            print("received", name.decode())
else:
    server = (sys.argv[2], int(sys.argv[3]))
    path = sys.argv[4]
    sock.sendto(os.path.basename(path).encode(), server)
    answer, address = sock.recvfrom(1024)
    if answer == b"OK":
        with open(path, "rb") as file:
            data = file.read(1024)
            while data:
                sock.sendto(data, server)
                data = file.read(1024)
        print("sent", path)
sock.close()
