"""Thousands of sockets in a process of their own that costs next to nothing, so that it does not measure itself.

`python -m tests.bench.crowd PORT PATH NUMBER` opens so many, each with a session of its own, joined with all that its
page shows, and says `open`. A path that begins with `/?` is that of a bare socket. Then each line of its input is a
path to GET: it answers with how long it took until every socket had got something, in seconds, and how much, in bytes
at each.
"""

from __future__ import annotations

import gc
import html
import json
import re
import select
import socket
import sys
import time
from statistics import median

from tests.faults.vitals import allow_files

TOGETHER = 50
PATIENCE = 60.0
QUIET = 0.1
STATE = re.compile(r'data-asok-state="([^"]*)"')
CSRF = re.compile(r'data-csrf="([^"]*)"')
REACT = re.compile(r'data-asok-react="([^"]*)"')
COOKIE = re.compile(rb"set-cookie: (asok=[^;]*)", re.IGNORECASE)
SHAKE = (
    "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nOrigin: http://127.0.0.1:{}\r\nCookie: {}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def connected(port: int) -> socket.socket:
    """A socket that blocks, but not for ever."""
    made = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def whole(line: socket.socket) -> bytes:
    """All until the other end closes."""
    parts = []
    while part := line.recv(65536):
        parts.append(part)
    return b"".join(parts)


def frame(*message: object) -> bytes:
    """A message as it goes over the wire. Masked with zeros, which changes nothing: it is unmasked all the same."""
    content = json.dumps(message, separators=(",", ":")).encode()
    size = len(content)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + content


def pages(port: int, path: str, number: int) -> list[tuple[str, list[bytes], int]]:
    """So many new visitors: each one's cookie, what it says first, and the number of answers that this brings."""
    asked = [connected(port) for _ in range(number)]
    for line in asked:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
    return [first_words(whole(line)) for line in asked]


def first_words(page: bytes) -> tuple[str, list[bytes], int]:
    """What a browser would say to this page."""
    text = page.decode()
    tokens, keys = ([html.unescape(each) for each in pattern.findall(text)] for pattern in (STATE, REACT))
    cookie = COOKIE.search(page)
    csrf = html.unescape(CSRF.findall(text)[0])
    words = [frame("join", 1, csrf, "bench", [[token, 0, 0] for token in tokens])]
    words += [frame("react", keys)] if keys else []
    # A person who has clicked once: the server knows a rendering.
    words += [frame("event", token.partition(".")[0], 1, "up") for token in tokens if "ws-click" in text]
    return cookie[1].decode() if cookie else "", words, len(words)


def joined(port: int, path: str, number: int) -> list[socket.socket]:
    """So many sockets after their first words have been answered."""
    bare = path.startswith("/?")
    words = [("", [frame("hello")], 1)] * number if bare else pages(port, path, number)
    lines = [connected(port) for _ in words]
    address = path if bare else "/live"
    for line, (cookie, _, _) in zip(lines, words, strict=True):
        line.sendall(SHAKE.format(address, port, port, cookie).encode())
    rests = []
    for line, (_, said, _) in zip(lines, words, strict=True):
        head = b""
        while b"\r\n\r\n" not in head:
            head += received(line)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode())
        rests.append(head.partition(b"\r\n\r\n")[2])
        line.sendall(b"".join(said))
    for line, rest, (_, _, answers) in zip(lines, rests, words, strict=True):
        while frames_in(rest) < answers:
            rest += received(line)
    return lines


def received(line: socket.socket) -> bytes:
    """Something. Raises ConnectionError where the other end has closed."""
    if not (got := line.recv(65536)):
        raise ConnectionError("closed")
    return got


def frames_in(data: bytes) -> int:
    """How many whole frames."""
    number = 0
    while len(data) >= 2:
        size, start = data[1] & 127, 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        if len(data) < start + size:
            break
        if data[0] & 15 == 8:
            raise ConnectionError(f"closed with {data[start : start + size]!r}")
        number, data = number + 1, data[start + size :]
    return number


class Crowd:
    """The sockets, listened to all at once."""

    def __init__(self, lines: list[socket.socket]) -> None:
        self._lines = {line.fileno(): line for line in lines}
        self._ears = select.epoll()
        for number, line in self._lines.items():
            line.setblocking(False)
            self._ears.register(number, select.EPOLLIN)

    def hear(self, seconds: float) -> list[tuple[int, bytes]]:
        """What has come, at the latest after so long."""
        ready = self._ears.poll(seconds, len(self._lines))
        return [(number, received(self._lines[number])) for number, _ in ready]

    def change(self, port: int, path: str) -> dict[str, float]:
        """GET the path, and hear until every socket has got something."""
        while self.hear(QUIET):
            pass
        asking = connected(port)
        missing, sizes = set(self._lines), dict.fromkeys(self._lines, 0)
        began = time.perf_counter()
        first = 0.0
        asking.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        while missing:
            heard = self.hear(PATIENCE)
            if not heard:
                raise TimeoutError(f"{len(missing)} of {len(sizes)} sockets have got nothing after {PATIENCE:.0f} s")
            first = first or time.perf_counter() - began
            for number, data in heard:
                sizes[number] += len(data)
                missing.discard(number)
        seconds = time.perf_counter() - began
        whole(asking)
        return {"seconds": seconds, "first": first, "bytes": median(sizes.values())}


def main(port: int, path: str, number: int) -> None:
    """Open all, then do as told."""
    lines: list[socket.socket] = []
    while len(lines) < number:
        lines += joined(port, path, min(TOGETHER, number - len(lines)))
    crowd = Crowd(lines)
    gc.disable()
    print("open", flush=True)
    for told in sys.stdin:
        print(json.dumps(crowd.change(port, told.strip())), flush=True)


if __name__ == "__main__":
    allow_files()
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
