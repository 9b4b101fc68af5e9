"""The morph in a real browser: random trees become exactly each other, and what a person sees in them lives on."""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tests.browser.alive_rig import ONE, Line, Rig, root
from tests.browser.conftest import Serve

HERE = Path(__file__).parent / "morph"
SOURCE = Path(__file__).parents[2] / "alive-js" / "src"
SEED = int(os.environ.get("ASOK_SEED", 20261121))
PAIRS, BATCH = 5000, 500
POLICY = {"content-security-policy": "default-src 'self'"}
NATIVE = pytest.mark.parametrize("native", [True, False], ids=["moveBefore", "insertBefore"])
WITHOUT_MOVE = "() => { delete Element.prototype.moveBefore; }"

Open = Callable[..., Awaitable[None]]


def tone() -> bytes:
    """Twenty seconds of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 1, 8000, 0, "NONE", ""))
        sound.writeframes(bytes([128]) * 8000 * 20)
    return file.getvalue()


def bench() -> Starlette:
    """The runtime's own sources as modules, and what the pages of these tests refer to."""
    page = '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/morph/bench.css"><body><div id="root">{}</div>'

    async def show(request: Request) -> Response:
        body = page.format(request.app.state.body)
        return HTMLResponse(body + '<script type="module" src="/morph/bench.js"></script>', headers=POLICY)

    async def empty(request: Request) -> Response:
        return HTMLResponse("<!doctype html><p>inside</p>", headers=POLICY)

    async def sound(request: Request) -> Response:
        return Response(tone(), media_type="audio/wav")

    return Starlette(
        routes=[
            Route("/", show),
            Route("/frame", empty),
            Route("/tone.wav", sound),
            Mount("/src", StaticFiles(directory=SOURCE)),
            Mount("/morph", StaticFiles(directory=HERE)),
        ]
    )


@pytest.fixture
def open_bench(page: Page, serve: Serve) -> Open:
    """`await open_bench(html)` shows that in `#root`; `native=False` takes `moveBefore` away, `core` the features."""

    async def open_(body: str = "", *, native: bool = True, core: bool = False) -> None:
        app = bench()
        app.state.body = body
        await page.goto(await serve(app) + ("/?core" if core else "/"))
        await expect(page.locator("html")).to_have_attribute("data-ready", "")
        if not native:
            await page.evaluate(WITHOUT_MOVE)

    return open_


async def become(page: Page, html: str) -> None:
    await page.evaluate("html => become(html)", html)


# --- any tree becomes any other


@NATIVE
@pytest.mark.parametrize("core", [False, True], ids=["features", "core"])
async def test_any_tree_becomes_exactly_any_other(page: Page, open_bench: Open, native: bool, core: bool) -> None:
    """Exact, idempotent, the same objects for the same keys, and nothing lost that was the person's."""
    await open_bench(native=native, core=core)
    for seed in range(SEED, SEED + PAIRS, BATCH):
        wrong = await page.evaluate(
            "async ([seed, count, core]) => (await import('/morph/pairs.js')).run(morph, seed, count, core) ?? null",
            [seed, BATCH, core],
        )
        assert wrong is None, "ASOK_SEED={seed}: {wrong}\nold: {old}\nnext: {next}".format(**wrong)
