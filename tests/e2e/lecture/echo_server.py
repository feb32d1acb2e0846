"""Echoes to one client after the other, for ever; says how each of them ended."""
import socket

with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    s.listen()
    print(s.getsockname()[1], flush=True)
    while True:
        conn, addr = s.accept()
        with conn:
            try:
                while True:
                    data = conn.recv(1024)
                    if not data:
                        print("FIN from", addr[0], flush=True)
                        break
                    conn.sendall(data)
            except ConnectionResetError:
                print("RST from", addr[0], flush=True)
