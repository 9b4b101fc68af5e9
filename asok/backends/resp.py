"""RESP 2, the protocol of Redis: a command as bytes, and bytes as replies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["ErrorReply", "Replies", "command"]

_KINDS = b"+-:$*"
_SIMPLE, _ERROR, _INTEGER, _BULK, _ARRAY = _KINDS
_LONGEST_LINE = 64 * 1024


class ErrorReply(NamedTuple):
    """What Redis says instead of an answer."""

    text: str

    @property
    def code(self) -> str:
        """Its first word, as in `READONLY You can't write …`."""
        return self.text.partition(" ")[0]


class _Short(Exception):
    def __init__(self, needed: int) -> None:
        self.needed = needed


def command(parts: Sequence[bytes | str]) -> bytes:
    """A command and its arguments. Each goes with its length, so that none can pass for anything else."""
    packed = [b"*%d\r\n" % len(parts)]
    for part in parts:
        raw = part if isinstance(part, bytes) else part.encode()
        packed += (b"$%d\r\n" % len(raw), raw, b"\r\n")
    return b"".join(packed)


class Replies:
    """Replies out of bytes that come in any pieces."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size, self._needed = 0, 1

    def feed(self, data: bytes) -> list[Any]:
        """The replies that are complete now: bytes, a number, None, an ErrorReply or a list of them.

        Raises ValueError where the other side speaks something else.
        """
        self._pieces.append(data)
        self._size += len(data)
        if self._size < self._needed:
            return []  # a long value is put together once, not for each of its pieces
        buffer = b"".join(self._pieces)
        found, at, self._needed = [], 0, 1
        try:
            while at < len(buffer):
                reply, at = _reply(buffer, at)
                found.append(reply)
        except _Short as short:
            self._needed = short.needed - at
        self._pieces, self._size = ([buffer[at:]] if at < len(buffer) else []), len(buffer) - at
        return found


def _reply(buffer: bytes, at: int) -> tuple[Any, int]:
    """The reply that begins at `at`, and where the next one does."""
    if buffer[at : at + 1] not in _KINDS:
        raise ValueError(f"no reply of a Redis begins with {buffer[at : at + 1]!r}")
    end = buffer.find(b"\r\n", at, at + _LONGEST_LINE)
    if end < 0:
        if len(buffer) - at >= _LONGEST_LINE:
            raise ValueError(f"no line of a Redis is longer than {_LONGEST_LINE} bytes")
        raise _Short(len(buffer) + 1)
    kind, line, begin = buffer[at], buffer[at + 1 : end], end + 2
    if kind == _BULK:
        return _bulk(buffer, begin, int(line))
    if kind == _ARRAY:
        return _array(buffer, begin, int(line))
    if kind == _INTEGER:
        return int(line), begin
    if kind == _SIMPLE:
        return line, begin
    return ErrorReply(line.decode("utf-8", "replace")), begin


def _bulk(buffer: bytes, begin: int, size: int) -> tuple[bytes | None, int]:
    if size < 0:
        return None, begin
    if len(buffer) < begin + size + 2:
        raise _Short(begin + size + 2)
    return buffer[begin : begin + size], begin + size + 2


def _array(buffer: bytes, begin: int, size: int) -> tuple[list[Any] | None, int]:
    if size < 0:
        return None, begin
    found = []
    for _ in range(size):
        reply, begin = _reply(buffer, begin)
        found.append(reply)
    return found, begin
