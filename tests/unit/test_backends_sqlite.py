"""One SQLite file serves several processes, and survives forks, full disks and sudden death."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from asok.backends.sqlite import SQLiteBackend
from asok.errors import Busy, ConfigurationError
from asok.sessions import Cell, Commit
from tests.unit.test_backends import at_once, writing

Opening = Callable[..., SQLiteBackend]

# ---- the file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "on the way" / "cells.db"


@pytest.fixture
def opened() -> Iterator[Opening]:
    """Opens backends that are closed when the test ends."""
    made: list[SQLiteBackend] = []

    def make(path: Path, **options: Any) -> SQLiteBackend:
        made.append(SQLiteBackend(path, **options))
        at_once(made[-1].open())
        return made[-1]

    yield make
    for backend in made:
        at_once(backend.close())


@pytest.fixture
def neighbour(path: Path, opened: Opening) -> Iterator[sqlite3.Connection]:
    """Another program that has the same file open."""
    opened(path)
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    yield connection
    connection.close()


def test_the_file_and_its_folders_are_for_this_user_only(path: Path, opened: Opening) -> None:
    opened(path)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


def test_cells_are_there_again_after_a_restart(path: Path, opened: Opening) -> None:
    first = opened(path)
    at_once(first.commit(writing({("s", "a"): b"1"})))
    at_once(first.close())
    assert at_once(opened(path).read("s", ["a"])) == {"a": Cell(1, b"1")}


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"x" * 5000), lambda path: path.mkdir()])
def test_a_file_that_is_no_database_stops_the_start(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    spoil(tmp_path / "cells.db")
    with pytest.raises(ConfigurationError, match="set ASOK_DATABASE"):
        at_once(SQLiteBackend(tmp_path / "cells.db").open())


def test_a_file_that_may_only_be_read_stops_the_start(opened: Opening) -> None:
    with TemporaryDirectory() as made:  # others may not look into pytest's
        path, nobody = Path(made) / "cells.db", 65534
        at_once(opened(path).close())
        path.chmod(0o444)
        if os.getuid() == 0:  # who may write everything
            os.chown(made, nobody, nobody)
            os.chown(path, nobody, nobody)
        with start(READ_ONLY, path) as process:
            assert "attempt to write a readonly database; set ASOK_DATABASE" in process.communicate()[0]


def test_a_start_without_room_on_the_disk_says_what_is_wanted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")  # all that SQLite says where its index finds no room

    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.raises(ConfigurationError, match="on a disk that has room"):
        at_once(SQLiteBackend(path).open())


def test_the_start_does_not_wait_for_who_writes(path: Path, neighbour: sqlite3.Connection, opened: Opening) -> None:
    neighbour.execute("BEGIN IMMEDIATE")
    opened(path, patience=0)


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="set ASOK_DATABASE"):
        at_once(SQLiteBackend(tmp_path / "file" / "cells.db").open())


def test_no_statement_scans_the_table(path: Path, opened: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    connect = sqlite3.connect

    def listening(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(ran.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", listening)
    backend = opened(path)
    ran.clear()
    at_once(backend.commit(Commit({("t", "a"): 0}, {("t", "a"): b"1", ("t", "b"): None}, move=("s", "t"))))
    at_once(backend.read("t", ["a", "b", "c"], prefix="session/"))
    at_once(backend.read("t", ["a"]))
    at_once(backend.oldest("t", "record/", 3))
    at_once(backend.count("t", "record/"))
    at_once(backend.sweep(1.0))
    at_once(backend.delete("t"))
    plans = []
    with closing(connect(path)) as other:
        for statement in ran:
            if not statement.startswith(("BEGIN", "COMMIT")):
                plans += [row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert not [plan for plan in plans if plan.startswith("SCAN")]
    assert [plan for plan in plans if "SEARCH" in plan and "PRIMARY KEY (owner" not in plan] == []
    assert len([plan for plan in plans if "(owner=? AND key>? AND key<?)" in plan]) == 3
    assert len([plan for plan in plans if "(owner=? AND key=?)" in plan]) >= 4


def test_reading_goes_on_while_another_process_writes(
    path: Path, opened: Opening, neighbour: sqlite3.Connection
) -> None:
    backend = opened(path)
    at_once(backend.commit(writing({("s", "a"): b"1"})))
    neighbour.execute("BEGIN IMMEDIATE")
    assert at_once(backend.read("s", ["a"])) == {"a": Cell(1, b"1")}


async def test_a_commit_waits_off_the_loop_until_the_file_is_free(
    path: Path, opened: Opening, neighbour: sqlite3.Connection
) -> None:
    backend = opened(path)
    neighbour.execute("BEGIN IMMEDIATE")
    commit = asyncio.create_task(backend.commit(writing({("s", "a"): b"1"})))
    await asyncio.sleep(0)
    assert not commit.done()
    neighbour.execute("COMMIT")
    assert await commit
    assert await backend.read("s", ["a"]) == {"a": Cell(1, b"1")}


async def test_a_commit_that_is_cancelled_while_it_waits_writes_nothing(
    path: Path, opened: Opening, neighbour: sqlite3.Connection
) -> None:
    backend = opened(path)
    neighbour.execute("BEGIN IMMEDIATE")
    commit = asyncio.create_task(backend.commit(writing({("s", "a"): b"1"})))
    await asyncio.sleep(0)
    commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit
    neighbour.execute("COMMIT")
    assert await backend.count("s", "") == 0


def test_a_file_that_stays_held_is_busy(path: Path, opened: Opening, neighbour: sqlite3.Connection) -> None:
    backend = opened(path, patience=0)
    neighbour.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy, match="held the session database"):
        at_once(backend.commit(writing({("s", "a"): b"1"})))
    neighbour.execute("COMMIT")
    assert at_once(backend.commit(writing({("s", "a"): b"1"})))


def test_a_sweep_that_finds_nothing_old_keeps_nobody_from_writing(
    path: Path, opened: Opening, neighbour: sqlite3.Connection
) -> None:
    backend = opened(path, patience=0, clock=lambda: 100.0)
    at_once(backend.commit(writing({("s", "a"): b"1"})))
    neighbour.execute("BEGIN IMMEDIATE")
    assert at_once(backend.sweep(100.0)) == 0
    with pytest.raises(Busy, match="held the session database"):
        at_once(backend.sweep(101.0))
    neighbour.execute("COMMIT")
    assert at_once(backend.sweep(101.0)) == 1


def test_a_file_that_fails_is_busy_with_one_line_in_the_log(
    path: Path, opened: Opening, neighbour: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    backend = opened(path)
    neighbour.execute("DROP TABLE cells")
    with caplog.at_level(logging.INFO), pytest.raises(Busy, match="no such table"):
        at_once(backend.commit(writing({("s", "a"): b"1"})))
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert str(path) in caplog.text


def test_a_failure_that_goes_on_is_not_told_at_each_event(
    path: Path, opened: Opening, neighbour: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    backend = opened(path)
    neighbour.execute("DROP TABLE cells")
    for _ in range(10):
        with pytest.raises(Busy, match="no such table"):
            at_once(backend.commit(writing({("s", "a"): b"1"})))
    assert caplog.text.count("fails: no such table") == 1


@pytest.mark.parametrize("instead", ["nothing", "a backup"])
def test_what_is_acknowledged_after_the_file_was_replaced_is_in_the_file_at_its_path(
    path: Path, opened: Opening, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, instead: str
) -> None:
    monkeypatch.setattr("asok.backends.sqlite_file.LOOK", 0)
    backend, other, backup = opened(path), opened(path), path.with_name("backup")
    assert at_once(backend.commit(writing({("s", "a"): b"kept"})))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    assert at_once(backend.commit(writing({("s", "a"): b"lost"})))
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    if instead == "a backup":
        backup.rename(path)
    assert at_once(backend.commit(writing({("s", "b"): b"new"})))
    at_once(other.commit(writing({("s", "c"): b"new"})))
    found = {"b": Cell(1, b"new"), "c": Cell(1, b"new")}
    if instead == "a backup":
        found["a"] = Cell(1, b"kept")
    for reader in (backend, other, opened(path)):
        assert at_once(reader.read("s", ["a", "b", "c"])) == found
    assert caplog.text.count("was moved, deleted or replaced") == 2


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("instead", ["nothing", "a backup"])
def test_what_the_log_of_a_replaced_file_holds_does_not_get_into_the_file_at_its_path(
    path: Path, opened: Opening, monkeypatch: pytest.MonkeyPatch, instead: str, linked: bool
) -> None:
    monkeypatch.setattr("asok.backends.sqlite_file.LOOK", 0)
    given = path.with_name("link") if linked else path
    at_once(opened(path).close())
    if linked:
        given.symlink_to(path)
    backend, other, backup = opened(given), opened(given), path.with_name("backup")
    for each in (backend, other):
        assert at_once(each.commit(writing({("s", f"lost {number}"): bytes(5000) for number in range(20)})))
    at_once(opened(backup).close())
    with closing(sqlite3.connect(backup)) as made:
        made.executemany("INSERT INTO cells VALUES ('s', ?, 1, 0, 'kept')", [(f"{number}",) for number in range(500)])
        made.commit()
    path.unlink()
    if instead == "a backup":
        backup.rename(path)
    for each in (backend, other):
        assert at_once(each.commit(writing({("s", f"new {id(each)}"): b"new"})))
    kept = {f"{number}" for number in range(500)} if instead == "a backup" else set()
    for reader in (backend, other, opened(path)):
        assert set(at_once(reader.read("s", [], ""))) == {*kept, *(f"new {id(each)}" for each in (backend, other))}
    with closing(sqlite3.connect(path)) as there:
        assert there.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_link_that_leads_to_another_file_leaves_the_first_one_whole(
    path: Path, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.backends.sqlite_file.LOOK", 0)
    first, second, link = path, path.with_name("second"), path.with_name("link")
    kept = opened(first)
    at_once(opened(second).commit(writing({("s", "of the second"): b"1"})))
    link.symlink_to(first)
    linked = opened(link)
    at_once(linked.commit(writing({("s", "of the first"): b"1"})))
    link.unlink()
    link.symlink_to(second)
    assert set(at_once(linked.read("s", [], ""))) == {"of the second"}
    at_once(kept.commit(writing({("s", "later"): b"1"})))
    assert set(at_once(opened(first).read("s", [], ""))) == {"of the first", "later"}


def test_nothing_is_written_over_another_file_that_has_the_same_version(
    path: Path, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.backends.sqlite_file.LOOK", 0)
    backend = opened(path)
    assert at_once(backend.commit(writing({("s", "a"): b"lost"})))
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    assert at_once(opened(path).commit(writing({("s", "a"): b"kept"})))
    counted = Commit({("s", "a"): 1}, {("s", "a"): b"from what was lost"})
    assert not at_once(backend.commit(counted))
    assert at_once(backend.read("s", ["a"])) == {"a": Cell(1, b"kept")}
    assert at_once(backend.commit(counted))


def test_a_log_that_grew_while_somebody_read_for_long_gives_its_room_back(
    path: Path, opened: Opening, neighbour: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.backends.sqlite_file.LONGEST_LOG", 100_000)
    backend, log = opened(path), path.with_name(f"{path.name}-wal")
    neighbour.execute("BEGIN")
    neighbour.execute("SELECT count(*) FROM cells").fetchall()
    for number in range(50):
        at_once(backend.commit(writing({("s", f"{number}"): bytes(100_000)})))
    assert log.stat().st_size > 5_000_000
    neighbour.execute("COMMIT")
    for _ in range(3):
        at_once(backend.commit(writing({("s", "a"): b"1"})))
    assert log.stat().st_size <= 100_000


def test_a_process_that_changes_its_folder_keeps_its_file(
    tmp_path: Path, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asok.backends.sqlite_file.LOOK", 0)
    monkeypatch.chdir(tmp_path)
    backend = opened(Path("cells.db"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert at_once(backend.commit(writing({("s", "a"): b"1"})))
    assert not list((tmp_path / "elsewhere").iterdir())


# ---- several processes


START = """
import asyncio, os, sys
from asok.backends.sqlite import SQLiteBackend
from asok.errors import Busy
from asok.sessions import Cell, Commit

backend = SQLiteBackend(sys.argv[1])

async def increment(key=("s", "n")):
    while True:
        cell = (await backend.read(key[0], [key[1]])).get(key[1], Cell(0, b"0"))
        value = int(cell.value) + 1
        if await backend.commit(Commit({key: cell.version}, {key: b"%d" % value})):
            return value
"""

COUNT = """
async def main():
    await backend.open()
    for _ in range(1000):
        await increment()

asyncio.run(main())
"""

READ_ONLY = """
from asok.errors import ConfigurationError

if os.getuid() == 0:
    os.setuid(65534)
try:
    asyncio.run(backend.open())
except ConfigurationError as error:
    print(error)
"""

COUNT_ALOUD = """
async def main():
    while True:
        print(await increment(), flush=True)

asyncio.run(main())
"""

FORK = """
assert asyncio.run(increment()) == 1
child = os.fork()

async def main():
    for _ in range(100):
        await increment()

asyncio.run(main())
if child:
    assert os.waitpid(child, 0)[1] == 0
    assert asyncio.run(increment()) == 202
"""

FULL = """
import resource, signal

async def main():
    assert await increment() == 1
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    try:
        await backend.commit(Commit({}, {("s", "n"): b"9", ("s", "large"): bytes(900_000)}))
    except Busy:
        pass
    else:
        raise SystemExit("no Busy")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert await increment() == 2
    assert await backend.count("s", "") == 1

asyncio.run(main())
"""


def start(script: str, path: Path) -> subprocess.Popen[str]:
    """A process of its own that uses the file."""
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", START + script, os.fspath(path)], cwd=root, stdout=subprocess.PIPE, text=True
    )


def stored(path: Path) -> int:
    """The number that the processes have counted to."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT value FROM cells WHERE owner = 's' AND key = 'n'").fetchone()[0])


def sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def test_two_processes_lose_no_increment(path: Path) -> None:
    processes = [start(COUNT, path) for _ in range(2)]
    for process in processes:
        with process:
            process.communicate()
        assert process.returncode == 0
    assert stored(path) == 2000


def test_a_killed_process_loses_nothing_that_it_acknowledged(path: Path) -> None:
    chance = random.Random(5)
    for _ in range(8):
        with start(COUNT_ALOUD, path) as process:
            assert process.stdout
            lines = [process.stdout.readline() for _ in range(chance.randrange(20, 400))]
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.readlines()
        acknowledged = max(int(line) for line in lines if line.endswith("\n"))
        assert stored(path) - acknowledged in (0, 1)
        assert sound(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("script", [FORK, FULL], ids=["fork", "full disk"])
def test_the_backend_survives(path: Path, script: str) -> None:
    with start(script, path) as process:
        process.communicate()
    assert process.returncode == 0
    assert sound(path)
