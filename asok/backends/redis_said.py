"""What processes say to each other through a Redis, and the proof that one of them has said it."""

from __future__ import annotations

import hashlib

import msgspec

from asok.bus import CHANNEL_LIMIT, MESSAGE_LIMIT
from asok.state import KeyRing

__all__ = ["Forged", "Said", "Seal"]

MOST_MACS = 8
LARGEST = MESSAGE_LIMIT + 4 * CHANNEL_LIMIT + 1024


class Forged(Exception):
    """What came over the channel is nothing that a process with our keys has said there."""


class Said(msgspec.Struct, frozen=True, array_like=True):
    """A message. by: the id of a speaker, of which a process may have several. number: counts what that one says,
    from 1. missed: the process had to drop messages before this one."""

    by: str
    number: int
    missed: bool
    channel: str
    message: bytes


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    macs: list[str]
    said: bytes


_pack = msgspec.msgpack.Encoder().encode
_sealed = msgspec.msgpack.Decoder(_Sealed).decode
_said = msgspec.msgpack.Decoder(Said).decode


class Seal:
    """Makes and checks what travels on one channel of a Redis.

    It carries a MAC of every key of the ring, so that a process that does not have the newest key yet believes it.
    """

    def __init__(self, ring: KeyRing, channel: str) -> None:
        self._ring, self._channel = ring, channel

    def seal(self, said: Said) -> bytes:
        """The message as it travels."""
        packed = _pack(said)
        return _pack(_Sealed(self._ring.macs("bus", self._text(packed)), packed))

    def unseal(self, frame: bytes) -> Said:
        """The message of a frame. Raises Forged, before anything of the message is decoded."""
        if len(frame) > LARGEST:
            raise Forged(f"it has {len(frame)} bytes")
        try:
            sealed = _sealed(frame)
            text = self._text(sealed.said)
            if not any(self._ring.matches("bus", text, mac) for mac in sealed.macs[:MOST_MACS]):
                raise Forged("none of our keys has made its MAC")
            return _said(sealed.said)
        except (msgspec.MsgspecError, ValueError) as error:  # text that is none is a ValueError
            raise Forged(str(error)) from None

    def _text(self, packed: bytes) -> str:
        return f"{self._channel}\n{hashlib.sha256(packed).hexdigest()}"
