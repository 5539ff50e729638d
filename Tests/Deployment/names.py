"""A name server for tests: answers A questions from a table on a loopback address of its own, and notes what it was asked."""

import socket
import struct
import threading

# The port that resolvers ask is fixed, so the address is what is ours.
ADDRESS = ("127.83.31.53", 53)


class Server:
    def __init__(self, table):
        self.address = ADDRESS[0]
        self.table = table
        self.asked = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.socket.bind(ADDRESS)
        self.socket.settimeout(0.2)
        self.running = True
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.thread.join()
        self.socket.close()

    def serve(self):
        while self.running:
            try:
                question, peer = self.socket.recvfrom(1024)
            except TimeoutError:
                continue
            self.socket.sendto(self.answer(question), peer)

    def answer(self, question):
        """RFC 1035 §4: one question; the answer's name points back at it."""
        labels, offset = [], 12
        while length := question[offset]:
            labels.append(question[offset + 1:offset + 1 + length].decode())
            offset += 1 + length
        kind = struct.unpack_from("!H", question, offset + 1)[0]
        name = ".".join(labels).lower()
        self.asked.add(name)
        known = self.table.get(name)
        records = b""
        if known and kind == 1:
            records = struct.pack("!HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(known)
        status = 0x8180 if known else 0x8183
        head = question[:2] + struct.pack("!HHHHH", status, 1, 1 if records else 0, 0, 0)
        return head + question[12:offset + 5] + records
