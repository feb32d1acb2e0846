"""Takes so many files, one client after the other, as output_0.txt, output_1.txt, …"""
import socket
import sys

clients = int(sys.argv[1])
sock = socket.socket()
sock.bind(("127.0.0.1", 0))
sock.listen(5)
print(sock.getsockname()[1], flush=True)
for number in range(clients):
    client, address = sock.accept()
    with open(f"output_{number}.txt", "wb") as file:
        while True:
            data = client.recv(1024)
            if not data:
                break
            file.write(data)
    client.close()
sock.close()
