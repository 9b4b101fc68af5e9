"""What a first page costs, what the start of a process costs, and what the browser loads."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.report import TIMES, Row
from tests.bench.served import ROOT, Served, served, served_by_asok

__all__ = ["served_pages", "sizes", "start"]

DEARER, SECONDS = 1.3, 0.5
CORE, TOGETHER = 2048, 8192
DEVELOPMENT = {"refresh", "speller"}
VISITORS = 8
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
COOKIE = re.compile(r"set-cookie: (asok=[^;]*)", re.IGNORECASE)

STARLETTE = "import starlette.applications"
COMPONENT = """
class Part{n}(Component):
    count = 0
    name: str = "part"
    template = "<section><h2>{{{{ name }}}} {{{{ count }}}}</h2><button ws-click='add({n})'>More</button></section>"

    @exposed
    async def add(self, number: int) -> None:
        self.count += number
"""
APP = """
import asyncio, os, sys
from pathlib import Path
from asok import Asok, Component, Settings, exposed
{components}
folder = Path(sys.argv[1])
app = Asok(root=folder, settings=Settings(folder, keys=("k3y-f0r-T3sts_0nly-abcdefghijklmnopqrstuvwxyz",)))
app.page("/", Part0)

async def start():
    came = asyncio.Queue()
    await came.put({{"type": "lifespan.startup"}})
    started = asyncio.get_running_loop().create_future()

    async def send(message):
        started.set_result(message["type"])

    scope = {{"type": "lifespan", "asgi": {{"version": "3.0"}}, "state": {{}}}}
    living = asyncio.create_task(app(scope, came.get, send))
    assert await started == "lifespan.startup.complete"
    sys.stdout.flush()
    os._exit(0)

asyncio.run(start())
"""


async def served_pages(quick: bool) -> list[Row]:
    """A page with one component, and the same HTML without."""
    each, rounds = (100, 2) if quick else (500, 6)
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with served_by_asok("tests.bench.site:app", folder) as site:
            page, cookie = await fetched(site)
            (folder / "page.html").write_text(page.replace("Count: 0", "Count: {{ count }}"), "utf-8")
            async with served("tests.bench.stock:app", folder) as stock:
                costs: dict[str, list[float]] = {"new": [], "known": [], "stock": []}
                for _ in range(rounds):
                    costs["new"].append(await visited(site, each))
                    costs["known"].append(await visited(site, each, cookie))
                    costs["stock"].append(await visited(stock, each))
    new, known, plain = (min(costs[who]) * 1e6 for who in ("new", "known", "stock"))
    return [
        page_row("a first page with one component", new, plain, f"≤ {DEARER} {TIMES}"),
        page_row("… for a visitor who has a session", known, plain),
    ]


def page_row(name: str, ours: float, plain: float, aim: str = "") -> Row:
    figures = {"CPU, µs": round(ours), "Starlette and Jinja, µs": round(plain), "ratio": round(ours / plain, 2)}
    return Row(name, figures, aim, ours / plain <= DEARER if aim else None)


async def fetched(site: Served) -> tuple[str, str]:
    """The page, and the cookie that came with it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /counter HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    cookie = COOKIE.search(head)
    return body, cookie[1] if cookie else ""


async def visited(server: Served, each: int, cookie: str = "") -> float:
    """Processor time of the server for a page, in seconds."""
    before = server.seconds
    await asyncio.gather(*(visit(server.port, each, cookie) for _ in range(VISITORS)))
    return (server.seconds - before) / each / VISITORS


async def visit(port: int, times: int, cookie: str) -> None:
    """The page, so many times over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    known = f"Cookie: {cookie}\r\n" if cookie else ""
    for _ in range(times):
        writer.write(f"GET /counter HTTP/1.1\r\nHost: 127.0.0.1\r\n{known}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        if b" 200 " not in head.split(b"\r\n")[0] or length is None:
            raise RuntimeError(head.decode())
        await reader.readexactly(int(length[1]))
    writer.close()


async def start(quick: bool) -> list[Row]:
    """An app of 100 components until it can answer, and the import of Starlette."""
    code = APP.format(components="".join(COMPONENT.format(n=n) for n in range(100)))
    plain, ours = [], []
    for _ in range(2 if quick else 7):
        plain.append(spent(STARLETTE))
        ours.append(spent(code))
    above = min(ours) - min(plain)
    figures = {
        "CPU, s": round(min(ours), 3),
        "importing Starlette, s": round(min(plain), 3),
        "above it, s": round(above, 3),
    }
    return [Row("an app of 100 components", figures, f"≤ {SECONDS} s above", above <= SECONDS)]


def spent(code: str) -> float:
    """Processor time of a Python process that does this."""
    with TemporaryDirectory() as folder:
        child = subprocess.Popen([sys.executable, "-c", code, folder], cwd=ROOT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"a process that should start has ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime


async def sizes(quick: bool) -> list[Row]:
    """The scripts as they ship."""
    files = {file.stem: file.read_bytes() for file in sorted((ROOT / "asok" / "static").glob("*.js"))}
    zipped = {name: len(gzip.compress(text, 9, mtime=0)) for name, text in files.items()}
    core, rest = zipped.pop("alive"), {name: size for name, size in zipped.items() if name not in DEVELOPMENT}
    together = sum(rest.values())
    return [
        Row("`alive.js`, the core", {"bytes": core}, f"< {CORE:,}", core < CORE),
        *(Row(f"`{name}.js`", {"bytes": size}) for name, size in rest.items()),
        Row("all modules together", {"bytes": together}, f"< {TOGETHER:,}", together < TOGETHER),
    ]
