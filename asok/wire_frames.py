"""WebSocket frames as bytes: RFC 6455 section 5, from the server's side. Nothing is remembered here."""

from __future__ import annotations

try:
    from websockets.speedups import apply_mask
except ImportError:  # a wheel without C: the same with Python's long integers
    from websockets.utils import apply_mask

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTROL",
    "FINAL",
    "INVALID_TEXT",
    "PING",
    "PONG",
    "TEXT",
    "TOO_BIG",
    "VIOLATED",
    "Violation",
    "frame_at",
    "framed",
]

# The first byte of a frame that is not fragmented.
FINAL = 0x80
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
CONTROL = 0x08
# A control frame is never fragmented, and no extension has given the reserved bits a meaning.
ALLOWED = frozenset({0x00, 0x01, 0x02, 0x80, TEXT, BINARY, CLOSE, PING, PONG})
MASKED = 0x80
SHORT = tuple(bytes((TEXT, size)) for size in range(126))

# Close codes, section 7.4.1
VIOLATED, INVALID_TEXT, TOO_BIG = 1002, 1007, 1009


class Violation(Exception):
    """What came must end the connection, with this close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def frame_at(data: bytes | bytearray, start: int, room: int) -> tuple[int, bytes, int] | None:
    """The frame that begins there: its first byte, its unmasked content, where it ends. None while it is not whole.

    room: bytes that a message may still have; one that declares more is refused before they come. Raises Violation.
    """
    have = len(data)
    body = start + 6
    if have < start + 2:
        return None
    first, size = data[start], data[start + 1] - MASKED
    if first not in ALLOWED:
        raise Violation(VIOLATED, "a reserved bit or opcode, or a control frame in parts")
    if size < 0:
        raise Violation(VIOLATED, "a frame that is not masked")
    if size > 125:
        if first & CONTROL:
            raise Violation(VIOLATED, "a control frame above 125 bytes")
        body = start + (8 if size == 126 else 14)
        if have < body - 4:
            return None
        size = int.from_bytes(data[start + 2 : body - 4], "big")
    if size > room and not first & CONTROL:
        raise Violation(TOO_BIG, "the message is too big")
    end = body + size
    if have < end:
        return None
    return first, apply_mask(data[body:end], data[body - 4 : body]), end


def framed(first: int, content: bytes) -> bytes:
    """A whole frame with this content. first: its first byte."""
    size = len(content)
    if size < 126:
        return (SHORT[size] if first == TEXT else bytes((first, size))) + content
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + content
    return bytes((first, 127)) + size.to_bytes(8, "big") + content
