"""Real servers, real Chromium, and a page that forgives no script error and no CSP violation."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.async_api import BrowserContext, ConsoleMessage, Page, WebError, expect
from starlette.types import ASGIApp

from asok.wire import WebSocketProtocol
from tests.browser.alive_rig import Rig
from tests.ports import kept_port

__all__ = ["Launch", "Launched", "Serve"]

# The shell is the same engine without the windows around it, and opens a page at a fifth of the cost.
CHROMIUM_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# Without these Chromium refuses to run as root, or calls home and waits for an answer.
CHROMIUM_FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
VIOLATION = "CSP violation:"
# An init script is not subject to the page's policy, and the event's words do not change with the browser's version.
REPORT_VIOLATIONS = f"""
document.addEventListener("securitypolicyviolation", (event) =>
  console.error("{VIOLATION}", event.violatedDirective, event.blockedURI, event.sourceFile, event.lineNumber));
"""
START_SECONDS = 30
ROOT = Path(__file__).parents[2]
ASOK = Path(sys.executable).with_name("asok")

Serve = Callable[[ASGIApp], Awaitable[str]]

# A machine that does much else is slow, and what never comes does not come later either.
expect.set_options(timeout=20_000)


# --- the browser


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """A Chromium that is installed, else the one that Playwright has downloaded."""
    flags = [*CHROMIUM_FLAGS, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]
    installed = next(filter(_starts, CHROMIUM_NAMES), None)
    return {
        **browser_type_launch_args,
        "args": flags,
        **({"executable_path": shutil.which(installed)} if installed else {}),
    }


def _starts(name: str) -> bool:
    # Some systems have a stub of that name which only tells what to install.
    return shutil.which(name) is not None and subprocess.run([name, "--version"], capture_output=True).returncode == 0


@pytest.fixture
def page_faults() -> list[str]:
    """Script errors and CSP violations of the test's pages so far; a test that wants one clears it."""
    return []


@pytest.fixture
async def context(context: BrowserContext, page_faults: list[str]) -> BrowserContext:
    """The test's own browser profile, watched: every fault in it lands in `page_faults`."""

    def on_console(message: ConsoleMessage) -> None:
        if message.text.startswith(VIOLATION):
            page_faults.append(message.text)

    def on_error(error: WebError) -> None:
        page_faults.append(f"uncaught: {error.error.stack or error.error.message}")

    context.on("console", on_console)
    context.on("weberror", on_error)
    await context.add_init_script(REPORT_VIOLATIONS)
    return context


@pytest.fixture
async def page(page: Page, context: BrowserContext, page_faults: list[str]) -> AsyncIterator[Page]:
    """A page of a fresh profile; the test fails on any uncaught script error and any CSP violation."""
    yield page
    for shown in context.pages:
        # Faults arrive in order with answers: after this answer, all earlier ones are here.
        with contextlib.suppress(Exception):
            await shown.evaluate("1")
    assert not page_faults, "\n".join(page_faults)


# --- a server in the test's own loop


class LocalServer(uvicorn.Server):
    """uvicorn beside the test: it tells when it is ready and leaves the signals to pytest."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextlib.asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, ws=WebSocketProtocol, log_level="warning", timeout_graceful_shutdown=2)
        server = LocalServer(config)
        serving = asyncio.create_task(_until_stopped(server, listener))
        ready = asyncio.create_task(server.ready.wait())
        await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            ready.cancel()
            await serving
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def _until_stopped(server: LocalServer, listener: socket.socket) -> None:
    try:
        await server.serve(sockets=[listener])
    except SystemExit:
        # In a task it would end pytest itself.
        raise RuntimeError("the application's lifespan failed; its log stands above") from None


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """`await serve(app)` runs the app on a real uvicorn in the test's loop and gives its base address."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(app: ASGIApp) -> str:
            return await stack.enter_async_context(running(app))

        yield start


@pytest.fixture
async def server(serve: Serve) -> Rig:
    """A scripted server, whose messages the test writes itself."""
    rig = Rig()
    rig.url = await serve(rig) + "/"
    return rig


# --- a server process that can be killed


class Launched:
    """An `asok dev` or `asok run` of its own process group, on a port that it keeps over restarts."""

    def __init__(self, command: tuple[str | Path, ...], *, cwd: Path, env: Mapping[str, str], log: Path) -> None:
        self.port = kept_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = (*command, "--port", str(self.port))
        self.cwd, self.env, self.log = cwd, env, log
        self.process: Process | None = None

    @property
    def output(self) -> str:
        """What the process has written so far, to both of its streams."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    async def start(self) -> None:
        """Start, and come back when the server answers HTTP."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                cwd=self.cwd,
                env=self.env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self._answering(self.process)

    async def _answering(self, process: Process) -> None:
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient() as client:
            while process.returncode is None:
                with contextlib.suppress(httpx.TransportError):
                    await client.get(self.url)
                    return
                await asyncio.sleep(0.02)
        raise RuntimeError(f"{' '.join(map(str, self.command))} ended with {process.returncode}:\n{self.output}")

    async def kill(self) -> None:
        """`kill -9` of the server and all its workers."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, as a deploy does it; SIGKILL when it takes longer than 15 s."""
        try:
            async with asyncio.timeout(15):
                await self._end(signal.SIGTERM)
        except TimeoutError:
            await self.kill()

    async def restart(self) -> None:
        """`kill -9`, then start again on the same port."""
        await self.kill()
        await self.start()

    async def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)
        await self.process.wait()
        # A worker may outlive its parent by a moment and hold the port.
        while not _is_free(self.port):  # noqa: ASYNC110  # the kernel tells nobody
            await asyncio.sleep(0.01)


Launch = Callable[..., Awaitable[Launched]]


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.fixture
async def launch(tmp_path: Path) -> AsyncIterator[Launch]:
    """`await launch("dev", "app.py", cwd=folder, env={...})` runs that command on a free port until the test ends."""
    launched: list[Launched] = []

    async def start(
        *arguments: str,
        cwd: Path = tmp_path,
        env: Mapping[str, str] | None = None,
        asok: Path = ASOK,
    ) -> Launched:
        log = tmp_path / f"server-{len(launched)}.log"
        server = Launched((asok, *arguments), cwd=cwd, env={**os.environ, **(env or {})}, log=log)
        launched.append(server)
        await server.start()
        return server

    yield start
    for server in launched:
        await server.kill()
        print(server.output)  # pytest shows it of a test that fails


@pytest.fixture(scope="session")
async def gallery(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of the gallery, served once for all tests; each test is a visitor of its own."""
    folder = tmp_path_factory.mktemp("gallery")
    env = {**os.environ, "ASOK_DATABASE": str(folder / "sessions.db")}
    server = Launched((ASOK, "dev", "examples/gallery/app.py"), cwd=ROOT, env=env, log=folder / "server.log")
    await server.start()
    yield server.url
    await server.kill()
