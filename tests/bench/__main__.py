"""`python -m tests.bench`: all figures of docs/performance.md."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from tests.bench.events import EVENTS, measured
from tests.bench.served import served


async def main() -> None:
    """Measure, and print."""
    events, rounds = (1000, 2) if "--quick" in sys.argv else (5000, 5)
    with TemporaryDirectory() as folder:
        async with served("tests.bench.site:app", Path(folder)) as site, served("tests.bench.floor:app") as floor:
            for kind in EVENTS:
                cost = await measured(kind, site, floor, events=events, rounds=rounds)
                figures = f"{cost.event:7.0f} {cost.floor:6.0f} {cost.ratio:6.1f} {kind.ratio:6.1f}"
                print(f"{kind.name:32} {figures} {cost.up:5} {cost.down:6} {kind.limit:5}", flush=True)


if __name__ == "__main__":
    uvloop.run(main())
