"""Answers a number from 1 to 10 by its word; a message is what one recv gives."""
import socket

WORDS = {"1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six",
         "7": "seven", "8": "eight", "9": "nine", "10": "ten"}

sock = socket.socket()
sock.bind(("127.0.0.1", 0))
sock.listen(5)
print(sock.getsockname()[1], flush=True)
while True:
    client, address = sock.accept()
    while True:
        request = client.recv(1024).decode()
        if not request:
            break
        client.send(WORDS.get(request.strip(), "wrong number").encode())
    client.close()
