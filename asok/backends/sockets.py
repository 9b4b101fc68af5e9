"""A bus between the processes of one machine: Unix sockets in a private folder, and no server.

Each process listens on `<folder>/<id>.sock` and has a line of its own to every other one that it finds there.
A line carries one process' messages one way, so they keep their order. It begins with a hello, on which the
other side builds its own line back; its end tells that the process is gone.

A process without an open bus (a script that publishes) sends on lines without a hello.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from weakref import finalize

from asok.backends.lines import (
    BACKLOG,
    ENDING,
    Bye,
    Frame,
    Hello,
    Inlet,
    Outlet,
    Said,
    connect,
    frame_of,
    listen,
    make_private,
    peers_in,
)
from asok.bus import Channels, Listeners, Mailbox, check_message
from asok.errors import ConfigurationError
from asok.forks import in_each_child

__all__ = ["SocketBus", "available"]

_log = logging.getLogger("asok")

_WAIT = 0.25  # before a line that could not be had is tried again; also what a script gives a busy process
_LOOK = 1.0  # between two looks whether others can find this process
_FAREWELL = 1.0  # how long closing waits for others to read what was published before


def available() -> bool:
    """Whether this system has the sockets that SocketBus needs. Windows has not: use a LocalBus and one process."""
    return hasattr(socket, "AF_UNIX") and sys.platform != "win32"


class SocketBus:
    """The bus of the processes of one machine that name the same folder.

    The folder belongs to this user alone (mode 0700); one of another owner is refused. It may lie as deep as
    the file system allows, the length of a socket's address does not limit it.

    A process that is killed is seen at once, what it published last may be lost: its peers hear `on_gap`. A
    process that does not read is cut off when 8 MiB wait for it; it hears `on_gap` when it reads again.

    `publish` before `open`, after `close` or in a script without a loop reaches the other processes all the
    same, waiting at most a quarter of a second for one that does not read. In this process nobody hears it.

    After a fork the child's bus is closed and has an id of its own; what subscribed stays subscribed.

    Where `available()` is False it cannot be opened; the app chooses LocalBus there.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder).absolute()
        self._channels = Channels()
        self._mailbox: Mailbox[tuple[str, bytes]] = Mailbox(lambda said: self._spread(*said))
        self._gap: Listeners[[]] = Listeners()
        self._gone: Listeners[[str]] = Listeners()
        self._direct: dict[str, socket.socket] = {}
        finalize(self, _close_all, self._direct)
        self._start_afresh()
        in_each_child(self, SocketBus._start_in_child)

    def _start_afresh(self) -> None:
        self._listener: socket.socket | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._is_lost = False
        self._outlets: dict[str, Outlet] = {}
        self._inlets: set[Inlet] = set()
        self._peers: frozenset[str] = frozenset()
        # Those that did not read: their next hello says that they do again.
        self._cut: set[str] = set()
        self._has_said = False
        self._direct_lock = RLock()

    @property
    def id(self) -> str:
        """This process on the bus: random, another one after `close` and after a fork."""
        return self._mailbox.id

    @property
    def peers(self) -> frozenset[str]:
        """The ids of the processes that hear us and that we hear."""
        return self._peers

    def subscribe(self, channel: str, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Call the listener with each message of the channel; the result unsubscribes."""
        return self._channels.subscribe(channel, listener)

    def on_gap(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener when messages may have been missed."""
        return self._gap.add(listener)

    def on_peer_gone(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call the listener with the id of a process whose connection has just ended."""
        return self._gone.add(listener)

    async def open(self) -> None:
        """Begin to hear, on the running loop, and connect to all who are there. Raises ConfigurationError."""
        if self._mailbox.is_open:
            return
        if not available():
            raise ConfigurationError("this system has no Unix sockets; use a LocalBus and one process")
        make_private(self._folder)
        with self._direct_lock:
            _close_all(self._direct)
        self._listener = listen(self._folder, self.id)
        asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)
        self._mailbox.open()
        self._look_around()
        self._look_later()

    async def close(self) -> None:
        """Send what was published before, for a second at most, then leave."""
        if self._listener is None:
            return
        (self._folder / f"{self.id}{ENDING}").unlink(missing_ok=True)
        self._mailbox.close()
        self._stop_accepting()
        for inlet in self._inlets:
            inlet.close()
        farewell = frame_of(Bye())
        await asyncio.gather(*(outlet.finish(farewell, _FAREWELL) for outlet in self._outlets.values()))
        self._start_afresh()
        # Whoever meets us again must not take us for the one that it has seen go.
        self._mailbox.forget()

    # --- publishing

    def publish(self, channel: str, message: bytes) -> None:
        """Send to every subscriber of every process, later and in the order of the calls. Raises MessageTooLarge."""
        check_message(channel, message)
        if not self._mailbox.put((channel, message)):
            self._send_directly(frame_of(Said(channel, message)))

    def _spread(self, channel: str, message: bytes) -> None:
        self._has_said = True
        frame = frame_of(Said(channel, message))
        for outlet in tuple(self._outlets.values()):
            outlet.send(frame)
            if outlet.waiting > BACKLOG:
                _log.warning("process %s does not read the bus and is cut off until it does", outlet.peer)
                outlet.close()
                self._cut.add(outlet.peer)
                self._forget_outlet(outlet)
        self._channels.deliver(channel, message)

    def _send_directly(self, frame: bytes) -> None:
        with self._direct_lock:
            peers = peers_in(self._folder)
            for peer in peers:
                try:
                    self._direct_line(peer).sendall(frame)
                except OSError as error:
                    # One that has begun to read the frame sees that its end is missing, and knows of the gap.
                    self._hang_up(peer)
                    if not _means_gone(error):
                        _log.warning("process %s does not read the bus: a message does not reach it", peer)
            self._hang_up(*(self._direct.keys() - peers))

    def _direct_line(self, peer: str) -> socket.socket:
        # Kept, since two lines could be read in either order.
        if peer not in self._direct:
            self._direct[peer] = connect(self._folder, peer, _WAIT)
        return self._direct[peer]

    def _hang_up(self, *peers: str) -> None:
        for peer in peers:
            if line := self._direct.pop(peer, None):
                line.close()

    # --- lines to others

    def _look_around(self) -> None:
        """Connect to all who listen in the folder and have no line yet."""
        self._retry = None
        for peer in peers_in(self._folder):
            if peer not in (self.id, *self._outlets, *self._cut):
                self._connect(peer)

    def _look_again_soon(self) -> None:
        if self._retry is None and self._mailbox.is_open:
            self._retry = asyncio.get_running_loop().call_later(_WAIT, self._look_around)

    def _connect(self, peer: str) -> None:
        try:
            line = connect(self._folder, peer, 0)
        except OSError as error:
            if not _means_gone(error):
                self._look_again_soon()
            return
        outlet = Outlet(asyncio.get_running_loop(), peer, line, self._outlet_ended)
        self._outlets[peer] = outlet
        # Whoever hears us from now on has missed what we said before.
        outlet.send(frame_of(Hello(self.id, self._has_said)))
        self._review(peer)

    def _outlet_ended(self, outlet: Outlet) -> None:
        self._forget_outlet(outlet)
        self._look_again_soon()

    def _forget_outlet(self, outlet: Outlet) -> None:
        if self._outlets.get(outlet.peer) is outlet:
            del self._outlets[outlet.peer]
            self._review(outlet.peer)

    # --- lines from others

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while self._listener is not None:
            try:
                line, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                _log.error("the bus cannot take a connection: %s", error)
                self._pause_accepting(loop, self._listener)
                return
            self._inlets.add(Inlet(loop, line, self._heard, self._inlet_ended))

    def _pause_accepting(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        """Out of file descriptors, most likely: the loop would ask again without a pause."""

        def go_on() -> None:
            if self._listener is listener:
                loop.add_reader(listener.fileno(), self._accept)

        loop.remove_reader(listener.fileno())
        loop.call_later(_WAIT, go_on)

    def _stop_accepting(self) -> None:
        assert self._listener is not None
        asyncio.get_running_loop().remove_reader(self._listener.fileno())
        self._listener.close()
        self._listener = None
        for timer in (self._retry, self._look):
            if timer is not None:
                timer.cancel()

    def _look_later(self) -> None:
        self._look = asyncio.get_running_loop().call_later(_LOOK, self._look_at_the_folder)

    def _look_at_the_folder(self) -> None:
        """Listen anew where our socket was deleted: who comes from now on would not find us."""
        if not os.path.exists(self._folder / f"{self.id}{ENDING}"):
            try:
                make_private(self._folder)
                listener = listen(self._folder, self.id)
            except (OSError, ConfigurationError) as error:
                if not self._is_lost:
                    self._is_lost = True
                    _log.error("the bus was deleted, and cannot be made again: %s", error)
                return self._look_later()
            self._is_lost = False
            _log.warning(
                "the folder of the bus, %s, was emptied while it was in use: this process listens there again; "
                "let what cleans up leave it alone",
                self._folder,
            )
            self._accept()  # who has come before
            self._stop_accepting()
            self._listener = listener
            asyncio.get_running_loop().add_reader(listener.fileno(), self._accept)
            self._look_around()
        self._look_later()

    def _heard(self, inlet: Inlet, frame: Frame) -> None:
        if isinstance(frame, Said):
            self._channels.deliver(frame.channel, frame.message)
        elif isinstance(frame, Hello):
            self._greet(frame)

    def _greet(self, hello: Hello) -> None:
        self._cut.discard(hello.id)
        if hello.id not in self._outlets:
            self._connect(hello.id)
        self._review(hello.id)
        if hello.missed:
            self._gap.tell()

    def _inlet_ended(self, inlet: Inlet, *, mid_frame: bool) -> None:
        self._inlets.discard(inlet)
        peer = inlet.peer
        self._review(peer)
        self._cut.discard(peer)
        if inlet.said_bye:
            if outlet := self._outlets.get(peer):
                outlet.close()
                self._forget_outlet(outlet)
            return
        if outlet := self._outlets.get(peer):
            # It may have cut us off for not reading: now that all is read, ask it to connect again.
            outlet.send(frame_of(Hello(self.id, False)))
        elif peer:
            self._look_again_soon()
        if peer or mid_frame:
            self._gap.tell()

    def _review(self, peer: str) -> None:
        if peer in self._outlets and any(inlet.peer == peer for inlet in self._inlets):
            self._peers |= {peer}
        elif peer in self._peers:
            self._peers -= {peer}
            self._gone.tell(peer)

    # --- forks

    def _start_in_child(self) -> None:
        """Let go of the parent's lines, whose other ends would not see the parent's end otherwise."""
        lines: list[Inlet | Outlet] = [*self._outlets.values(), *self._inlets]
        for line in lines:
            line.drop()
        if self._listener is not None:
            self._listener.close()
        _close_all(self._direct)
        self._start_afresh()


def _close_all(lines: dict[str, socket.socket]) -> None:
    for line in lines.values():
        line.close()
    lines.clear()


def _means_gone(error: OSError) -> bool:
    return isinstance(error, ConnectionError | FileNotFoundError)
