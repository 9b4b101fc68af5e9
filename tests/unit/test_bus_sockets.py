"""The bus of one machine, with real sockets and real processes that are killed, stopped, forked and late."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.backends.lines import Bye, Frame, Hello, Inlet, Said, connect, frame_of, listen
from asok.backends.sockets import SocketBus, available
from asok.bus import MESSAGE_LIMIT, MessageTooLarge, PeerBus
from asok.errors import ConfigurationError

PATIENCE = 60
CHILD = Path(__file__).with_name("bus_child.py")

pytestmark = pytest.mark.skipif(not available(), reason="this system has no Unix sockets")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bus"


class Ear:
    """All that a bus tells, in order, and a way to wait for it."""

    def __init__(self, bus: PeerBus) -> None:
        self.bus = bus
        self.words: list[str] = []
        self.gone: list[str] = []
        self.gaps = 0
        self._told = asyncio.Event()
        bus.subscribe("words", lambda message: self._tell(self.words.append, message[:64].decode()))
        bus.on_peer_gone(lambda peer: self._tell(self.gone.append, peer))
        bus.on_gap(lambda: self._tell(self._count, ""))

    def _count(self, _: str) -> None:
        self.gaps += 1

    def _tell(self, note: Callable[[str], None], what: str) -> None:
        note(what)
        self._told.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._told.clear()
                await self._told.wait()

    async def meets(self, *ids: str) -> None:
        """Wait until these are its peers; that one is connected has no event."""
        async with asyncio.timeout(PATIENCE):
            while not self.bus.peers >= set(ids):  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Ear]:
    bus = SocketBus(folder)
    ear = Ear(bus)
    await bus.open()
    try:
        yield ear
    finally:
        await bus.close()


class Child:
    """Another process on the bus."""

    def __init__(self, process: Process) -> None:
        self.process, self.id = process, ""

    async def says(self) -> list[str]:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await self.process.stdout.readline()
        assert line, "it ended"
        return list(json.loads(line))

    async def says_soon(self, *words: str) -> list[list[str]]:
        """What it says up to this."""
        said = []
        while (now := await self.says()) != list(words):
            said.append(now)
        return said

    def do(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words).encode() + b"\n")

    async def meets(self, *ids: str) -> None:
        """Wait until these are its peers."""
        while True:
            self.do("peers")
            while (said := await self.says())[0] != "peers":
                pass
            if set(said[1]) >= set(ids):
                return

    def signal(self, how: signal.Signals) -> None:
        self.process.send_signal(how)


@asynccontextmanager
async def child(folder: Path) -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(sys.executable, str(CHILD), str(folder), stdin=PIPE, stdout=PIPE)
    try:
        one = Child(process)
        opened, one.id = await one.says()
        assert opened == "open"
        yield one
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


# --- within the bus


async def test_two_buses_of_one_folder_hear_each_other_and_themselves(folder: Path) -> None:
    async with opened(folder) as first, opened(folder) as second:
        assert isinstance(first.bus, PeerBus)
        await first.meets(second.bus.id)
        await second.meets(first.bus.id)
        first.bus.publish("words", b"hello")
        await first.until(lambda: first.words == ["hello"])
        await second.until(lambda: second.words == ["hello"])
    assert list(folder.iterdir()) == []


async def test_who_closes_is_gone_at_once_and_nothing_is_missed(folder: Path) -> None:
    async with opened(folder) as stays:
        async with opened(folder) as leaves:
            await stays.meets(leaves.bus.id)
            await leaves.meets(stays.bus.id)
            left = leaves.bus.id
            leaves.bus.publish("words", b"a last word")
        await stays.until(lambda: stays.gone == [left])
        assert stays.bus.peers == frozenset()
        await stays.until(lambda: stays.words == ["a last word"])
        assert stays.gaps == 0


async def test_a_bus_opens_again_as_somebody_else(folder: Path) -> None:
    bus = SocketBus(folder)
    before = bus.id
    ear = Ear(bus)
    await bus.open()
    await bus.open()
    await bus.close()
    await bus.close()
    assert bus.id != before
    async with opened(folder) as other:
        await bus.open()
        await ear.meets(other.bus.id)
        other.bus.publish("words", b"again")
        await ear.until(lambda: ear.words == ["again"])
        await bus.close()


async def test_who_comes_late_is_told_that_it_missed_something(folder: Path) -> None:
    async with opened(folder) as early:
        early.bus.publish("words", b"1")
        await early.until(lambda: early.words == ["1"])
        async with opened(folder) as late:
            await late.until(lambda: late.gaps == 1)
            assert early.gaps == 0
            early.bus.publish("words", b"2")
            await late.until(lambda: late.words == ["2"])


async def test_who_comes_before_anything_was_said_missed_nothing(folder: Path) -> None:
    async with opened(folder) as early, opened(folder) as late:
        await late.meets(early.bus.id)
        early.bus.publish("words", b"1")
        await late.until(lambda: late.words == ["1"])
        assert late.gaps == early.gaps == 0


async def test_a_message_of_a_mebibyte_passes_and_a_larger_one_is_refused(folder: Path) -> None:
    async with opened(folder) as first, opened(folder) as second:
        await first.meets(second.bus.id)
        first.bus.publish("words", b"x" * MESSAGE_LIMIT)
        await second.until(lambda: len(second.words) == 1)
        with pytest.raises(MessageTooLarge):
            first.bus.publish("words", b"x" * (MESSAGE_LIMIT + 1))


async def test_threads_publish_too(folder: Path) -> None:
    async with opened(folder) as first, opened(folder) as second:
        await first.meets(second.bus.id)

        def speak() -> None:
            for number in range(500):
                first.bus.publish("words", b"%d" % number)

        thread = threading.Thread(target=speak)
        thread.start()
        await second.until(lambda: len(second.words) == 500)
        thread.join()
        assert second.words == [str(number) for number in range(500)]


# --- the folder


async def test_the_folder_is_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "bus"
    async with opened(folder):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.parent.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    async with opened(folder):
        assert folder.stat().st_mode & 0o777 == 0o700


async def test_a_folder_of_another_owner_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ConfigurationError, match="is no folder of the user who runs this process; name one that is"):
        await SocketBus(folder).open()


async def test_a_file_is_no_folder(folder: Path) -> None:
    folder.touch()
    with pytest.raises(ConfigurationError, match="is no folder of the user"):
        await SocketBus(folder).open()


async def test_a_folder_may_lie_deeper_than_an_address_is_long(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    before = set(os.listdir(tempfile.gettempdir()))
    async with opened(deep) as first, opened(deep) as second:
        await first.meets(second.bus.id)
        SocketBus(deep).publish("words", b"deep")
        await second.until(lambda: second.words == ["deep"])
        assert len(os.listdir(deep)) == 2
    left = {name for name in set(os.listdir(tempfile.gettempdir())) - before if name.startswith("asok-")}
    assert not left


async def test_the_folder_for_temporary_files_may_lie_as_deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    async with opened(deep / "bus") as first, opened(deep / "bus") as second:
        await first.meets(second.bus.id)


async def test_what_a_killed_process_left_is_removed(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    listen(folder, "0" * 16).close()
    (stale,) = folder.iterdir()
    async with opened(folder) as ear:
        assert not stale.exists()
        assert os.listdir(folder) == [f"{ear.bus.id}.sock"]


async def test_who_comes_after_the_folder_was_deleted_and_who_was_there_before_hear_each_other(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(folder) as first:
        shutil.rmtree(folder)
        async with opened(folder) as second:
            await first.meets(second.bus.id)
            await second.meets(first.bus.id)
            first.bus.publish("words", b"1")
            second.bus.publish("words", b"2")
            for ear in (first, second):
                await ear.until(lambda ear=ear: sorted(ear.words) == ["1", "2"])  # type: ignore[misc]  # bound in the loop
            assert caplog.text.count(f"the folder of the bus, {folder}, was emptied") == 1
        shutil.rmtree(folder)
        folder.write_text("in the way")
        async with asyncio.timeout(PATIENCE):
            while "cannot be made again" not in caplog.text:  # noqa: ASYNC110  # a log has no event
                await asyncio.sleep(0.005)
        folder.unlink()
        async with opened(folder) as third:
            await third.meets(first.bus.id)


# --- without a loop


async def test_a_script_reaches_everybody_in_order(folder: Path) -> None:
    script = (
        "import sys; from asok.backends.sockets import SocketBus\n"
        "bus = SocketBus(sys.argv[1])\n"
        "for number in range(300): bus.publish('words', b'%d' % number)\n"
    )
    async with opened(folder) as first, opened(folder) as second:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(folder))
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0
        for ear in (first, second):
            await ear.until(lambda ear=ear: len(ear.words) == 300)  # type: ignore[misc]  # bound in the loop
            assert ear.words == [str(number) for number in range(300)]
            assert ear.gaps == 0 and ear.gone == []


def test_a_script_alone_publishes_to_nobody(folder: Path) -> None:
    SocketBus(folder).publish("words", b"1")
    assert not folder.exists()


async def test_a_script_goes_on_past_one_that_died_and_one_that_came(folder: Path) -> None:
    script = SocketBus(folder)
    async with opened(folder) as first:
        script.publish("words", b"1")
        await first.until(lambda: first.words == ["1"])
    async with opened(folder) as second:
        script.publish("words", b"2")
        await second.until(lambda: second.words == ["2"])


async def test_a_script_does_not_wait_for_a_process_that_does_not_read(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with child(folder) as stuck, opened(folder) as ear:
        await ear.meets(stuck.id)
        await stuck.meets(ear.bus.id)
        stuck.signal(signal.SIGSTOP)
        script = SocketBus(folder)
        async with asyncio.timeout(PATIENCE):
            await asyncio.to_thread(script.publish, "words", b"long " + b"x" * (MESSAGE_LIMIT - 5))
        await ear.until(lambda: len(ear.words) == 1)
        assert f"process {stuck.id} does not read the bus" in caplog.text
        stuck.signal(signal.SIGCONT)
        # The message arrived in part: that is a gap, and it knows.
        await stuck.says_soon("gap")


# --- other processes


async def test_2000_messages_from_each_of_three_processes_arrive_in_order(folder: Path) -> None:
    async with AsyncExitStack() as stack:
        ear = await stack.enter_async_context(opened(folder))
        children = [await stack.enter_async_context(child(folder)) for _ in range(3)]
        everybody = {ear.bus.id, *(one.id for one in children)}
        await ear.meets(*(everybody - {ear.bus.id}))
        for one in children:
            await one.meets(*(everybody - {one.id}))
        for name, one in zip("abc", children, strict=True):
            one.do("count", name, "2000")
        await ear.until(lambda: len(ear.words) == 6000)
        heard = [ear.words, *[[(await one.says())[1] for _ in range(6000)] for one in children]]
        for words in heard:
            for name in "abc":
                assert [word for word in words if word.startswith(name)] == [f"{name} {n}" for n in range(2000)]
        assert ear.gaps == 0


async def test_a_killed_process_is_gone_at_once_and_its_file_too(folder: Path) -> None:
    async with opened(folder) as ear, child(folder) as killed, child(folder) as stays:
        await ear.meets(killed.id, stays.id)
        await stays.meets(ear.bus.id, killed.id)
        killed.signal(signal.SIGKILL)
        await ear.until(lambda: ear.gone == [killed.id])
        assert ear.bus.peers == {stays.id}
        await stays.says_soon("gone", killed.id)
        # It may have died between a commit and its message.
        await ear.until(lambda: ear.gaps >= 1)
        async with asyncio.timeout(PATIENCE):
            while (folder / f"{killed.id}.sock").exists():  # noqa: ASYNC110  # a file has no event
                await asyncio.sleep(0.005)
        ear.bus.publish("words", b"on")
        await stays.says_soon("heard", "on")


async def test_a_process_that_starts_late_is_part_of_it(folder: Path) -> None:
    async with opened(folder) as ear:
        ear.bus.publish("words", b"early")
        await ear.until(lambda: ear.words == ["early"])
        async with child(folder) as late:
            await late.says_soon("gap")
            late.do("publish", "words", "here")
            await ear.until(lambda: ear.words == ["early", "here"])
            assert ["heard", "early"] not in await late.says_soon("heard", "here")
            ear.bus.publish("words", b"welcome")
            await late.says_soon("heard", "welcome")


async def test_a_process_that_does_not_read_is_cut_and_knows_it_when_it_reads_again(folder: Path) -> None:
    async with opened(folder) as ear, child(folder) as stuck, child(folder) as reads:
        await ear.meets(stuck.id, reads.id)
        await stuck.meets(ear.bus.id, reads.id)
        await reads.meets(ear.bus.id, stuck.id)
        stuck.signal(signal.SIGSTOP)
        for number in range(11):
            # One that reads is never behind by more than this one.
            ear.bus.publish("words", f"{number}".ljust(MESSAGE_LIMIT).encode())
            await reads.says_soon("heard", f"{number}".ljust(64))
        await ear.until(lambda: ear.gone == [stuck.id])
        ear.bus.publish("words", b"missed")
        await reads.says_soon("heard", "missed")
        stuck.signal(signal.SIGCONT)
        assert ["heard", "missed"] not in await stuck.says_soon("gap")
        await ear.meets(stuck.id)
        ear.bus.publish("words", b"back")
        # Told once when it saw the line's end, and once more when the new line began.
        assert ["gap"] in await stuck.says_soon("heard", "back")


async def test_the_child_of_a_fork_is_a_process_of_its_own(folder: Path) -> None:
    bus = SocketBus(folder)
    ear = Ear(bus)
    await bus.open()
    async with opened(folder) as other:
        await ear.meets(other.bus.id)
        await other.meets(bus.id)
        parent, (reading, writing) = bus.id, os.pipe()
        child = os.fork()
        if not child:
            os.close(writing)  # so that it ends with its parent, however that ends
            bus.publish("words", f"{bus.id != parent} {len(bus.peers)}".encode())
            os.read(reading, 1)
            os._exit(0)
        await other.until(lambda: other.words == ["True 0"])
        await ear.until(lambda: ear.words == ["True 0"])
        bus.publish("words", b"the parent goes on")
        await other.until(lambda: other.words[1:] == ["the parent goes on"])
        # Though the child lives, it holds no line of its parent.
        await bus.close()
        await other.until(lambda: other.gone == [parent])
        os.write(writing, b".")
        assert (await asyncio.to_thread(os.waitpid, child, 0))[1] == 0
        os.close(reading)
        os.close(writing)


def test_it_runs_on_uvloop_too(folder: Path) -> None:
    code = (
        "import asyncio, sys, uvloop; from asok.backends.sockets import SocketBus\n"
        "async def main():\n"
        "    a, b, heard = SocketBus(sys.argv[1]), SocketBus(sys.argv[1]), asyncio.Event()\n"
        "    gone = asyncio.Event()\n"
        "    await a.open(); await b.open()\n"
        "    while not (a.peers and b.peers): await asyncio.sleep(0.005)\n"
        "    b.subscribe('x', lambda message: heard.set()); b.on_peer_gone(lambda peer: gone.set())\n"
        "    a.publish('x', bytes(1 << 20))\n"
        "    await heard.wait(); await a.close(); await gone.wait(); await b.close()\n"
        "uvloop.run(asyncio.wait_for(main(), 50))\n"
    )
    pytest.importorskip("uvloop")
    subprocess.run([sys.executable, "-W", "error", "-c", code, str(folder)], check=True, timeout=PATIENCE)


# --- frames


FRAMES = st.lists(
    st.builds(Said, st.text(min_size=1, max_size=256), st.binary(max_size=2000))
    | st.builds(Hello, st.from_regex(r"\A[0-9a-f]{16}\Z"), st.booleans())
    | st.just(Bye()),
    max_size=6,
)


def through_an_inlet(*pieces: bytes, closes: bool = True) -> tuple[list[Frame], list[bool]]:
    """What an inlet hears, and how it ended."""
    heard: list[Frame] = []
    ends: list[bool] = []

    async def main() -> None:
        over = asyncio.Event()

        def ended(inlet: Inlet, /, *, mid_frame: bool) -> None:
            ends.append(mid_frame)
            over.set()

        ours, theirs = socket.socketpair()
        Inlet(asyncio.get_running_loop(), theirs, lambda inlet, frame: heard.append(frame), ended)
        for piece in pieces:
            ours.sendall(piece)
            await asyncio.sleep(0)
        if closes:
            ours.close()
        async with asyncio.timeout(PATIENCE):
            await over.wait()
        ours.close()

    with asyncio.Runner() as runner:
        runner.run(main())
    return heard, ends


def test_a_topic_that_is_no_text_ends_the_line() -> None:
    sent = frame_of(Said("topic", b"")).replace(b"topic", b"top\xffc")
    assert through_an_inlet(sent, closes=False) == ([], [True])


@given(FRAMES, st.data())
def test_frames_come_through_however_they_are_cut(frames: list[Frame], data: st.DataObject) -> None:
    sent = b"".join(map(frame_of, frames))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert through_an_inlet(*pieces) == (frames, [False])


@given(FRAMES, st.binary(min_size=1, max_size=40))
def test_garbage_ends_the_line_and_is_a_gap_and_what_came_before_counts(frames: list[Frame], garbage: bytes) -> None:
    sent = b"".join(map(frame_of, frames)) + (len(garbage) + 1).to_bytes(4, "big") + b"\xc1" + garbage
    assert through_an_inlet(sent) == (frames, [True])


def test_a_frame_that_claims_to_be_huge_ends_the_line() -> None:
    assert through_an_inlet(b"\xff\xff\xff\xff", closes=False) == ([], [True])


def test_a_path_is_no_id() -> None:
    hello = frame_of(Hello("0" * 16, False)).replace(b"0" * 16, b"../../etc/passwd")
    assert through_an_inlet(hello) == ([], [True])


async def test_a_stranger_on_the_line_harms_nobody(folder: Path) -> None:
    async with opened(folder) as first, opened(folder) as second:
        await first.meets(second.bus.id)
        with connect(folder, first.bus.id, 5) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            await first.until(lambda: first.gaps == 1)
        second.bus.publish("words", b"on")
        await first.until(lambda: first.words == ["on"])
