"""One-way lines between processes: length-prefixed frames over a Unix socket, each way read and written by the loop."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Protocol

import msgspec

from asok.bus import CHANNEL_LIMIT, MESSAGE_LIMIT
from asok.errors import ConfigurationError

__all__ = [
    "BACKLOG",
    "ENDING",
    "Bye",
    "Frame",
    "Hello",
    "Inlet",
    "Outlet",
    "Said",
    "connect",
    "frame_of",
    "listen",
    "make_private",
    "peers_in",
]

BACKLOG = 8 * 1024 * 1024
_CHUNK = 256 * 1024
ENDING = ".sock"
_Id = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]  # it becomes part of a path
_LENGTH = struct.Struct("!I")
_LARGEST = MESSAGE_LIMIT + 4 * CHANNEL_LIMIT + 64


class Hello(msgspec.Struct, frozen=True, array_like=True, tag="hello"):
    """Who speaks on this line, and whether it has said something before that this line did not carry."""

    id: _Id
    missed: bool


class Said(msgspec.Struct, frozen=True, array_like=True, tag="said"):
    """One message."""

    channel: str
    message: bytes


class Bye(msgspec.Struct, frozen=True, array_like=True, tag="bye"):
    """The last word of a process that closes its bus: nothing was lost."""


Frame = Hello | Said | Bye

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Frame).decode


def frame_of(frame: Frame) -> bytes:
    """Its bytes, their length before them."""
    body = _encode(frame)
    return _LENGTH.pack(len(body)) + body


class _OutletEnded(Protocol):
    def __call__(self, outlet: Outlet, /) -> None: ...


class _Heard(Protocol):
    def __call__(self, inlet: Inlet, frame: Frame, /) -> None: ...


class _InletEnded(Protocol):
    def __call__(self, inlet: Inlet, /, *, mid_frame: bool) -> None: ...


class Outlet:
    """What this process says to another one. `ended` is called when that is gone, not after `close`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, peer: str, line: socket.socket, ended: _OutletEnded) -> None:
        self.peer = peer
        self._loop, self._line, self._ended = loop, line, ended
        self._waiting = bytearray()
        line.setblocking(False)
        # Nobody speaks on it to us: it is read to see its end. By number, since uvloop keeps a socket from closing.
        loop.add_reader(line.fileno(), self._look)

    @property
    def waiting(self) -> int:
        """How many bytes the other process has not taken yet."""
        return len(self._waiting)

    def send(self, frame: bytes) -> None:
        """Send it after what was sent before; what cannot go now waits."""
        if self._line.fileno() < 0:
            return
        was_waiting = bool(self._waiting)
        self._waiting += frame
        if not was_waiting:
            self._write()
            if self._waiting:
                self._loop.add_writer(self._line.fileno(), self._write)

    def _write(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: self._line.send(self._waiting[:_CHUNK])]
        except BlockingIOError:
            return
        except OSError:
            self._end()
            return
        self._loop.remove_writer(self._line.fileno())

    def _look(self) -> None:
        try:
            if self._line.recv(64):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._end()

    def _end(self) -> None:
        self.close()
        self._ended(self)

    def close(self) -> None:
        """Cut the line; what waits is lost."""
        if self._line.fileno() >= 0:
            self._loop.remove_reader(self._line.fileno())
            self._loop.remove_writer(self._line.fileno())
            self.drop()

    async def finish(self, last: bytes, seconds: float) -> None:
        """Send what waits and then `last`, for this many seconds at most, and close."""
        if self._line.fileno() < 0:
            return
        self._loop.remove_reader(self._line.fileno())
        self._loop.remove_writer(self._line.fileno())
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                await self._loop.sock_sendall(self._line, bytes(self._waiting) + last)
        self.drop()

    def drop(self) -> None:
        """Close the socket and tell no loop; all that may be done in the child of a fork."""
        self._waiting.clear()
        self._line.close()


class Inlet:
    """What another process says to us: `heard` is called with each frame, `ended` at the end of the line.

    peer: who it is, once it has said so; empty for a script.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, line: socket.socket, heard: _Heard, ended: _InletEnded) -> None:
        self.peer, self.said_bye = "", False
        self._loop, self._line, self._heard, self._ended = loop, line, heard, ended
        self._buffer = bytearray()
        line.setblocking(False)
        loop.add_reader(line.fileno(), self._read)

    def _read(self) -> None:
        try:
            received = self._line.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        self._buffer += received
        try:
            for frame in self._frames():
                self._take(frame)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Another release, or nobody of ours: what follows cannot be told apart either.
            received = b""
        if not received and self._line.fileno() >= 0:
            self.close()
            self._ended(self, mid_frame=bool(self._buffer))

    def _frames(self) -> Iterator[Frame]:
        position, size = 0, len(self._buffer)
        try:
            while position + _LENGTH.size <= size:
                (length,) = _LENGTH.unpack_from(self._buffer, position)
                if length > _LARGEST:
                    raise msgspec.DecodeError(f"a frame of {length} bytes")
                end = position + _LENGTH.size + length
                if end > size:
                    return
                body = bytes(self._buffer[position + _LENGTH.size : end])
                yield _decode(body)
                position = end
        finally:
            del self._buffer[:position]

    def _take(self, frame: Frame) -> None:
        if isinstance(frame, Hello):
            self.peer = frame.id
        elif isinstance(frame, Bye):
            self.said_bye = True
        if self._line.fileno() >= 0:
            self._heard(self, frame)

    def close(self) -> None:
        """Hear no more."""
        if self._line.fileno() >= 0:
            self._loop.remove_reader(self._line.fileno())
            self.drop()

    def drop(self) -> None:
        """Close the socket and tell no loop; all that may be done in the child of a fork."""
        self._line.close()


# --- where the processes are found


def peers_in(folder: Path) -> set[str]:
    """The ids of all who listen in the folder, or have been killed there."""
    try:
        return {name.removesuffix(ENDING) for name in os.listdir(folder) if name.endswith(ENDING)}
    except FileNotFoundError:
        return set()


def make_private(folder: Path) -> None:
    """Make the folder, or take one that is there, for this user alone. Raises OSError, ConfigurationError."""
    for missing in reversed((folder, *folder.parents)):
        if not missing.exists():
            missing.mkdir(mode=0o700, exist_ok=True)
    found = folder.stat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ConfigurationError(
            f"the folder of the bus, {folder}, is no folder of the user who runs this process; name one that is, "
            "or let all processes of the app run as one user"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)


def listen(folder: Path, id: str) -> socket.socket:
    """The socket on which that process is reached from now on. Raises ConfigurationError."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.setblocking(False)
        with _short(folder) as near:
            listener.bind(f"{near}/{id}")
        listener.listen(1024)
        # Only now can it be connected to: before, it would be taken for what a dead process has left.
        os.rename(folder / id, folder / f"{id}{ENDING}")
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"the bus cannot listen in {folder}: {error}; name a folder on a local disk") from None
    return listener


def connect(folder: Path, peer: str, seconds: float) -> socket.socket:
    """A line to that process, had within these seconds; removes what a dead one has left. Raises OSError."""
    line = socket.socket(socket.AF_UNIX)
    try:
        line.settimeout(seconds)
        with _short(folder) as near:
            line.connect(f"{near}/{peer}{ENDING}")
    except ConnectionRefusedError:
        line.close()
        (folder / f"{peer}{ENDING}").unlink(missing_ok=True)
        raise
    except OSError:
        line.close()
        raise
    return line


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A path of the folder that leaves room for a file's name in an address: 104 bytes on macOS, 108 on Linux."""
    if len(os.fsencode(folder)) <= 80:
        yield str(folder)
    else:
        # A folder that nobody else knows, made for this moment; only the way leads through it. TMPDIR may be as long.
        place = None if len(os.fsencode(tempfile.gettempdir())) <= 60 else "/tmp"
        with tempfile.TemporaryDirectory(prefix="asok-", dir=place) as near:
            os.symlink(folder, f"{near}/f")
            yield f"{near}/f"
