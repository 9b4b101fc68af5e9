"""Lines to a Redis: one for each event loop, on which calls follow each other without waiting; others that block.

A line that for two seconds neither brings anything, although an answer is due, nor takes anything of what is said is
given up, and so is one that was cut. Who waits on it hears `Away`, and asks again.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any, cast

from asok.backends.redis_address import Address
from asok.backends.resp import ErrorReply, Replies, command

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import TIOCOUTQ

__all__ = ["SILENCE", "Away", "BlockingLine", "Line", "Lines", "Unfit", "asking", "checked", "of_a_primary"]

SILENCE = 2.0  # seconds
_PIECE = 256 * 1024
_LARGE = 16 * 1024  # bytes that may take a slow network longer than that
# What passes by itself, or when another server has taken over.
_PASSING = {"BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "TRYAGAIN"}


class Away(Exception):
    """The Redis cannot be had just now; it may be in a moment."""


class Unfit(Exception):
    """The Redis is there and will not do it, whoever asks again: its operator has to act."""


def checked(reply: Any) -> Any:
    """The reply, unless it is an error. Raises Away or Unfit."""
    if not isinstance(reply, ErrorReply):
        return reply
    if reply.code in _PASSING or reply.text.startswith("ERR max number of clients"):
        raise Away(reply.text[:200])
    raise Unfit(reply.text[:200])


def asking(address: Address) -> bytes:
    """A write that changes nothing, and that only a primary takes."""
    return command(["UNLINK", f"{address.prefix}nothing"])


def of_a_primary(reply: Any) -> None:
    """Raises Away where the reply to a write is that of a replica, which hands on to nobody what is said there."""
    if isinstance(reply, ErrorReply) and reply.code == "READONLY":
        checked(reply)


def _welcomed(replies: list[Any], address: Address) -> None:
    """Check the replies to the greetings; a server that is no Redis may repeat the password in its own."""
    for (greeting, *_), reply in zip(address.greetings(), replies, strict=True):
        try:
            checked(reply)
        except Unfit:
            if greeting == "AUTH":
                raise Unfit(f"it does not take the user and password that ASOK_REDIS holds ({reply.code})") from None
            if reply.code == "NOAUTH":
                raise Unfit("it asks for a password, and ASOK_REDIS holds none") from None
            raise


class Line(asyncio.Protocol):
    """One connection on an event loop. Calls are answered in their order, any number of them under way.

    has_heard: whether the other side has ever said anything.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._replies = Replies()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._unsent: list[bytes] = []
        self._heard, self.has_heard = 0.0, False
        self._unwritten = 0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still be used."""
        return self._transport is not None

    async def begin(self) -> None:
        """What is to be done before anybody uses it."""

    def call(self, command: bytes) -> asyncio.Future[Any]:
        """The reply, errors included. Raises Away when the line is lost before."""
        answer = self._loop.create_future()
        if self._transport is None:
            answer.set_exception(Away("the connection was cut"))
            return answer
        if not self._waiting:
            self._heard = self._loop.time()
        self._waiting.append(answer)
        if self._timer is None:
            self._timer = self._loop.call_later(SILENCE, self._listen)
        if not self._unsent:
            self._loop.call_soon(self._send)  # with all that is asked in this turn of the loop
        self._unsent.append(command)
        return answer

    def _send(self) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(self._unsent))
            self._unwritten = self._transport.get_write_buffer_size()
        self._unsent.clear()

    def _listen(self) -> None:
        """Give up a line that has been silent for too long."""
        self._timer = None
        if self._waiting and self._transport is not None:
            before, self._unwritten = self._unwritten, _unwritten(self._transport)
            if before and self._unwritten != before:
                self._heard = self._loop.time()  # a slow network takes a large value
            left = self._heard + SILENCE - self._loop.time()
            if left <= 0:
                self.lose(Away(f"it has not answered for {SILENCE:g} s"))
            else:
                self._timer = self._loop.call_later(left, self._listen)

    def take(self, reply: Any) -> None:
        """Hand a reply to who has waited longest; it may have gone. Raises IndexError where nobody waits."""
        answer = self._waiting.popleft()
        if not answer.done():
            answer.set_result(reply)

    def lose(self, problem: Away) -> None:
        """Cut it; who waits is told."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(Away(*problem.args))

    # --- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are of no class of asyncio's

    def data_received(self, data: bytes) -> None:
        """Take each reply that is complete."""
        self._heard, self.has_heard = self._loop.time(), True
        try:
            for reply in self._replies.feed(data):
                self.take(reply)
        except (ValueError, IndexError) as error:
            self.lose(Away(f"it does not speak as a Redis does: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self.lose(Away(f"the connection was cut: {error or 'closed by the other side'}"))


def _unwritten(transport: asyncio.Transport) -> int:
    """How many bytes the other side has not got, as far as one can tell."""
    size = transport.get_write_buffer_size()
    if sys.platform == "linux":
        with suppress(OSError):  # it is closed
            socket = transport.get_extra_info("socket")
            size += int.from_bytes(ioctl(socket.fileno(), TIOCOUTQ, bytes(4)), sys.byteorder)
    return size


class Lines:
    """The line of the running loop, made anew when it is lost. ended: called when the loop, or this, is closed."""

    def __init__(self, address: Address, ended: Callable[[], None], make: Callable[[], Line] = Line) -> None:
        self._address, self._ended, self._make = address, ended, make
        self._loop = asyncio.get_running_loop()
        self._line: Line | None = None
        self._connecting: asyncio.Task[Line] | None = None
        self._end: AsyncGenerator[None, None] | None = None

    async def line(self) -> Line:
        """The line; all who ask while there is none wait for one connection. Raises Away or Unfit."""
        if self._line is not None and self._line.is_open:
            return self._line
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())
            self._connecting.add_done_callback(self._connected)
        return await asyncio.shield(self._connecting)

    def cut(self) -> None:
        """Give up the line; the next one to ask has another."""
        if self._line is not None:
            self._line.lose(Away("another one is wanted"))

    async def close(self) -> None:
        """Cut the line."""
        if self._end is not None:
            await self._end.aclose()

    async def _connect(self) -> Line:
        if self._end is None:
            self._end = self._until_the_loop_ends()
            await anext(self._end)
        line = self._make()
        try:
            async with asyncio.timeout(SILENCE):
                await self._reach(line)
            greetings = map(command, self._address.greetings())
            _welcomed(await asyncio.gather(*map(line.call, greetings)), self._address)
            await line.begin()
        except Away as error:
            line.lose(error)
            if self._line is not None or self._address.path or line.has_heard:
                raise
            wanted = "a certificate (ssl_certfile)" if self._address.tls else "TLS (rediss://)"
            raise Away(f"{error}; does it want {wanted}?") from None
        except TimeoutError:
            doubt = "; does it speak TLS there?" if self._address.tls else ""
            raise Away(f"no connection within {SILENCE:g} s{doubt}") from None
        except ssl.SSLCertVerificationError as error:
            raise Unfit(f"its certificate is not believed: {error.verify_message}") from error
        except OSError as error:
            raise Away(f"no connection: {error}") from error
        except BaseException:
            line.lose(Away("no connection"))
            raise
        self._line = line
        return line

    async def _reach(self, line: Line) -> None:
        address = self._address
        if address.path:
            await self._loop.create_unix_connection(lambda: line, address.path)
        else:
            name = address.host if address.tls else None
            await self._loop.create_connection(
                lambda: line, address.host, address.port, ssl=address.tls, server_hostname=name
            )

    def _connected(self, task: asyncio.Task[Line]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # told to those who wait, if there still are any

    async def _until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        """A loop that ends closes the generators that were begun on it: `asyncio.run` leaves no socket behind."""
        try:
            yield
        finally:
            self._ended()
            if self._connecting is not None:
                self._connecting.cancel()
                await asyncio.gather(self._connecting, return_exceptions=True)
            if self._line is not None:
                self._line.lose(Away("it is closed"))
            await asyncio.sleep(0)  # transports end in the next turn


class BlockingLine:
    """One connection for calls that cannot be awaited, one at a time. seconds: for how long a call may block.

    Raises Away or Unfit where there is no connection.
    """

    _socket: socket.socket | None = None

    def __init__(self, address: Address, seconds: float) -> None:
        try:
            self._socket = _reach(address, seconds)
        except ssl.SSLCertVerificationError as error:
            raise Unfit(f"its certificate is not believed: {error.verify_message}") from error
        except OSError as error:
            raise Away(f"no connection: {error}") from error
        try:
            _welcomed([self.call(command(greeting)) for greeting in address.greetings()], address)
        except BaseException:
            self.close()
            raise

    def call(self, command: bytes) -> Any:
        """The reply, errors included. Raises Away when the line is lost before; it is of no use then."""
        replies = Replies()
        if self._socket is None:
            raise Away("it is closed")
        try:
            self._socket.sendall(command)
            while True:
                data = self._socket.recv(_PIECE)
                if not data:
                    raise Away("the connection was cut")
                if found := replies.feed(data):
                    return found[0]
        except (OSError, ValueError) as error:
            raise Away(f"no answer: {error}") from error

    def close(self) -> None:
        """Cut it."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    def __del__(self) -> None:
        """A script that ends closes nothing."""
        self.close()


def _reach(address: Address, seconds: float) -> socket.socket:
    if address.path:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.settimeout(seconds)
            line.connect(address.path)
        except BaseException:
            line.close()
            raise
        return line
    line = socket.create_connection((address.host, address.port), seconds)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.tls is None:
        return line
    return address.tls.wrap_socket(line, server_hostname=address.host)
