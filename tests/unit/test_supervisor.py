"""Real servers, killed, stopped and changed while they run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from asok.supervisor import changes
from tests.ports import kept_port
from tests.redis_server import RedisServer
from tests.unit.commands import COMMAND, GOOD_KEY, PATIENCE, clean_environment, eventually, running

PRODUCTION = {"SECRET_KEY": GOOD_KEY}
APP = """\
import asyncio
import contextlib
import os
from pathlib import Path

from starlette.responses import PlainTextResponse

from asok import Asok

HERE = Path(__file__).parent


async def word(request):
    return PlainTextResponse("first")


async def process(request):
    return PlainTextResponse(str(os.getpid()))


async def slow(request):
    (HERE / "begun").touch()
    while not (HERE / "finish").exists():
        await asyncio.sleep(0.01)
    return PlainTextResponse("finished")


app = Asok()
app.add_route("/", word)
app.add_route("/process", process)
app.add_route("/slow", slow)
"""


LOADING = """
import time
(Path(__file__).parent / "loading").touch()
time.sleep(600)
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    file = tmp_path / "app.py"
    file.write_text(APP)
    return file


def edit(file: Path, old: str, new: str, times: int = -1) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, times))


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


async def answered(url: str) -> str:
    """What a server says there as soon as it answers."""
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient(timeout=PATIENCE) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                return (await client.get(url)).raise_for_status().text
            await asyncio.sleep(0.02)  # nothing else tells when it listens


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


# --- asok run


async def test_a_worker_that_is_killed_is_replaced(app: Path) -> None:
    async with running("run", cwd=app.parent, env=PRODUCTION) as server:
        await server.announces()
        killed = int(await server.get("/process"))
        os.kill(killed, signal.SIGKILL)
        await eventually(lambda: is_gone(killed) or None, server)
        assert int(await server.get("/process")) != killed
        assert await server.ends() == 0


@pytest.mark.parametrize("env", [{}, {"ASOK_LOG": "json"}], ids=["text", "json"])
async def test_a_server_goes_on_when_nobody_reads_what_it_says(app: Path, env: dict[str, str]) -> None:
    port, (hears, says) = kept_port(), os.pipe()
    command = (COMMAND, "run", "--port", str(port))
    environment = clean_environment(**PRODUCTION, **env)
    process = await asyncio.create_subprocess_exec(*command, cwd=app.parent, env=environment, stdout=says, stderr=says)
    os.close(says)
    os.close(hears)
    try:
        killed = int(await answered(f"http://127.0.0.1:{port}/process"))
        os.kill(killed, signal.SIGKILL)
        assert int(await answered(f"http://127.0.0.1:{port}/process")) != killed
    finally:
        process.kill()
        await process.wait()


async def test_a_running_request_is_answered_before_the_server_ends(app: Path) -> None:
    async with running("run", cwd=app.parent, env=PRODUCTION) as server:
        await server.announces()
        slow = asyncio.create_task(server.get("/slow"))
        await eventually(lambda: (app.parent / "begun").exists() or None, server)
        ending = asyncio.create_task(server.ends(signal.SIGTERM))
        (app.parent / "finish").touch()
        assert await slow == "finished"
        assert await ending == 0


async def test_new_workers_come_before_the_old_ones_go(app: Path) -> None:
    async with running("run", "--workers", "2", cwd=app.parent, env=PRODUCTION) as server:
        await server.announces()
        old = int(await server.get("/process"))
        edit(app, '"first"', '"second"')
        server.process.send_signal(signal.SIGHUP)
        # Each of these would raise if a connection were refused or cut on the way.
        await server.shows("second")
        await eventually(lambda: is_gone(old) or None, server)
        await server.shows("second")


async def test_a_sighup_to_all_processes_replaces_the_workers_in_order(app: Path) -> None:
    async with running("run", cwd=app.parent, env=PRODUCTION) as server:
        await server.announces()
        old = int(await server.get("/process"))
        os.kill(old, signal.SIGHUP)
        assert int(await server.get("/process")) == old
        edit(app, '"first"', '"second"')
        server.process.send_signal(signal.SIGHUP)
        await server.shows("second")
        assert "a worker died" not in server.said


async def test_asok_dev_ends_with_its_terminal(app: Path) -> None:
    async with running("dev", cwd=app.parent) as server:
        await server.announces()
        assert await server.ends(signal.SIGHUP) == 0


async def test_a_release_that_does_not_start_leaves_the_old_one_serving(app: Path) -> None:
    async with running("run", cwd=app.parent, env=PRODUCTION) as server:
        await server.announces()
        app.write_text("raise RuntimeError('not today')\n")
        server.process.send_signal(signal.SIGHUP)
        await server.says("the old one goes on")
        assert await server.get() == "first"


@pytest.mark.parametrize("command", ["dev", "run"])
async def test_a_supervisor_that_is_killed_leaves_nothing_behind(app: Path, command: str) -> None:
    async with running(command, cwd=app.parent, env=PRODUCTION) as server:
        await server.announces()
        await server.ends(signal.SIGKILL)
        async with asyncio.timeout(10):
            while not is_free(server.port):  # noqa: ASYNC110  # the other process has no event to set
                await asyncio.sleep(0.02)


async def test_an_app_that_raises_does_not_start_and_shows_where(app: Path) -> None:
    app.write_text("def make():\n    raise RuntimeError('not today')\n\n\napp = make()\n")
    async with running("run", cwd=app.parent, env=PRODUCTION) as server:
        assert await server.ended() == 1
        lines = server.said.splitlines()
        assert lines[0] == "Traceback (most recent call last):" and lines[-1] == "RuntimeError: not today"
        assert [line for line in lines if line.startswith("  File")] == [
            f'  File "{app}", line 5, in <module>',
            f'  File "{app}", line 2, in make',
        ]


async def test_a_server_that_is_told_to_end_before_it_serves_does_not_say_that_it_serves(app: Path) -> None:
    app.write_text(f"from pathlib import Path\n{LOADING}")
    async with running("run", "--workers", "2", cwd=app.parent, env=PRODUCTION) as server:
        await eventually(lambda: (app.parent / "loading").exists() or None, server)
        assert await server.ends(signal.SIGTERM) == 0
        assert server.said == ""


async def test_a_worker_takes_no_more_connections_than_it_may_open_files_and_says_so(app: Path) -> None:
    edit(app, "app.add_route", 'app.add_route("/most", most)\napp.add_route', 1)
    edit(
        app,
        "app = Asok()",
        "async def most(request):\n    return PlainTextResponse(str(app._engine.crowd.most))\n\n\napp = Asok()",
    )
    async with running("run", cwd=app.parent, env=PRODUCTION, files=400) as server:
        await server.announces()
        assert "are enough for 200 connections, not for 8192; raise `ulimit -n`" in server.said
        assert await server.get("/most") == "200"


@pytest.mark.parametrize("command", ["run", "dev"])
async def test_too_few_open_files_for_any_app_end_the_start_in_a_sentence(app: Path, command: str) -> None:
    async with running(command, cwd=app.parent, env=PRODUCTION, files=24) as server:
        assert await server.ended() == 1
    assert server.said == (
        "Error: this process may open 24 files, and needs 64 and one more for each connection; "
        "raise `ulimit -n`, in systemd LimitNOFILE=\n"
    )


async def test_as_few_open_files_as_are_asked_for_are_enough(app: Path) -> None:
    async with running("run", cwd=app.parent, env=PRODUCTION, files=64) as server:
        await server.announces()
        assert await server.get() == "first"


ORPHANS = """
import os, sys
from multiprocessing import get_context
os.getpid = lambda: 1
from asok import supervisor

if __name__ == "__main__":
    worker = get_context("spawn").Process(target=sys.exit, args=(7,))
    worker.start()
    orphan = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitid(os.P_PID, orphan, os.WEXITED | os.WNOWAIT)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    look, supervisor.active_children = supervisor.active_children, lambda: [worker]
    supervisor.bury()  # as where the worker ends just after it was looked at
    supervisor.active_children = look
    supervisor.bury()
    worker.join()
    try:
        os.waitpid(orphan, 0)
    except ChildProcessError:
        print("worker", worker.exitcode, "orphan gone")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="containers are there")
def test_as_the_first_process_it_leaves_no_zombies_of_others_and_knows_how_its_workers_ended(tmp_path: Path) -> None:
    (tmp_path / "orphans.py").write_text(ORPHANS)
    done = subprocess.run([sys.executable, "orphans.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "worker 7 orphan gone\n", done.stderr


async def test_a_redis_that_cannot_be_used_ends_the_start_in_a_sentence(app: Path, redis: RedisServer) -> None:
    url = redis.url.replace("redis://", "redis://ann:hunter2@")
    for database in (redis.url.removesuffix("/0") + "/99", url):
        env = {**PRODUCTION, "ASOK_REDIS": database}
        async with running("run", "--workers", "2", cwd=app.parent, env=env) as server:
            assert await server.ended() == 1
            assert server.said.count("cannot be used") == 1 and "set ASOK_REDIS to the URL" in server.said
            assert "Traceback" not in server.said and "hunter2" not in server.said


async def test_t27_forwarded_headers_are_believed_only_from_named_proxies(app: Path) -> None:
    edit(app, '"first"', "request.client.host")
    for options, client in ((), "127.0.0.1"), (("--forwarded-allow-ips", "127.0.0.1"), "203.0.113.9"):
        async with running("run", *options, cwd=app.parent, env=PRODUCTION) as server:
            await server.announces()
            async with httpx.AsyncClient(headers={"X-Forwarded-For": "203.0.113.9"}) as browser:
                assert (await browser.get(server.url)).text == client


# --- asok dev


async def test_a_change_of_code_is_served_at_the_same_address(app: Path) -> None:
    async with running("dev", cwd=app.parent) as server:
        await server.announces()
        assert await server.get() == "first"
        edit(app, '"first"', '"second"')
        await server.shows("second")
        assert await server.ends(signal.SIGINT) == 0


async def test_a_change_of_a_module_that_the_app_imports_is_served(app: Path) -> None:
    words = app.parent / "words.py"
    words.write_text('WORD = "first"\n')
    edit(app, "from asok import Asok", "import words\nfrom asok import Asok")
    edit(app, '"first"', "words.WORD")
    async with running("dev", cwd=app.parent) as server:
        await server.announces()
        edit(words, "first", "second")
        await server.shows("second")


async def test_a_second_change_of_a_module_within_a_second_is_served_too(app: Path) -> None:
    words = app.parent / "words.py"
    words.write_text('WORD = "first"\n')
    edit(app, "from asok import Asok", "import words\nfrom asok import Asok")
    edit(app, '"first"', "words.WORD")
    async with running("dev", cwd=app.parent, env={"PYTHONDONTWRITEBYTECODE": ""}) as server:
        await server.announces()
        assert await server.get() == "first"
        written = words.stat()
        edit(words, "first", "third")
        os.utime(words, ns=(written.st_atime_ns, written.st_mtime_ns // 10**9 * 10**9 + 1))
        await server.shows("third")


async def test_a_change_of_the_settings_is_served(app: Path) -> None:
    edit(app, '"first"', "str(app.settings.keys)")
    (app.parent / ".env").write_text("SECRET_KEY=one\n")
    async with running("dev", cwd=app.parent) as server:
        await server.announces()
        assert await server.get() == "('one',)"
        (app.parent / ".env").write_text("SECRET_KEY=two\n")
        await server.shows("('two',)")


async def test_a_mistake_is_shown_and_the_next_change_repairs_it(app: Path) -> None:
    async with running("dev", cwd=app.parent) as server:
        await server.announces()
        good = app.read_text()
        app.write_text(good + "\ndef (:\n")
        await server.says("waiting for a change")
        assert "SyntaxError" in server.said
        waiting = asyncio.create_task(server.get())
        app.write_text(good.replace('"first"', '"second"'))
        assert await waiting == "second", "the connection was neither refused nor cut"


async def test_a_mistake_at_the_first_start_is_waited_out_too(app: Path) -> None:
    good = app.read_text()
    app.write_text("def (:\n")
    async with running("dev", cwd=app.parent) as server:
        await server.says("waiting for a change")
        app.write_text(good)
        await server.announces()
        assert await server.get() == "first"


async def test_a_server_that_is_killed_is_started_again(app: Path) -> None:
    async with running("dev", cwd=app.parent) as server:
        await server.announces()
        killed = int(await server.get("/process"))
        os.kill(killed, signal.SIGKILL)
        await eventually(lambda: is_gone(killed) or None, server)
        assert int(await server.get("/process")) != killed


async def test_a_template_changes_without_a_restart(app: Path) -> None:
    template = app.parent / "templates" / "page.html"
    template.parent.mkdir()
    template.write_text("before")
    app.write_text(APP + 'app.page("/page", "page.html")\n')
    async with running("dev", cwd=app.parent) as server:
        await server.announces()
        process = await server.get("/process")
        assert await server.get("/page") == "before"
        template.write_text("after")
        await server.shows("after", "/page")
        assert await server.get("/process") == process


def test_what_changes_while_more_folders_begin_to_be_watched_is_told_once(tmp_path: Path) -> None:
    app, other = tmp_path / "app", tmp_path / "other"
    app.mkdir()
    other.mkdir()
    folders, stop = {app}, threading.Event()
    told = changes(folders, stop)
    assert next(told) == set()
    (app / "first.py").touch()
    folders.add(other)
    assert next(filter(None, told)) == {"first.py"}
    (other / "second.py").touch()
    assert next(filter(None, told)) == {"second.py"}
    stop.set()
    assert list(told) == []


async def test_files_that_nobody_writes_restart_nothing(app: Path) -> None:
    async with running("dev", cwd=app.parent) as server:
        await server.announces()
        process = await server.get("/process")
        for folder in (".venv", "node_modules", "__pycache__", ".asok"):
            (app.parent / folder).mkdir(exist_ok=True)
            (app.parent / folder / "other.py").write_text("")
        (app.parent / "notes.txt").write_text("")
        # The order of events is kept: had one of those counted, its restart would come before this one.
        edit(app, '"first"', '"second"')
        await server.shows("second")
        assert await server.get("/process") != process
        assert server.said.count("starting again") == 1


async def test_one_file_of_any_name_with_an_app_of_any_name_is_served(app: Path) -> None:
    app.rename(app.with_name("select.py"))
    edit(app.with_name("select.py"), "app = Asok()", "site = Asok()")
    edit(app.with_name("select.py"), "app.add_route", "site.add_route")
    async with running("dev", "select.py", cwd=app.parent) as server:
        await server.announces()
        assert await server.get() == "first"


async def test_any_asgi_app_that_mounts_an_asok_is_served(app: Path) -> None:
    app.write_text(APP.replace("app = Asok()", "inner = Asok()").replace("app.add_route", "inner.add_route"))
    app.write_text(
        app.read_text() + "from starlette.applications import Starlette\n\napp = Starlette()\napp.mount('/in', inner)\n"
    )
    async with running("dev", cwd=app.parent) as server:
        await server.announces()
        assert await server.get("/in/") == "first"
