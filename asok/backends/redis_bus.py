"""A bus between the processes of several machines, over the publish and subscribe of a Redis.

All channels of the bus travel on one of the Redis. A worker hears it on one connection and says on another;
what it says it hears itself at once, and the echo that comes back is dropped. Each message carries a MAC and a
number: another application on the same Redis can neither say anything in our name nor repeat what was said.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from threading import RLock

from asok.backends.redis_address import Address
from asok.backends.redis_calls import Away, BlockingLine, Unfit, asking, checked, of_a_primary
from asok.backends.redis_lines import Complaint, HearingLine, SayingLine
from asok.backends.redis_said import Forged, Said, Seal
from asok.backends.resp import command
from asok.bus import Channels, Listeners, Mailbox, check_message
from asok.errors import ConfigurationError
from asok.forks import in_each_child
from asok.state import KeyRing

__all__ = ["RedisBus"]

_log = logging.getLogger("asok")

_PATIENCE = 3.0  # seconds for Redis to be there when the bus is opened
_FAREWELL = 1.0  # how long closing waits for Redis to take what was published before
_DIRECT = 1.0  # what a script gives Redis
_KNOWN = 4096  # processes whose last number is remembered


class _Speaker:
    """Who says something, as the others tell whose numbers it has."""

    def __init__(self) -> None:
        self.id, self.numbers = secrets.token_hex(8), itertools.count(1)


class RedisBus:
    """The bus of the processes that name the same Redis, its database and prefix, and share a signing key.

    dropped: how many messages were not believed.

    While Redis is away, what is published waits, up to 8 MiB and 20,000 messages; beyond that all of it is dropped
    and every process hears `on_gap`. A process whose connection was lost hears `on_gap` when it has it again. A
    Redis that does not answer for three seconds counts as away.

    `publish` before `open`, after `close` or in a script without a loop reaches the other processes all the same,
    waiting at most a second for Redis. In this process nobody hears it.

    After a fork the child's bus is closed and has an id of its own; what subscribed stays subscribed.

    Raises ConfigurationError for a url that is none.
    """

    def __init__(self, url: str, ring: KeyRing) -> None:
        self._address = Address.of(url)
        # A Redis' channels are those of all its databases.
        self._channel = f"{self._address.prefix}bus:{self._address.database}"
        self._seal = Seal(ring, self._channel)
        self._channels = Channels()
        self._mailbox: Mailbox[tuple[str, bytes]] = Mailbox(lambda said: self._spread(*said))
        self._gap: Listeners[[]] = Listeners()
        self._complaint = Complaint()
        self.dropped = 0
        self._start_afresh()
        in_each_child(self, RedisBus._start_in_child)

    def _start_afresh(self) -> None:
        self._hearing: HearingLine | None = None
        self._saying: SayingLine | None = None
        # What is said while the line closes must not be taken for older than what still waits there.
        self._on_the_line, self._directly = _Speaker(), _Speaker()
        self._last_of: OrderedDict[str, int] = OrderedDict()
        self._is_open = self._missed = False
        self._direct: BlockingLine | None = None
        self._direct_lock = RLock()

    @property
    def id(self) -> str:
        """This process on the bus: random, another one after `close` and after a fork."""
        return self._mailbox.id

    @property
    def silence(self) -> float:
        """Seconds since anything has come from Redis; infinite without a connection."""
        return self._hearing.silence if self._hearing else float("inf")

    def subscribe(self, channel: str, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Call the listener with each message of the channel; the result unsubscribes."""
        return self._channels.subscribe(channel, listener)

    def on_gap(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener when messages may have been missed."""
        return self._gap.add(listener)

    async def open(self) -> None:
        """Begin to hear, on the running loop. Where Redis is away, it begins when Redis is there, with a gap.

        Raises ConfigurationError where Redis does not let us in.
        """
        if self._mailbox.is_open:
            return
        with self._direct_lock:
            self._hang_up()
        self._hearing = HearingLine(self._address, self._channel, self._heard, self._began)
        self._saying = SayingLine(self._address, self._channel, self._refused, self._hearing.renew)
        self._mailbox.open()
        self._say("", b"")  # whether we may
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await asyncio.shield(self._hearing.ready)
                    await asyncio.shield(self._saying.ready)
        except ConfigurationError:
            self._mailbox.close()
            await self._leave()
            raise
        self._is_open = True

    async def close(self) -> None:
        """Say what was published before, for a second at most, then leave."""
        if self._saying is None:
            return
        self._mailbox.close()
        await self._saying.flush(_FAREWELL)
        await self._leave()

    async def _leave(self) -> None:
        await asyncio.gather(*(line.close() for line in (self._hearing, self._saying) if line is not None))
        self._start_afresh()
        self._mailbox.forget()

    # --- saying

    def publish(self, channel: str, message: bytes) -> None:
        """Send to every subscriber of every process, later and in the order of the calls. Raises MessageTooLarge."""
        check_message(channel, message)
        if not self._mailbox.put((channel, message)):
            self._say_directly(channel, message)

    def _spread(self, channel: str, message: bytes) -> None:
        self._say(channel, message)
        self._channels.deliver(channel, message)

    def _say(self, channel: str, message: bytes) -> None:
        assert self._saying is not None
        if self._saying.put(self._sealed(self._on_the_line, channel, message)):
            return
        count = self._saying.drop()
        _log.warning(
            "Redis does not take what the bus says: %s messages are dropped, the others will read again", count
        )
        self._missed = True
        self._saying.put(self._sealed(self._on_the_line, channel, message))

    def _sealed(self, speaker: _Speaker, channel: str, message: bytes) -> bytes:
        missed, self._missed = self._missed, False
        return self._seal.seal(Said(speaker.id, next(speaker.numbers), missed, channel, message))

    def _refused(self) -> None:
        self._missed = True
        self._say("", b"")

    def _say_directly(self, channel: str, message: bytes) -> None:
        with self._direct_lock:
            saying = command(["PUBLISH", self._channel, self._sealed(self._directly, channel, message)])
            try:
                try:
                    self._call_directly(saying)
                except Away:  # cut while nobody said anything, perhaps; who has heard it knows its number
                    self._hang_up()
                    self._call_directly(saying)
            except (Away, Unfit) as error:
                self._hang_up()
                self._missed = True
                _log.warning("a message for %r does not reach the other processes: %s", channel, error)

    def _call_directly(self, saying: bytes) -> None:
        # Kept, since two lines could be read in either order.
        self._direct = self._direct or BlockingLine(self._address, _DIRECT)
        of_a_primary(self._direct.call(asking(self._address)))
        checked(self._direct.call(saying))

    def _hang_up(self) -> None:
        if self._direct is not None:
            self._direct.close()
            self._direct = None

    # --- hearing

    def _began(self) -> None:
        if self._is_open:  # for a while it has heard nothing
            self._gap.tell()

    def _heard(self, frame: bytes) -> None:
        try:
            said = self._seal.unseal(frame)
        except Forged as error:
            self.dropped += 1
            self._complaint.amiss(
                "dropped what others say on %s (%s so far): %s; give each app a ?prefix= of its own in ASOK_REDIS, "
                "and all processes of an app the same keys",
                *(self._channel, self.dropped, error),
            )
            return
        if said.missed:
            self._gap.tell()
        if said.by == self._on_the_line.id or said.number <= self._last_of.get(said.by, 0):
            return
        self._last_of[said.by] = said.number
        self._last_of.move_to_end(said.by)
        if len(self._last_of) > _KNOWN:
            self._last_of.popitem(last=False)
        if said.channel:
            self._channels.deliver(said.channel, said.message)

    # --- forks

    def _start_in_child(self) -> None:
        """Begin with lines of its own. The parent's loop is not to be touched, so that its lines are only kept."""
        _inherited.extend((self._hearing, self._saying))
        if self._direct is not None:
            self._direct.close()
        self._start_afresh()


_inherited: list[HearingLine | SayingLine | None] = []
