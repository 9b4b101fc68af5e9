"""Workers that die while others serve: a successor at once, no crash loop, nobody kept waiting."""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import os
import signal
import socket
import time
from contextlib import AsyncExitStack
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from asok import supervisor
from asok.errors import ConfigurationError
from asok.fleet import LONGEST_PAUSE, RESPAWN_PAUSE, Fleet, Place
from asok.server import Serving
from tests.unit.clicking import Clicking, served
from tests.unit.commands import eventually

APP = """\
import os
from pathlib import Path
from starlette.responses import PlainTextResponse
from asok import Asok, Component, exposed

HERE = Path(__file__).parent
with open(HERE / "processes", "a") as log:
    log.write(f"{os.getpid()}\\n")
if (HERE / "die").exists():
    os._exit(7)

class Manned(Component):
    count = 0
    template = "<p>{{ count }}</p>"

    @exposed
    async def add(self):
        self.count += 1

async def process(request):
    return PlainTextResponse(str(os.getpid()))

app = Asok()
app.page("/", Manned)
app.add_route("/process", process)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def begun(folder: Path) -> list[int]:
    """The processes that have loaded the app, in their order."""
    return [int(each) for each in (folder / "processes").read_text().split()]


async def test_r04_workers_that_are_killed_again_and_again_lose_nothing_and_are_back_at_once(folder: Path) -> None:
    over = asyncio.Event()
    async with served("asok", "run", "--workers", "2", folder=folder) as server, AsyncExitStack() as closing:
        people = [await Clicking.at(server, closing) for _ in range(2)]
        clicking = [asyncio.create_task(each.click_until(over)) for each in people]
        for kills in range(5):
            await eventually(lambda kills=kills: len(begun(folder)) == 2 + kills or None, server)  # type: ignore[misc]
            os.kill(begun(folder)[kills], signal.SIGKILL)  # the one that has served for longest
            await eventually(lambda kills=kills: server.said.count("died") == kills + 1 or None, server)  # type: ignore[misc]
        over.set()
        for person, task in zip(people, clicking, strict=True):
            assert f"<p>{await task}</p>" in person.text


async def test_a_worker_that_dies_at_once_is_tried_later_and_later_and_the_others_serve(folder: Path) -> None:
    async with served("asok", "run", "--workers", "2", folder=folder) as server:
        await eventually(lambda: len(begun(folder)) == 2 or None, server)
        serving = int(await server.get("/process"))
        (dying,) = set(begun(folder)) - {serving}
        (folder / "die").touch()
        began = time.monotonic()
        os.kill(dying, signal.SIGKILL)
        await eventually(lambda: server.said.count("exit code 7") == 2 or None, server)
        assert time.monotonic() - began >= RESPAWN_PAUSE
        (folder / "die").unlink()
        assert int(await server.get("/process")) == serving


class Dead:
    """A worker as its place sees it."""

    def __init__(self, age: float) -> None:
        self.age = age

    is_alive, pid, exitcode = False, 0, 7

    def is_ready(self) -> bool:
        return True

    def wait(self) -> None:
        pass


def test_pauses_double_up_to_half_a_minute_and_begin_anew_after_a_life() -> None:
    place = Place(Dead(0))  # type: ignore[arg-type]  # all that a place looks at
    pauses = []
    for _ in range(7):
        place.died()
        pauses.append(round(place.due - time.monotonic()))
    assert pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE]
    place.take(Dead(60))  # type: ignore[arg-type]  # as above
    place.died()
    assert place.due <= time.monotonic()


class Living(Dead):
    """One that serves, and another that waits."""

    is_alive = True

    def begin(self) -> Living:
        return self


def test_a_worker_that_cannot_be_started_now_is_tried_again_and_the_others_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, made, full = Living(60), list[Living](), [False]

    def make() -> Any:
        if full[0]:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        made.append(Living(60))
        return made[-1]

    fleet = Fleet(make, first, 2)  # type: ignore[arg-type]  # as above
    full[0] = True
    made[0].is_alive = False
    fleet.look()
    fleet.look()
    assert capsys.readouterr().err.splitlines() == [
        "asok: a worker died (exit code 7); starting another one",
        "asok: no worker can be started now: Resource temporarily unavailable; trying again",
    ]
    full[0] = False
    fleet.look()
    assert len(made) == 3  # and one more that waits


def test_a_start_without_a_process_to_be_had_says_what_is_missing_and_leaves_none_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = list[BaseProcess]()

    def start_but_one(*_: object) -> None:
        begun.append(multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,)))
        begun[0].start()
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(supervisor, "run_fleet", start_but_one)
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ConfigurationError) as refused:
        supervisor.supervise(Serving(Path(), "127.0.0.1"), listener, lambda: None)
    assert str(refused.value).startswith("no worker can be started: Resource temporarily unavailable; let this user ")
    begun[0].join()
    assert begun[0].exitcode == -signal.SIGTERM
