"""The watchdog names the method that blocks the loop, and blames nobody where the machine is slow."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop

from asok import Component, exposed
from asok.watchdog import BEAT, Watchdog
from tests.rig import asok_app, rig
from tests.unit.waiting import until

LONGEST = 0.25


class Hands:
    """A watchdog's clocks and its thread, moved by hand: it sleeps for these seconds, and ends after the last."""

    def __init__(self, module: Any, said: list[str]) -> None:
        self.Watchdog: type[Watchdog] = module.Watchdog
        self.said = said
        self.now = self.used = 0.0
        self.naps: list[float] = []
        self.rests: Callable[[], None] = lambda: None
        self.look: Callable[[], None] = lambda: None
        self.get_ident = threading.get_ident

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.used

    def Event(self) -> Hands:
        return self

    def Thread(self, target: Any, args: Any, **named: Any) -> Hands:
        self.look = partial(target, *args)
        return self

    def start(self) -> None: ...

    def set(self) -> None: ...

    def wait(self, seconds: float) -> bool:
        self.rests()
        if self.naps:
            self.now += self.naps.pop(0)
            return False
        return True


def second_module(said: list[str]) -> Any:
    """A watchdog module with this log, so that those of other tests' apps keep their own, and their own time."""
    spec = find_spec("asok.watchdog")
    assert spec is not None
    assert spec.loader is not None
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.log = SimpleNamespace(warning=lambda text, *values: said.append(text % values))
    return module


@pytest.fixture
def hands() -> Hands:
    said: list[str] = []
    module = second_module(said)
    module.time = module.threading = hands = Hands(module, said)
    return hands


class Computing(Component):
    template = "<p></p>"

    @exposed
    async def compute(self) -> None:
        end = time.monotonic() + 10
        while time.monotonic() < end and not blamed():
            threading.Event().wait(0.001)  # in a library, which is not to blame


said: list[str] = []


def blamed() -> list[str]:
    """The lines that name it; a slow machine may bring others."""
    return [line for line in said if "by Computing.compute at test_watchdog.py:" in line]


async def test_a_method_that_blocks_the_loop_is_named_once_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said.clear()
    monkeypatch.setattr("asok.sharing.Watchdog", second_module(said).Watchdog)
    async with rig(asok_app(tmp_path, {"/": "{{ component('Computing') }}"})) as server:
        await (await server.tab()).event("compute")
    assert len(blamed()) == 1


@pytest.mark.parametrize(
    ("naps", "times"),
    [([BEAT] * 9, 1), ([5.0], 0), ([5.0, BEAT], 0), ([BEAT, BEAT, 5.0, BEAT], 0), ([5.0, BEAT, BEAT], 1)],
)
async def test_who_is_woken_late_blames_nobody_for_it(hands: Hands, naps: list[float], times: int) -> None:
    dog = hands.Watchdog(LONGEST)
    dog.start()
    hands.naps = naps
    hands.look()
    dog.stop()
    assert sum("the event loop is blocked" in line for line in hands.said) == times


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_loop_that_waits_for_events_is_not_blocked(hands: Hands, run: Callable[[Any], None]) -> None:
    own = threading.get_ident()

    def stands_here() -> bool:
        frame = sys._current_frames().get(own)
        while frame is not None and frame.f_code is not main.__code__:
            frame = frame.f_back
        return frame is not None

    def rests() -> None:
        while stands_here():
            time.sleep(0.001)

    async def main() -> None:
        dog = hands.Watchdog(LONGEST)
        dog.start()
        hands.naps, hands.rests = [BEAT] * 9, rests
        await asyncio.to_thread(hands.look)
        dog.stop()

    run(main())
    assert not hands.said


def test_a_loop_that_does_not_run_is_not_blocked(hands: Hands) -> None:
    async def started() -> Watchdog:
        dog = hands.Watchdog(LONGEST)
        dog.start()
        return dog

    async def beats_again() -> None:
        beaten = asyncio.get_running_loop().time() + 2 * BEAT
        await until(lambda: asyncio.get_running_loop().time() > beaten)

    loop = asyncio.new_event_loop()
    dog = loop.run_until_complete(started())
    hands.naps, hands.used = [BEAT] * 9, 0.9
    hands.look()
    loop.run_until_complete(beats_again())
    assert not hands.said
    dog.stop()
    loop.close()
    hands.naps = [BEAT] * 9
    hands.look()
    assert len(hands.naps) == 8, "nobody looks at a loop that is closed"


@pytest.mark.parametrize(
    ("naps", "used", "times"), [([5.0], 5.0, 1), ([5.0], 0.0, 0), ([0.3], 0.3, 0), ([BEAT] * 9, 0.9, 0)]
)
async def test_what_the_thread_has_not_seen_is_said_afterwards_if_the_loop_has_computed(
    hands: Hands, naps: list[float], used: float, times: int
) -> None:
    dog = hands.Watchdog(LONGEST)
    dog.start()
    hands.naps, hands.used = naps, used
    hands.look()
    beaten = asyncio.get_running_loop().time() + 2 * BEAT
    await until(lambda: asyncio.get_running_loop().time() > beaten)
    dog.stop()
    afterwards = [line.partition(";")[0] for line in hands.said if "was blocked" in line]
    assert afterwards == ["the event loop was blocked for 4.9 s"] * times


@pytest.mark.parametrize("collects", [True, False])
async def test_while_python_tells_where_its_threads_are_nothing_is_collected(
    hands: Hands, monkeypatch: pytest.MonkeyPatch, collects: bool
) -> None:
    seen = list[bool]()

    def frames() -> dict[int, Any]:
        seen.append(gc.isenabled())
        return {}

    monkeypatch.setattr(sys, "_current_frames", frames)
    (gc.enable if collects else gc.disable)()
    try:
        dog = hands.Watchdog(LONGEST)
        dog.start()
        hands.naps = [BEAT] * 9
        hands.look()
        dog.stop()
        assert seen and not any(seen)
        assert gc.isenabled() is collects
    finally:
        gc.enable()
