"""Topics: who listens hears, whoever else raises; and asok's own topics are nobody's."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok import Component, on
from asok.bus import LocalBus
from asok.errors import AsokError, ComponentError
from asok.following import share_topic
from asok.topics import Topics, name_problem, unpacked
from tests.rig import asok_app

OWN = share_topic("board")


class Ear:
    """Keeps what it hears; raises where it is told to."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.fault = fault

    def hear(self, topic: str, message: Any) -> None:
        self.heard.append((topic, message))
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def topics(bus: LocalBus) -> Iterator[Topics]:
    made = Topics(bus)
    made.open()
    yield made
    made.close()


async def handed_out() -> None:
    """What was published before this has been heard."""
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(done.set_result, None)
    await done


async def test_who_listens_hears_and_nobody_else(topics: Topics) -> None:
    orders, news = Ear(), Ear()
    topics.listen("orders", orders)
    topics.listen("news", news)
    topics.push("orders", {"id": 1})
    await handed_out()
    assert (orders.heard, news.heard) == ([("orders", {"id": 1})], [])


async def test_a_listener_that_raises_keeps_nobody_from_hearing(
    topics: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = Ear(RuntimeError("mine")), Ear()
    topics.listen("a", bad)
    topics.listen("a", good)
    topics.push("a", 1)
    topics.push("a", 2)
    await handed_out()
    assert good.heard == [("a", 1), ("a", 2)] == bad.heard
    assert "a listener of 'a' raised" in caplog.text


async def test_who_has_left_hears_nothing_and_leaves_nothing_behind(topics: Topics) -> None:
    ear = Ear()
    topics.listen("a", ear)
    topics.unlisten("a", ear)
    topics.unlisten("a", ear)
    topics.push("a", 1)
    await handed_out()
    assert ear.heard == []
    assert len(topics) == 0


async def test_a_thread_may_push(topics: Topics) -> None:
    ear = Ear()
    topics.listen("a", ear)

    def push_all() -> None:
        for number in range(100):
            topics.push("a", number)

    thread = threading.Thread(target=push_all)
    thread.start()
    await asyncio.to_thread(thread.join)
    await handed_out()
    assert ear.heard == [("a", number) for number in range(100)]


@pytest.mark.parametrize("name", ["", "\0", OWN, "x" * 257, None, 5, b"bytes"])
async def test_a_name_that_is_none_or_asoks_own_is_refused_everywhere(
    topics: Topics, name: Any, tmp_path: Path
) -> None:
    ear = Ear()
    topics.listen(OWN, ear)
    with pytest.raises(AsokError, match=r"push\("):
        topics.push(name, 1)
    with pytest.raises(AsokError, match=r"push\("):
        asok_app(tmp_path).push(name, 1)
    with pytest.raises(ComponentError, match="@on"):
        on(name)
    component = Plain()
    for act in (component.subscribe, component.presence.join):
        with pytest.raises(ComponentError):
            act(name)
    await handed_out()
    assert ear.heard == []


class Plain(Component):
    template = "<p></p>"


@given(st.text(max_size=300))
def test_a_name_is_good_or_told_why_not(name: str) -> None:
    assert bool(name_problem(name)) == (not name or len(name) > 256 or name[0] == "\0")


async def test_what_asok_announces_itself_is_heard(topics: Topics) -> None:
    ear = Ear()
    topics.listen(OWN, ear)
    topics.announce(OWN, [1])
    await handed_out()
    assert ear.heard == [(OWN, [1])]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (object(), "numbers, text, lists"),
        ("x" * 70_000, "65536 are allowed"),
        (2**70, "serialize ints"),
        ("\ud800", "push"),
    ],
)
async def test_a_message_that_cannot_be_sent_says_so_to_who_sends_it(
    topics: Topics, message: Any, problem: str
) -> None:
    with pytest.raises(AsokError, match=problem):
        topics.push("a", message)
    with pytest.raises(AsokError, match=problem):
        unpacked("push", "a", message)


async def test_a_message_of_another_release_harms_nobody(
    topics: Topics, bus: LocalBus, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear()
    topics.listen("a", ear)
    bus.publish("topic", b"\xc1")
    topics.push("a", 1)
    with caplog.at_level(logging.ERROR):
        await handed_out()
    assert ear.heard == [("a", 1)]
