"""Four pages in Chromium, each beside one that was written by hand: what an event costs, and when the page shows it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from playwright.async_api import Browser, Page, WebSocket

from tests.bench.launching import chromium
from tests.bench.report import TIMES, Figure, Row
from tests.bench.served import Served, served, served_by_asok

__all__ = ["Case", "figures"]

# When each text was first seen in the page, and laid out; and one action after the other, each until it is seen.
WATCHED = """
addEventListener("DOMContentLoaded", () => {
  const seen = (window.seen = new Map());
  let last;
  const look = () => {
    const text = document.querySelector(SELECTOR)?.textContent;
    if (text === last) return;
    last = text;
    document.body.offsetHeight;
    seen.set(text, performance.timeOrigin + performance.now());
    window.look?.();
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  look();
});
"""
ACT = """async ({ steps, pause }) => {
  const told = [];
  for (const [value, expected] of steps) {
    const query = document.getElementById("query");
    if (query) query.value = value;
    seen.delete(expected);
    const begun = performance.timeOrigin + performance.now();
    const shown = new Promise((done) => {
      window.look = () => seen.has(expected) && done();
    });
    if (query) query.dispatchEvent(new Event("input", { bubbles: true }));
    else document.getElementById("go").click();
    await shown;
    told.push([expected, begun, seen.get(expected)]);
    if (pause) await new Promise((done) => setTimeout(done, pause));
  }
  return told;
}"""
SEEN = "() => [...seen]"
LIVE = 'html[data-alive="live"]'
SEARCHED = (("7", 271), ("77", 19), ("777", 1), ("77", 19))
HEAD = 2, 126, 4  # of a frame from the server: bytes, those from so many on


@dataclass(frozen=True)
class Case:
    """A page: where its text changes, how many have it open, and how long one waits between two events, in ms.

    times, limit: how often the page that was written by hand it may cost, and how many bytes an answer may take;
    0 where nothing is aimed at.
    """

    name: str
    path: str
    selector: str = "#shown"
    tabs: int = 1
    pause: int = 0
    times: float = 0
    limit: int = 0

    def steps(self, begun: int, number: int) -> list[tuple[str, str]]:
        """What is typed, and what the page then shows."""
        if self.path == "/search":
            return [(query, f"{found} found") for query, found in SEARCHED * (number // len(SEARCHED))]
        return [("", str(begun + n + 1)) for n in range(number)]


CASES = (
    Case("counter", "/counter", times=1.2, limit=95),
    Case("table of 1,000, one cell", "/table", "#r500 td:last-child", times=6.6, limit=125),
    Case("live search over 1,000", "/search", times=5.1, limit=5010),
    Case("a counter that ten pages show", "/shared", tabs=10, pause=25),
)


@dataclass
class Tabs:
    """A case's pages at one server, the frames that came, and what was measured, the best last."""

    server: Served
    pages: list[Page]
    frames: list[int] = field(default_factory=list)
    done: int = 0
    cpu: float = float("inf")
    shown: float = float("inf")
    size: float = 0

    def hear(self, socket: WebSocket) -> None:
        """Note what comes over a socket."""
        socket.on("framereceived", lambda payload: self.frames.append(on_the_wire(payload)))


def on_the_wire(payload: str | bytes) -> int:
    """Bytes of the frame."""
    size = len(payload.encode() if isinstance(payload, str) else payload)
    return size + (HEAD[0] if size < HEAD[1] else HEAD[2])


async def figures(quick: bool) -> list[Row]:
    """All cases, turn by turn."""
    events, rounds = (20, 2) if quick else (200, 4)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        ours = await stack.enter_async_context(served_by_asok("tests.bench.browser_site:app", folder))
        theirs = await stack.enter_async_context(served("tests.bench.handwritten.app:app"))
        browser = await stack.enter_async_context(chromium())
        return [await compared(browser, case, ours, theirs, events, rounds) for case in CASES]


async def compared(browser: Browser, case: Case, ours: Served, theirs: Served, events: int, rounds: int) -> Row:
    """One case at both servers."""
    both = [await opened(browser, case, server) for server in (ours, theirs)]
    for _ in range(rounds):
        for tabs in both:
            await driven(tabs, case, events)
    for tabs in both:
        await tabs.pages[0].context.close()
    return told(case, *both)


def told(case: Case, ours: Tabs, theirs: Tabs) -> Row:
    """A case as it stands in the table."""
    ratio = ours.cpu / theirs.cpu
    figures: dict[str, Figure] = {
        "CPU, µs": round(ours.cpu * 1e6),
        "by hand, µs": round(theirs.cpu * 1e6),
        "ratio": round(ratio, 2),
        "bytes": round(ours.size),
        "by hand, bytes": round(theirs.size),
        "shown, ms": round(ours.shown, 1),
        "by hand, ms": round(theirs.shown, 1),
    }
    if not case.times:
        return Row(case.name, figures)
    aim = f"≤ {case.times} {TIMES}, ≤ {case.limit:,} bytes"
    return Row(case.name, figures, aim, ratio <= case.times and ours.size <= case.limit)


async def opened(browser: Browser, case: Case, server: Served) -> Tabs:
    """The pages of a case, live, after the first events."""
    context = await browser.new_context()
    await context.add_init_script(WATCHED.replace("SELECTOR", json.dumps(case.selector)))
    tabs = Tabs(server, [await context.new_page() for _ in range(case.tabs)])
    for page in tabs.pages:
        page.on("websocket", tabs.hear)
        await page.goto(f"http://127.0.0.1:{server.port}{case.path}")
        await page.wait_for_selector(LIVE, state="attached")
    await driven(tabs, case, 8)
    tabs.cpu = tabs.shown = float("inf")
    return tabs


async def driven(tabs: Tabs, case: Case, events: int) -> None:
    """So many events, and the best figures so far."""
    steps = case.steps(tabs.done, events)
    tabs.done += events
    tabs.frames.clear()
    before = tabs.server.seconds
    told = await tabs.pages[0].evaluate(ACT, {"steps": steps, "pause": case.pause})
    tabs.cpu = min(tabs.cpu, (tabs.server.seconds - before) / events)
    others = await asyncio.gather(*(page.evaluate(SEEN) for page in tabs.pages[1:]))
    tabs.shown = min(tabs.shown, median(waited(step, others) for step in told))
    tabs.size = sum(tabs.frames) / events / len(tabs.pages)


def waited(step: Sequence[Any], others: Sequence[Sequence[Any]]) -> float:
    """Milliseconds until the last page showed it, or what came after it."""
    expected, begun, shown = step
    last = max((min(at for text, at in seen if int(text) >= int(expected)) for seen in others), default=shown)
    return float(max(last, shown) - begun)
