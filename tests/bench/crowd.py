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
from collections.abc import Iterable, Iterator
from statistics import median

from tests.faults.vitals import allow_files

TOGETHER = 50
PATIENCE = 60.0
QUIET = 0.1
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
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
        while texts_in(rest) < answers:
            rest += received(line)
    return lines


def received(line: socket.socket) -> bytes:
    """Something. Raises ConnectionError where the other end has closed."""
    if not (got := line.recv(65536)):
        raise ConnectionError("closed")
    return got


def frames(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Whole frames: what kind each is, where it ends, and its content. Raises ConnectionError at one that closes."""
    end = 0
    while len(data) >= end + 2:
        size, start = data[end + 1] & 127, end + 2
        if size > 125:
            long = 2 if size == 126 else 8
            size, start = int.from_bytes(data[start : start + long], "big"), start + long
        if len(data) < start + size:
            break
        kind, content, end = data[end] & 15, data[start : start + size], start + size
        if kind == CLOSE:
            raise ConnectionError(f"closed with {content!r}")
        yield kind, end, content


def texts_in(data: bytes) -> int:
    """How many whole messages."""
    return sum(kind == TEXT for kind, _, _ in frames(data))


class Crowd:
    """The sockets, listened to all at once; what the server asks to see whether they live is answered."""

    def __init__(self) -> None:
        self._lines: dict[int, socket.socket] = {}
        self._begun: dict[int, bytes] = {}
        self._ears = select.epoll()
        self._ears.register(sys.stdin.fileno(), select.EPOLLIN)
        self.told = False

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, lines: Iterable[socket.socket]) -> None:
        """From now on listen to these, too."""
        for line in lines:
            line.setblocking(False)
            self._lines[line.fileno()] = line
            self._ears.register(line.fileno(), select.EPOLLIN)

    def hear(self, seconds: float) -> list[tuple[int, int]]:
        """Which sockets have got messages, and how many bytes of them, at the latest after so long."""
        heard = []
        for number, _ in self._ears.poll(seconds, len(self._lines) + 1):
            if number == sys.stdin.fileno():
                self.told = True
            elif size := self._read(number):
                heard.append((number, size))
        return heard

    def _read(self, number: int) -> int:
        """Bytes of the whole messages that have come."""
        data = self._begun.pop(number, b"") + received(self._lines[number])
        before = size = 0
        for kind, end, content in frames(data):
            if kind == PING:
                self._lines[number].send(bytes([0x80 | PONG, 0x80 | len(content)]) + bytes(4) + content)
            else:
                size += end - before
            before = end
        if before < len(data):
            self._begun[number] = data[before:]
        return size

    def obey(self, port: int) -> bool:
        """Wait for the next path, and do what it says; false at the end of the input."""
        while not self.told:
            self.hear(PATIENCE)
        self.told = False
        if path := sys.stdin.readline().strip():
            print(json.dumps(self.change(port, path)), flush=True)
        return bool(path)

    def change(self, port: int, path: str) -> dict[str, float]:
        """GET the path, and hear until every socket has got something."""
        while self.hear(QUIET):
            pass
        asking = connected(port)
        missing, sizes = set(self._lines), dict.fromkeys(self._lines, 0)
        began, first = time.perf_counter(), 0.0
        asking.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        while missing:
            heard = self.hear(PATIENCE)
            if time.perf_counter() - began > PATIENCE:
                raise TimeoutError(f"{len(missing)} of {len(sizes)} sockets have got nothing after {PATIENCE:.0f} s")
            first = first or (time.perf_counter() - began if heard else 0)
            for number, size in heard:
                sizes[number] += size
                missing.discard(number)
        seconds = time.perf_counter() - began
        whole(asking)
        return {"seconds": seconds, "first": first, "bytes": median(sizes.values())}


def main(port: int, path: str, number: int) -> None:
    """Open all, then do as told."""
    crowd = Crowd()
    while len(crowd) < number:
        crowd.add(joined(port, path, min(TOGETHER, number - len(crowd))))
        crowd.hear(0)
    gc.disable()
    print("open", flush=True)
    while crowd.obey(port):
        pass


if __name__ == "__main__":
    allow_files()
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
