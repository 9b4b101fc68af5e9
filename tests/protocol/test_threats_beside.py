"""Threats T55 to T60: what runs beside the app, below it, and came before it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from asok import Asok, Component, Settings, Store
from asok.errors import AsokError
from asok.state import seal
from tests.protocol.attacked import (
    ONE,
    RING,
    HonestVisitors,
    asok_app,
    attacked,
    define,
    opened,
    unharmed,
)
from tests.rig import KEY, rig

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "asok" / "static"
BUILDING = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


async def test_t58_what_is_for_development_is_not_there_in_production(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        script = re.search(r'src="([^"]+)/alive.js"', page.text)
        assert script is not None
        assert (await visitor.http.get(script[1] + "/alive.js")).status_code == 200
        assert (await visitor.http.get(script[1] + "/refresh.js")).status_code == 404

    class Broken(Component):
        template = "<p>{{ 1 // 0 }}</p>"

    async with rig(asok_app(tmp_path, {"/": "{{ component('Broken') }}"})) as served:
        answer = await (await served.visitor()).http.get("/")
        assert answer.status_code == 200
        assert "cannot be shown" in answer.text
        assert not re.search("ZeroDivision|Broken|test_threats", answer.text)
    alone = asok_app(tmp_path)
    alone.page("/", Broken)
    async with rig(alone) as served:
        answer = await (await served.visitor()).http.get("/")
        assert answer.status_code == 500
        assert answer.text == "Internal Server Error"


async def test_t60_a_client_of_another_release_reloads(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, {"/": "{{ component('Other') }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        for number in (0, 2, 99):
            tab = await visitor.connect()
            await tab.send("join", number, page.csrf, "tab", [[page.tokens[0], 0, 0]])
            assert await tab.receive() == ["reload"]
        token = opened(page.tokens[0])
        older = seal(msgspec.structs.replace(token, schema=b"olds"), RING)
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        await tab.join([older])
        assert (await tab.until("reset", "update"))[1] == token.instance


def test_every_error_is_of_one_tree_and_drawn_in_it() -> None:
    import asok.errors as errors

    made = {name for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, AsokError)}
    drawn = re.findall(r"^[│├└─ ]*([A-Z]\w+)(?:  +\S.*)?$", errors.__doc__ or "", re.MULTILINE)
    assert sorted(drawn) == sorted(made) == sorted(set(errors.__all__) - {"nearest"})


async def test_t55_what_another_process_says_on_the_bus_is_heard_or_dropped_and_harms_nobody(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE)
    app.page("/honest", HonestVisitors)
    async with rig(app) as served:
        tab = await served.tab()
        for channel in ("kick", "topic", "store", "presence", "relay", "trials", "nobody"):
            for message in (
                b"",
                b"\xff\xfe",
                b"{}",
                b'["join"]',
                b"\xc1" * 50,
                b"cos\nsystem\n(S'id'\ntR.",
                b"\x93" * 1000,
            ):
                app.bus.publish(channel, message)
        for _ in range(20):
            await asyncio.sleep(0)
        assert (await tab.event("add"))[0] == "update"
        await unharmed(served)


def test_t57_the_scripts_that_ship_are_those_that_are_built() -> None:
    done = subprocess.run(
        ["node", "build.mjs", "--check"],
        cwd=ROOT / "alive-js",
        env=BUILDING,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_t60_of_two_releases_the_files_that_are_alike_go_together(tmp_path: Path) -> None:
    """What a release adds to the core does not change the names by which the other files know its properties."""
    project = tmp_path / "alive-js"
    shutil.copytree(ROOT / "alive-js", project, ignore=shutil.ignore_patterns("node_modules", "test"))
    (project / "node_modules").symlink_to(ROOT / "alive-js" / "node_modules")
    built = tmp_path / "asok" / "static"
    built.mkdir(parents=True)
    page = project / "src" / "page.js"
    page.write_text(page.read_text("utf-8") + "\nalive.calls = alive.patch = alive.receive = alive.held;\n", "utf-8")
    subprocess.run(["node", "build.mjs"], cwd=project, env=BUILDING, capture_output=True, timeout=100)
    assert (built / "alive.js").read_bytes() != (STATIC / "alive.js").read_bytes()
    for name in ("keyed.js", "messages.js", "store.js"):
        assert (built / name).read_bytes() == (STATIC / name).read_bytes(), name


async def test_t57_a_page_loads_nothing_from_elsewhere_and_each_file_by_the_name_of_its_content(tmp_path: Path) -> None:
    Store({"n": 0}, name="loaded", readable=True)
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert addresses
        for address in addresses:
            assert re.fullmatch(r"/live/[0-9a-f]{12}/\w+\.js", address)
            file = await visitor.http.get(address)
            assert file.status_code == 200 and file.headers["x-content-type-options"] == "nosniff"
            assert not re.search(r"https?://(?!www\.w3\.org)", file.text), address


@pytest.mark.parametrize("said", ["", "0", "false", "no", "off", "production", "debug"])
async def test_t58_development_is_what_is_asked_for_by_name(tmp_path: Path, said: str) -> None:
    settings = Settings.read(tmp_path, {"DEBUG": said, "SECRET_KEY": KEY, "ASOK_DATABASE": ":memory:"})
    assert not settings.debug
    app = Asok(root=tmp_path, settings=settings)
    async with attacked(app) as served:
        visitor = await served.visitor()
        page = await visitor.open("/honest")
        base = re.search(r'src="(/live/[0-9a-f]{12})/alive.js"', page.text)
        assert base is not None
        for path in (
            f"{base[1]}/refresh.js",
            f"{base[1]}/speller.js",
            "/live/store/openapi.json",
            "/docs",
            "/openapi.json",
        ):
            assert (await visitor.http.get(path)).status_code == 404, path
        tab = await visitor.tab("/honest")
        await tab.send("refresh", "css")
        assert await tab.closed() == 4400


async def test_t59_a_weaker_implementation_of_sockets_is_told_of_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for loaded in (False, True):
        if loaded:
            monkeypatch.setitem(sys.modules, "uvicorn.protocols.websockets.wsproto_impl", ModuleType("wsproto_impl"))
        async with rig(asok_app(tmp_path)):
            assert ("reads WebSockets with wsproto" in caplog.text) is loaded


async def test_t60_a_token_of_another_release_resets_its_component_and_no_other(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, {"/": "{{ component('Counter') }}{{ component('Other') }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        first, second = map(opened, page.tokens)
        tab = await visitor.connect()
        await tab.join([page.tokens[1]], page.csrf)
        for changed in ({"schema": b"olds"}, {"component": "Renamed"}):
            older = seal(msgspec.structs.replace(first, **changed), RING)
            await tab.join([older])
            await tab.send("event", first.instance, 1, "add")
            assert (await tab.until("reset", "update", "refused"))[1] == first.instance
        assert (await tab.event("add", instance=second.instance))[0] == "update"
        assert not [frame for frame in tab.frames if frame[0] == "reload"]
