"""The configurations in docs/deploy, run as they stand but for ports and paths, between Chromium and the app."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Page, expect

from asok import Component, exposed
from tests.browser.conftest import Serve
from tests.browser.small import live, small_app

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
PATIENCE = 60


class Fronted(Component):
    """A count, behind something."""

    count = 0
    template = "<p>{{ count }} <button ws-click.stop='add'>Add</button></p>"

    @exposed
    def add(self) -> None:
        self.count += 1


@dataclass(frozen=True)
class Proxy:
    """A program with its configuration.

    command: the words that run it, from its file. own: changes to the file that a test needs, (what stands there, what
    is to stand there). without: changes that take the WebSocket out.
    """

    program: str
    file: str
    command: Callable[[Path], list[str]]
    own: tuple[tuple[str, str], ...]
    without: tuple[tuple[str, str], ...]


PATHS = "".join(f"{each}_temp_path FOLDER/{each}; " for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
PROXIES = (
    Proxy(
        "nginx",
        "nginx.conf",
        lambda file: ["-p", str(file.parent), "-c", str(file), "-e", "stderr", "-g", f"daemon off; pid {file}.pid;"],
        (
            ("http {\n", f"http {{ access_log off; {PATHS}\n"),
            ("/etc/nginx/tls", "FOLDER"),
            ("listen 443", "listen PORT"),
        ),
        (
            ("proxy_set_header Upgrade $http_upgrade;", ""),
            ("proxy_set_header Connection $connection_upgrade;", 'proxy_set_header Connection "";'),
        ),
    ),
    Proxy(
        "haproxy",
        "haproxy.cfg",
        lambda file: ["-db", "-f", str(file)],
        (("/etc/haproxy/tls", "FOLDER"), ("bind :443", "bind 127.0.0.1:PORT")),
        (
            ("alpn h2,http/1.1", "alpn http/1.1"),
            (
                "  default_backend",
                "  http-request deny deny_status 502 if { req.hdr(upgrade) -i websocket }\n  default_backend",
            ),
        ),
    ),
    Proxy(
        "caddy",
        "Caddyfile",
        lambda file: ["run", "--adapter", "caddyfile", "--config", str(file)],
        (
            (
                "shop.example.org {\n",
                "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\nhttps://localhost:PORT {\n",
            ),
        ),
        (("\treverse_proxy", "\t@sockets header Upgrade websocket\n\trespond @sockets 502\n\treverse_proxy"),),
    ),
)


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """Nobody has signed our certificates."""
    return {**browser_context_args, "ignore_https_errors": True}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command = ["openssl", "req", "-x509", *curve, *subject, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "shop.pem").write_text(cert.read_text() + key.read_text())
    return folder


def program(name: str) -> str:
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed")
    return found or pytest.skip(f"{name} is not installed")


def configured(text: str, changes: tuple[tuple[str, str], ...]) -> str:
    for there, instead in changes:
        assert there in text, f"{there!r} stands no more in the configuration"
        text = text.replace(there, instead)
    return text


@contextlib.asynccontextmanager
async def running(proxy: Proxy, text: str, folder: Path, app: str) -> AsyncIterator[str]:
    """The proxy before the app, by its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = text.replace("127.0.0.1:8000", urlsplit(app).netloc)
    file = folder / proxy.file
    file.write_text(text.replace("FOLDER", str(folder)).replace("PORT", str(port)))
    home = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
    command = [program(proxy.program), *proxy.command(file)]
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **home}, stdout=log, stderr=log, start_new_session=True
        )
    url = f"https://localhost:{port}"
    try:
        await _answers(url, process, folder / "log")
        yield url
    finally:
        # Asked to end, some wait for their connections.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _answers(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient(verify=False) as client:
            while process.returncode is None:
                with contextlib.suppress(httpx.TransportError):
                    await client.get(url)
                    return
                await asyncio.sleep(0.02)
    raise RuntimeError(f"{url} does not answer ({process.returncode}):\n{log.read_text()}")


async def _checks_hold(url: str) -> None:
    """Who is refused without a proxy is refused behind it, whatever is said in the proxy's place."""
    port = urlsplit(url).port
    says = {"content-type": "application/json", "accept": "text/event-stream", "asok-line": "poll"}
    tries: list[tuple[dict[str, str], bool]] = [
        ({"origin": url}, True),
        ({"origin": url, "x-forwarded-proto": "http", "x-forwarded-for": "8.8.8.8"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": f"http://localhost:{port}", "x-forwarded-proto": "http"}, False),
        ({"origin": f"https://evil.example:{port}", "host": f"evil.example:{port}"}, False),
    ]
    async with httpx.AsyncClient(verify=False) as client:
        for headers, taken in tries:
            answer = await client.post(f"{url}/live", headers=says | headers, content="[]")
            assert ("event: line" in answer.text) is taken, (headers, answer.status_code, answer.text)


@pytest.mark.parametrize("proxy", PROXIES, ids=lambda proxy: proxy.program)
async def test_a_page_is_live_behind_it_with_a_websocket_and_without(
    page: Page, serve: Serve, tmp_path: Path, certificates: Path, proxy: Proxy
) -> None:
    app = await serve(small_app(tmp_path, "{{ component('Fronted') }}"))
    given = configured((DEPLOY / proxy.file).read_text(), proxy.own)
    folder = shutil.copytree(certificates, tmp_path / "proxy")
    carried: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda _: carried.append("socket")))
    page.on("request", lambda request: carried.append("post") if request.method == "POST" else None)

    async with running(proxy, given, folder, app) as url:
        await page.goto(url)
        await live(page)
        await page.click("button")
        await expect(page.locator("p")).to_have_text("1 Add")
        assert set(carried) == {"socket"}
        await _checks_hold(url)

    carried.clear()
    async with running(proxy, configured(given, proxy.without), folder, app) as url:
        await page.goto(url)
        await live(page)
        for _ in range(3):
            await page.click("button")
        await expect(page.locator("p")).to_have_text("4 Add")
        assert set(carried) == {"post"}
