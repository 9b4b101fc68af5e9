"""The bus of one process: order, threads, and who hears what."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
from collections.abc import Callable

import pytest

from asok.bus import MESSAGE_LIMIT, Channels, Listeners, LocalBus, Mailbox, MessageTooLarge, PeerBus

PATIENCE = 30


async def ended(process: int) -> int:
    """How that child of ours ended."""
    return (await asyncio.to_thread(os.waitpid, process, 0))[1]


async def settled() -> None:
    """One turn of the loop, with all that was due in it."""
    turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    await turned.wait()


async def test_every_subscriber_of_the_channel_hears_and_no_other(bus: LocalBus) -> None:
    first: list[bytes] = []
    second: list[bytes] = []
    other: list[bytes] = []
    bus.subscribe("votes", first.append)
    bus.subscribe("votes", second.append)
    bus.subscribe("chat", other.append)
    bus.publish("votes", b"1")
    bus.publish("votes", b"2")
    await settled()
    assert first == second == [b"1", b"2"]
    assert other == []


async def test_a_publisher_is_not_reentered(bus: LocalBus) -> None:
    heard: list[bytes] = []
    bus.subscribe("votes", heard.append)
    bus.publish("votes", b"1")
    assert heard == []
    await settled()
    assert heard == [b"1"]


async def test_what_a_listener_publishes_comes_after_the_loop_had_a_turn(bus: LocalBus) -> None:
    heard: list[bytes] = []

    def echo(message: bytes) -> None:
        heard.append(message)
        bus.publish("votes", message)

    unsubscribe = bus.subscribe("votes", echo)
    bus.publish("votes", b"1")
    await settled()
    await settled()
    assert 1 <= len(heard) < 20, "an echo must not keep the loop to itself"
    unsubscribe()


async def test_messages_of_threads_arrive_on_the_loop_each_in_its_order(bus: LocalBus) -> None:
    heard: list[tuple[int, int]] = []
    ears: set[int] = set()
    done = asyncio.Event()

    def listen(message: bytes) -> None:
        thread, number = message.split()
        heard.append((int(thread), int(number)))
        ears.add(threading.get_ident())
        if len(heard) == 4 * 500:
            done.set()

    def speak(thread: int) -> None:
        for number in range(500):
            bus.publish("numbers", b"%d %d" % (thread, number))

    bus.subscribe("numbers", listen)
    threads = [threading.Thread(target=speak, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    for thread in threads:
        thread.join()
    assert ears == {threading.get_ident()}
    for number in range(4):
        assert [said for thread, said in heard if thread == number] == list(range(500))


async def test_a_listener_that_raises_is_logged_and_the_others_hear(
    bus: LocalBus, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[bytes] = []

    def fail(message: bytes) -> None:
        raise RuntimeError("not today")

    bus.subscribe("votes", fail)
    bus.subscribe("votes", heard.append)
    with caplog.at_level(logging.ERROR, "asok"):
        bus.publish("votes", b"1")
        await settled()
    assert heard == [b"1"]
    assert "not today" in caplog.text


async def test_who_unsubscribed_hears_no_more(bus: LocalBus) -> None:
    heard: list[bytes] = []
    unsubscribe = bus.subscribe("votes", heard.append)
    bus.publish("votes", b"1")
    await settled()
    unsubscribe()
    unsubscribe()
    bus.publish("votes", b"2")
    await settled()
    assert heard == [b"1"]


async def test_what_is_published_before_close_is_heard_and_after_it_is_not() -> None:
    bus = LocalBus()
    heard: list[bytes] = []
    bus.subscribe("votes", heard.append)
    bus.publish("votes", b"before open")
    await bus.open()
    bus.publish("votes", b"open")
    await bus.close()
    bus.publish("votes", b"after close")
    await settled()
    assert heard == [b"open"]
    await bus.open()
    bus.publish("votes", b"open again")
    await bus.close()
    assert heard == [b"open", b"open again"]


def test_a_bus_whose_loop_was_closed_drops_what_is_published() -> None:
    bus = LocalBus()
    with asyncio.Runner() as runner:
        runner.run(bus.open())
    bus.publish("votes", b"1")
    bus.publish("votes", b"2")


async def test_a_message_above_the_limit_is_refused_with_the_way_out(bus: LocalBus) -> None:
    bus.publish("votes", bytes(MESSAGE_LIMIT))
    with pytest.raises(MessageTooLarge, match="1048577 bytes, the bus carries 1048576; store the value and publish"):
        bus.publish("votes", bytes(MESSAGE_LIMIT + 1))


async def test_text_is_no_message_and_a_channel_has_a_name(bus: LocalBus) -> None:
    with pytest.raises(TypeError, match="a message is bytes, got str; pack it"):
        bus.publish("votes", "1")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(ValueError, match="a name of 1 to 256 characters, got 0"):
        bus.publish("", b"1")


async def test_one_process_has_no_peers_and_no_gaps(bus: LocalBus) -> None:
    assert isinstance(bus, PeerBus)
    assert bus.peers == frozenset()
    assert bus.id != LocalBus().id
    bus.on_peer_gone(lambda peer: pytest.fail(peer))()
    bus.on_gap(lambda: pytest.fail("a gap"))()


# --- its parts


def test_who_is_removed_while_others_are_told_is_not_told() -> None:
    listeners: Listeners[[]] = Listeners()
    told: list[str] = []
    removals: list[Callable[[], None]] = []

    def first() -> None:
        told.append("first")
        removals[0]()

    listeners.add(first)
    removals.append(listeners.add(lambda: told.append("second")))
    listeners.tell()
    assert told == ["first"]


def test_one_function_may_listen_twice_and_go_once() -> None:
    listeners: Listeners[[int]] = Listeners()
    told: list[int] = []
    remove = listeners.add(told.append)
    listeners.add(told.append)
    remove()
    remove()
    listeners.tell(1)
    assert told == [1]


def test_channels_that_nobody_hears_any_more_take_no_memory() -> None:
    def kept() -> int:
        gc.collect()
        return sum(type(found) is Listeners for found in gc.get_objects())

    channels, before = Channels(), kept()
    for number in range(1000):
        channels.subscribe(f"tab {number}", print)()
    assert kept() < before + 100


async def test_the_child_of_a_fork_has_a_closed_mailbox_of_another_id() -> None:
    taken: list[str] = []
    mailbox = Mailbox(taken.append)
    mailbox.open()
    mailbox.put("before")
    child = os.fork()
    if not child:
        os._exit(int(mailbox.is_open or mailbox.put("in the child") or bool(taken)))
    assert await ended(child) == 0
    await settled()
    assert taken == ["before"]
    mailbox.close()
