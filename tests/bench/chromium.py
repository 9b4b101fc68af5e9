"""`python -m tests.bench.chromium [--quick]`: how long a change of a keyed table keeps a page's main thread.

What is measured: from the start of the socket's message event until its listener has returned and all microtasks that
it left have run; that is reading the message, the DOM's change, and whatever watches the DOM. Style and layout come
after it and are not in the figures.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from playwright.async_api import Page

from tests.bench.chromium_site import SIZES
from tests.bench.launching import chromium
from tests.bench.served import served_by_asok

__all__ = ["Figure", "figures"]

TIMED = """
window.answered = [];
const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
Object.defineProperty(WebSocket.prototype, "onmessage", {
  set(listener) {
    set.call(this, (event) => {
      const begun = performance.now();
      listener.call(this, event);
      if (event.data.startsWith('["update"'))
        queueMicrotask(() => answered.push([performance.now() - begun, event.data.length]));
    });
  },
});
"""
FIRE = """async (call) => {
  const before = answered.length;
  document.querySelector(`[ws-click=${call}]`).click();
  while (answered.length === before) await new Promise((done) => setTimeout(done));
  return [...answered.at(-1), document.querySelectorAll("tr").length];
}"""
# What is fired, what it is called, and what it may take at each size.
CHANGES = (
    ("cell", "one cell", (1.0, 8.0)),
    ("insert", "insert on top", (1.0, 3.0)),
    ("reverse", "reverse", (10.0, 100.0)),
    ("filter", "filter to 37", (25.0, 250.0)),
    ("filter", "and back", (25.0, 250.0)),
)


@dataclass(frozen=True)
class Figure:
    """One change of one table: milliseconds, of which a quarter of all takes less, and the answer's characters.

    What takes longer was mostly interrupted by what else runs on the machine.
    """

    change: str
    rows: int
    milliseconds: float
    median: float
    least: float
    limit: float
    characters: int

    @property
    def kept(self) -> bool:
        """Whether it is within its limit."""
        return self.milliseconds <= self.limit


async def figures(quick: bool) -> list[Figure]:
    """All changes of all tables, each 15 times; 5 if it has to be quick."""
    found = []
    with TemporaryDirectory() as folder:
        async with served_by_asok("tests.bench.chromium_site:app", Path(folder)) as site, chromium() as browser:
            for place, rows in enumerate(SIZES):
                page = await browser.new_page()
                await page.add_init_script(TIMED)
                await page.goto(f"http://127.0.0.1:{site.port}/{rows}")
                await page.wait_for_selector('html[data-alive="live"]', state="attached")
                found += await _measured(page, place, rows, 5 if quick else 15)
                await page.close()
    return found


async def _measured(page: Page, place: int, rows: int, times: int) -> list[Figure]:
    # The first answer is the whole text; nothing but the changes themselves is measured.
    for _ in range(3):
        await page.evaluate(FIRE, "cell")
    runs: dict[str, list[tuple[float, int]]] = {name: [] for _, name, _ in CHANGES}
    for calls in (CHANGES[:1], CHANGES[1:2], CHANGES[2:3], CHANGES[3:]):
        for _ in range(times):
            for call, name, _limits in calls:
                milliseconds, characters, shown = await page.evaluate(FIRE, call)
                if (shown < rows) != (name == "filter to 37"):
                    raise RuntimeError(f"{name}: the page shows {shown} of {rows} rows")
                runs[name].append((milliseconds, characters))
    return [_figure(name, rows, limits[place], runs[name]) for _, name, limits in CHANGES]


def _figure(name: str, rows: int, limit: float, run: list[tuple[float, int]]) -> Figure:
    taken = [milliseconds for milliseconds, _ in run]
    characters = round(median(size for _, size in run))
    return Figure(name, rows, quantiles(taken)[0], median(taken), min(taken), limit, characters)


async def main() -> None:
    """Measure, and print."""
    measured = await figures("--quick" in sys.argv)
    print(f"{'':16}{'rows':>7}{'ms':>8}{'limit':>7}{'median':>8}{'least':>8}{'characters':>12}")
    for each in measured:
        times = f"{each.milliseconds:8.2f}{each.limit:7.0f}{each.median:8.2f}{each.least:8.2f}"
        print(
            f"{each.change:16}{each.rows:7}{times}{each.characters:12}{'' if each.kept else '  too slow'}", flush=True
        )


if __name__ == "__main__":
    asyncio.run(main())
