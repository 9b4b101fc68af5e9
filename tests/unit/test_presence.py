"""Who is in which room, over the bus of one process, over a bus without peers, and between real processes."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.backends.redis_bus import RedisBus
from asok.backends.sockets import SocketBus, available
from asok.bus import Bus, LocalBus
from asok.presence import Member, Presence, PresenceRefused
from asok.state import KeyRing
from tests.redis_server import RedisServer, redis_server
from tests.rig import KEY

PATIENCE = 60

Change = tuple[str, tuple[str, ...], tuple[str, ...]]


class Clock:
    """Time that a test turns by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Watch:
    """What a presence tells, and a way to wait for it."""

    def __init__(self, presence: Presence) -> None:
        self.presence = presence
        self.changes: list[Change] = []
        self.threads: set[int] = set()
        self._told = asyncio.Event()
        self.stop = presence.on_change(self._note)

    def _note(self, room: str, joined: tuple[Member, ...], left: tuple[Member, ...]) -> None:
        self.changes.append((room, tuple(one.id for one in joined), tuple(one.id for one in left)))
        self.threads.add(threading.get_ident())
        assert {one.id for one in joined} <= set(self.ids(room)), "told before it could be seen"
        self._told.set()

    def ids(self, room: str) -> list[str]:
        return [member.id for member in self.presence.members(room)]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._told.clear()
                await self._told.wait()


@asynccontextmanager
async def opened(bus: Bus, **options: Any) -> AsyncIterator[Watch]:
    presence = Presence(bus, **options)
    watch = Watch(presence)
    await presence.open()
    try:
        yield watch
    finally:
        await presence.close()


async def test_joins_updates_and_leaves_are_seen_by_all(bus: LocalBus) -> None:
    async with opened(bus) as first, opened(bus) as second:
        first.presence.join("hall", "1", "ann", {"colour": "red"})
        await second.until(lambda: second.changes == [("hall", ("1",), ())])
        (ann,) = second.presence.members("hall")
        assert (ann.id, ann.user, ann.meta, ann.typing) == ("1", "ann", {"colour": "red"}, False)
        first.presence.update("hall", "1", {"colour": "blue"})
        await second.until(lambda: second.changes[1:] == [("hall", (), ())])
        assert second.presence.members("hall")[0].meta == {"colour": "blue"}
        first.presence.leave("hall", "1")
        await second.until(lambda: second.changes[2:] == [("hall", (), ("1",))])
        assert second.presence.members("hall") == first.presence.members("hall") == ()
        await first.until(lambda: first.changes == second.changes)


async def test_who_joins_again_is_changed_and_keeps_its_place(bus: LocalBus) -> None:
    clock = Clock()
    async with opened(bus, wall_clock=clock) as watch:
        watch.presence.join("hall", "1", "ann")
        clock.now += 1
        watch.presence.join("hall", "2", "bob")
        clock.now += 1
        watch.presence.join("hall", "1", "anna", {"away": True})
        assert [(one.id, one.user, one.since) for one in watch.presence.members("hall")] == [
            ("1", "anna", 1000.0),
            ("2", "bob", 1001.0),
        ]
        await watch.until(lambda: watch.changes[2:] == [("hall", (), ())])


async def test_leaving_all_rooms_leaves_nothing_behind(bus: LocalBus) -> None:
    async with opened(bus) as first, opened(bus) as second:
        for number in range(5):
            first.presence.join(f"room {number}", "1", "ann")
        first.presence.join("room 0", "2", "bob")
        first.presence.leave_all("1")
        first.presence.leave_all("1")
        first.presence.leave("room 0", "nobody")
        await second.until(lambda: len(second.changes) == 11)
        assert second.ids("room 0") == ["2"]
        assert not any(second.ids(f"room {number}") for number in range(1, 5))


async def test_who_comes_late_learns_who_is_there(bus: LocalBus) -> None:
    async with opened(bus) as first:
        first.presence.join("hall", "1", "ann")
        async with opened(bus) as late:
            await late.until(lambda: late.ids("hall") == ["1"])


async def test_who_closes_takes_its_members_along(bus: LocalBus) -> None:
    async with opened(bus) as stays:
        async with opened(bus) as leaves:
            leaves.presence.join("hall", "1", "ann")
            await stays.until(lambda: stays.ids("hall") == ["1"])
        await stays.until(lambda: stays.ids("hall") == [])


async def test_it_opens_again(bus: LocalBus) -> None:
    async with opened(bus) as first:
        again = Presence(bus)
        await again.open()
        await again.open()
        again.join("hall", "1", "ann")
        await first.until(lambda: first.ids("hall") == ["1"])
        await again.close()
        await again.close()
        await first.until(lambda: first.ids("hall") == [])
        await again.open()
        again.join("hall", "2", "bob")
        await first.until(lambda: first.ids("hall") == ["2"])
        await again.close()


async def test_typing_ends_by_itself(bus: LocalBus) -> None:
    clock = Clock()
    async with opened(bus, clock=clock, heartbeat=0.01) as first, opened(bus) as second:
        first.presence.join("hall", "1", "ann")
        first.presence.typing("hall", "1", seconds=3)
        await second.until(lambda: any(one.typing for one in second.presence.members("hall")))
        clock.now += 2
        first.presence.typing("hall", "1", seconds=3)
        clock.now += 2
        assert first.presence.members("hall")[0].typing
        clock.now += 2
        await second.until(lambda: not second.presence.members("hall")[0].typing)


async def test_typing_ends_when_told_and_is_nothing_for_who_is_not_there(bus: LocalBus) -> None:
    async with opened(bus) as watch:
        watch.presence.typing("hall", "1")
        watch.presence.join("hall", "1", "ann")
        watch.presence.typing("hall", "1")
        assert watch.presence.members("hall")[0].typing
        watch.presence.typing("hall", "1", seconds=0)
        assert not watch.presence.members("hall")[0].typing


async def test_threads_may_call_and_listeners_are_told_on_the_loop(bus: LocalBus) -> None:
    async with opened(bus) as first, opened(bus) as second:

        def work(thread: int) -> None:
            for number in range(50):
                first.presence.join("hall", f"{thread} {number}", "ann")
                first.presence.typing("hall", f"{thread} {number}")
                if number % 2:
                    first.presence.leave_all(f"{thread} {number}")

        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        for watch in (first, second):
            await watch.until(lambda watch=watch: len(watch.changes) == 4 * 125)  # type: ignore[misc]  # bound in the loop
            assert len(watch.ids("hall")) == 100
            assert watch.threads == {threading.get_ident()}
        for thread in threads:
            thread.join()
        assert first.presence.members("hall") == second.presence.members("hall")


async def test_who_unsubscribed_is_told_no_more(bus: LocalBus) -> None:
    async with opened(bus) as first, opened(bus) as second:
        first.stop()
        first.presence.join("hall", "1", "ann")
        await second.until(lambda: len(second.changes) == 1)
        assert first.changes == []


# --- a bus that only carries


class PlainBus:
    """A bus without ids and peers, and with a plug that can be pulled."""

    def __init__(self, wire: LocalBus) -> None:
        self._wire, self.plugged = wire, True

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def publish(self, channel: str, message: bytes) -> None:
        if self.plugged:
            self._wire.publish(channel, message)

    def subscribe(self, channel: str, listener: Callable[[bytes], None]) -> Callable[[], None]:
        return self._wire.subscribe(channel, lambda message: listener(message) if self.plugged else None)

    def on_gap(self, listener: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


async def test_silence_is_found_without_peers_and_healed(bus: LocalBus) -> None:
    plug = PlainBus(bus)
    async with (
        opened(plug, heartbeat=0.02, patience=0.3) as lonely,
        opened(PlainBus(bus), heartbeat=0.02, patience=0.3) as watch,
    ):
        lonely.presence.join("hall", "1", "ann")
        watch.presence.join("hall", "2", "bob")
        await watch.until(lambda: sorted(watch.ids("hall")) == ["1", "2"])
        plug.plugged = False
        await watch.until(lambda: watch.ids("hall") == ["2"])
        await lonely.until(lambda: lonely.ids("hall") == ["1"])
        lonely.presence.join("hall", "3", "cy")
        plug.plugged = True
        await watch.until(lambda: sorted(watch.ids("hall")) == ["1", "2", "3"])
        await lonely.until(lambda: lonely.presence.members("hall") == watch.presence.members("hall"))


@given(garbage=st.binary(max_size=200))
def test_garbage_on_the_channel_harms_nobody(garbage: bytes) -> None:
    with asyncio.Runner() as runner:
        runner.run(say_garbage(garbage))


async def say_garbage(garbage: bytes) -> None:
    bus = LocalBus()
    await bus.open()
    async with opened(bus) as first, opened(bus) as second:
        bus.publish("presence", garbage)
        first.presence.join("hall", "1", "ann")
        await second.until(lambda: second.ids("hall") == ["1"])
    await bus.close()


async def test_garbage_is_logged_once_a_second_at_most(
    bus: LocalBus, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The journal of an app of another test has a limit of its own, for all that was logged in this second.
    monkeypatch.setattr(logging.getLogger("asok"), "filters", [])
    clock = Clock()
    deep = b"\x91" * 100_000
    rows = ["hall", "1", "u", {"__proto__": 1}, False, 1.0], ["hall", "1", "u", {}, False, float("nan")]
    changes = [msgspec.msgpack.encode(["changed", "p", "", 1, "hall", "1", row]) for row in rows]

    async def say_garbage() -> None:
        heard = asyncio.Event()
        bus.subscribe("end", lambda message: heard.set())
        for garbage in (b"", b"\xc1", b"\xdc\x00\x01\xa1\x80", deep, *changes):
            bus.publish("presence", garbage)
        bus.publish("end", b"")
        await heard.wait()

    async with opened(bus, clock=clock) as watch:
        with caplog.at_level(logging.WARNING, "asok"):
            await say_garbage()
            assert caplog.text.count("is none of asok's") == 1
            clock.now += 1
            await say_garbage()
        assert caplog.text.count("is none of asok's") == 2
        assert watch.ids("hall") == []


# --- what is refused


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda p: p.join("", "1", "u"), "a room is text of 1 to 256 characters, got 0 characters"),
        (lambda p: p.join("r" * 257, "1", "u"), "a room is text of 1 to 256 characters, got 257"),
        (lambda p: p.join(7, "1", "u"), "a room is text of 1 to 256 characters, got int"),
        (lambda p: p.join("\ud800", "1", "u"), "a room is text, got half of a character"),
        (lambda p: p.join("hall", "", "u"), "a member is text of 1 to 256"),
        (lambda p: p.join("hall", "1", "u" * 257), "a user is text of 1 to 256"),
        (lambda p: p.join("hall", "1", "u", {"x": "y" * 4096}), "meta has 4102 bytes packed, 4096 are the most"),
        (lambda p: p.join("hall", "1", "u", {"x": object()}), "meta is a dict of JSON values"),
        (lambda p: p.join("hall", "1", "u", {"x": float("nan")}), "meta is a dict of JSON values"),
        (lambda p: p.join("hall", "1", "u", {1: 2}), "meta is a dict of JSON values"),
        (lambda p: p.join("hall", "1", "u", {"x": "\ud800"}), "meta is a dict of JSON values"),
        (lambda p: p.join("hall", "1", "u", ["x"]), "meta is a dict of JSON values, got list"),
        (lambda p: p.update("hall", "1", {}), "'1' is not in room 'hall'; let it join first"),
    ],
)
async def test_what_does_not_fit_is_refused_and_nothing_is_changed(
    bus: LocalBus, call: Callable[[Presence], None], text: str
) -> None:
    async with opened(bus) as watch:
        with pytest.raises(PresenceRefused, match=text):
            call(watch.presence)
        assert watch.ids("hall") == []


async def test_a_meta_cannot_be_changed_from_outside(bus: LocalBus) -> None:
    async with opened(bus) as watch:
        meta = {"list": [1]}
        watch.presence.join("hall", "1", "ann", meta)
        meta["list"].append(2)
        seen = watch.presence.members("hall")[0].meta
        assert seen == {"list": [1]}
        with pytest.raises(TypeError):
            seen["list"].append(3)


async def test_a_member_is_in_a_hundred_rooms_at_most(bus: LocalBus) -> None:
    async with opened(bus) as watch:
        for number in range(100):
            watch.presence.join(f"room {number}", "1", "ann")
        with pytest.raises(PresenceRefused, match="'1' is in 100 rooms already; leave one first"):
            watch.presence.join("one more", "1", "ann")
        watch.presence.join("room 0", "1", "anna")
        watch.presence.leave("room 0", "1")
        watch.presence.join("one more", "1", "ann")


async def test_a_room_has_ten_thousand_members_at_most(bus: LocalBus) -> None:
    async with opened(bus) as watch:
        watch.stop()
        for number in range(10_000):
            watch.presence.join("hall", str(number), "ann")
        with pytest.raises(PresenceRefused, match="room 'hall' has 10000 members, which is the most; split it"):
            watch.presence.join("hall", "one more", "ann")


# --- real processes


@asynccontextmanager
async def child(place: Path | str, *members: str) -> AsyncIterator[Process]:
    command = (sys.executable, "-m", "tests.unit.presence_child", str(place), "hall")
    process = await asyncio.create_subprocess_exec(*command, *members, stdin=PIPE, stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def shows(process: Process, *members: str) -> None:
    """Wait until that process sees just these."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        while sorted(json.loads(await process.stdout.readline())) != sorted(members):
            pass


@pytest.mark.skipif(not available(), reason="this system has no Unix sockets")
async def test_the_members_of_a_killed_process_leave(tmp_path: Path) -> None:
    bus = SocketBus(tmp_path)
    await bus.open()
    async with opened(bus, patience=1e9) as watch, child(tmp_path, "1", "2") as killed, child(tmp_path, "3") as stays:
        await watch.until(lambda: sorted(watch.ids("hall")) == ["1", "2", "3"])
        await shows(stays, "1", "2", "3")
        killed.send_signal(signal.SIGKILL)
        # Its patience is endless here: it is the end of the connection that tells.
        await watch.until(lambda: watch.ids("hall") == ["3"])
        assert ("hall", (), ("1", "2")) in watch.changes
        await shows(stays, "3")
    await bus.close()


@pytest.mark.skipif(not available(), reason="this system has no Unix sockets")
async def test_the_members_of_a_stopped_process_leave_and_come_back(tmp_path: Path) -> None:
    bus = SocketBus(tmp_path)
    await bus.open()
    async with opened(bus) as watch, child(tmp_path, "1") as stopped:
        watch.presence.join("hall", "2", "bob")
        await watch.until(lambda: sorted(watch.ids("hall")) == ["1", "2"])
        await shows(stopped, "1", "2")
        stopped.send_signal(signal.SIGSTOP)
        await watch.until(lambda: watch.ids("hall") == ["2"])
        stopped.send_signal(signal.SIGCONT)
        await watch.until(lambda: sorted(watch.ids("hall")) == ["1", "2"])
    await bus.close()


async def test_over_a_redis_the_members_of_a_killed_process_leave_within_two_seconds(redis: RedisServer) -> None:
    bus = RedisBus(f"{redis.url}?prefix=presence", KeyRing([KEY]))
    await bus.open()
    async with opened(bus) as watch, child(f"{redis.url}?prefix=presence", "1", "2") as killed:
        watch.presence.join("hall", "3", "cy")
        await watch.until(lambda: sorted(watch.ids("hall")) == ["1", "2", "3"])
        await shows(killed, "1", "2", "3")
        killed.send_signal(signal.SIGKILL)
        began = time.monotonic()
        await watch.until(lambda: watch.ids("hall") == ["3"])
        assert time.monotonic() - began < 2 * 3, "two seconds, on a machine that has other work, too"
    await bus.close()


async def test_nobody_leaves_while_redis_is_away_and_afterwards_all_agree(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as server:
        bus = RedisBus(server.url, KeyRing([KEY]))
        await bus.open()
        async with opened(bus) as watch, child(server.url, "1", "2") as other:
            watch.presence.join("hall", "3", "cy")
            await watch.until(lambda: sorted(watch.ids("hall")) == ["1", "2", "3"])
            await shows(other, "1", "2", "3")
            for end, begin in ((server.kill, server.start), (server.pause, server.resume)):
                end()
                await asyncio.sleep(2.5)  # longer than its patience
                assert sorted(watch.ids("hall")) == ["1", "2", "3"]
                begin()
            server.kill()
            watch.presence.leave("hall", "3")
            watch.presence.join("hall", "4", "dan")
            server.start()
            await shows(other, "1", "2", "4")
            other.send_signal(signal.SIGKILL)
            await watch.until(lambda: watch.ids("hall") == ["4"])
            left = [id for _, _, ids in watch.changes for id in ids]
            assert left == ["3", "1", "2"]
        await bus.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
async def test_the_child_of_a_fork_has_no_members(bus: LocalBus) -> None:
    async with opened(bus) as watch:
        watch.presence.join("hall", "1", "ann")
        process = os.fork()
        if not process:
            os._exit(len(watch.presence.members("hall")))
        assert (await asyncio.to_thread(os.waitpid, process, 0))[1] == 0
        assert watch.ids("hall") == ["1"]
