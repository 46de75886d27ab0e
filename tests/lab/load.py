"""Requests at a steady rate, from a machine of the lab: python3 load.py ADDRESS PORT RATE SECONDS

Each request is a connection of its own. Prints the clock at its start, then a line each request:
when it began, how long it took, and who answered, or what went wrong. A request fails when it is
not answered within PATIENCE_S. Needs nothing but Python's standard library, and little of an
emulated processor.
"""

from __future__ import annotations

import errno
import resource
import selectors
import socket
import sys
import time

PATIENCE_S = 20.0


class Request:
    """One request that is under way."""

    def __init__(self, begun: float, address: tuple[str, int]) -> None:
        self.begun = begun
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.sent = False
        self.text = b""
        self.socket.connect_ex(address)

    def go_on(self, question: bytes) -> str | None:
        """Do what can be done now; give who answered, or a fault that begins with ``!``."""
        try:
            if not self.sent:
                fault = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if fault:
                    return f"!{errno.errorcode[fault]}"
                self.socket.send(question)
                self.sent = True
                return None
            part = self.socket.recv(4096)
        except OSError as error:
            return f"!{errno.errorcode[error.errno or errno.EIO]}"
        self.text += part
        if part:
            return None
        head, _, body = self.text.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            return f"!{head[:40]!r}".replace(" ", "_")
        return body.decode().strip()


def main() -> None:
    """Keep the rate: what is late is made up for at once."""
    address, port, rate, seconds = sys.argv[1], *map(int, sys.argv[2:5])
    question = f"GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()
    selector = selectors.DefaultSelector()
    under_way: dict[int, Request] = {}
    lines: list[str] = []
    start = time.time()
    begun = 0

    def end(request: Request, told: str) -> None:
        selector.unregister(request.socket)
        del under_way[request.socket.fileno()]
        request.socket.close()
        lines.append(f"{request.begun - start:.3f} {time.time() - request.begun:.3f} {told}")

    # While a server is away its connections pile up for PATIENCE_S.
    most = int(2 * rate * PATIENCE_S) + 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, max(most, 4096)))
    while begun < rate * seconds or under_way:
        now = time.time()
        while begun < rate * seconds and start + begun / rate <= now:
            request = Request(time.time(), (address, port))
            under_way[request.socket.fileno()] = request
            selector.register(request.socket, selectors.EVENT_WRITE, request)
            begun += 1
        next_one = start + begun / rate if begun < rate * seconds else now + 0.5
        for key, _ in selector.select(max(0.0, min(0.5, next_one - time.time()))):
            told = key.data.go_on(question)
            if told is not None:
                end(key.data, told)
            elif key.events == selectors.EVENT_WRITE:
                selector.modify(key.data.socket, selectors.EVENT_READ, key.data)
        for request in [r for r in under_way.values() if now - r.begun > PATIENCE_S]:
            end(request, "!silence")
    print(f"{start:.3f}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
