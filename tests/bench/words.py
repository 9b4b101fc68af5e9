"""What docs/performance.md says around its figures."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CURVES", "GROWTH", "INTRODUCTION", "TABLES", "Plotted", "Said"]


@dataclass(frozen=True)
class Said:
    """Over a table."""

    title: str
    text: str


@dataclass(frozen=True)
class Plotted(Said):
    """Over a plot. axis: what is below."""

    axis: str


INTRODUCTION = """# Performance

What asok costs, and what to do so that it costs little. All figures come from

```console
$ make bench                           # all of it: about ten minutes
$ make bench ONLY=events,fan-out       # some; a run replaces only the tables that it measured
$ make bench QUICK=1                   # half a minute a table: prints, and writes nothing
```

*CPU* is processor time of the server process, user and system, of all its threads. The time on the clock is told only
where somebody waits for it, since on a busy machine it says more about the neighbours. The *floor* is the least that
a Python server can do: a raw ASGI WebSocket that echoes messages of the same size, on uvicorn with uvloop, without
compression, measured turn by turn with asok in the same run. Ratios to it travel from one machine to another, and
microseconds do not. Everything is real: sockets, sessions in SQLite, signed tokens, each event applied exactly once,
and served as `asok run` serves it, with one worker. Each figure is the best of several rounds.

## What to do to be fast

- Keep rows out of the state: `load()` fetches them, and the state says which. State is stored with each event.
- Give templates rows that cannot change, and the same ones as long as they are what they were:
  [only the new ones are then rendered](lists.md#fast-tables). Dicts are known by what is in them, which takes longer to
  see.
- Write `ws-key` on each row: the browser then touches only the rows that have changed.
- What many people see at once, show with [`react()`](stores.md): it is rendered once for all of them.
- Write `async def` where nothing blocks: a `def` runs in a thread, and the way there and back costs about a
  quarter of a counter.
"""
TABLES = {
    "events": Said(
        "One event",
        "A click or an input on a page that is open. *Bytes* are those of the whole frame, on the wire. Rows come from "
        "`load()`, which takes them from a list in memory: what a database needs would come on top. They are frozen "
        "dataclasses, the same ones until they change; beside them the same is shown with dicts.",
    ),
    "fan-out": Said(
        "One change that all see",
        "A store's value changes while thousands of sockets show it, on one worker. *All have it* is the time on the "
        "clock from the request that changes it until the last socket has got its message.",
    ),
    "memory": Said(
        "Idle connections",
        "What the server process holds for each page that is open, has one component and has been clicked once, beside "
        "what uvicorn needs for a bare echo.",
    ),
    "pages": Said(
        "The first page",
        "A page with a counter, whose visitor has no session yet; beside it the same HTML from Starlette and a Jinja "
        "template.",
    ),
    "start": Said(
        "The start of a process",
        "Processor time of a whole process: one that imports Starlette, and one that makes an app with 100 components, "
        "starts it and ends.",
    ),
    "sizes": Said(
        "What the browser loads",
        "After `gzip -9`. The core is on each page, a module only where a page needs it.",
    ),
    "dom": Said(
        "In the browser",
        "Milliseconds of Chromium's main thread from a message until the DOM is done, in a table with `ws-key`; style "
        "and layout come after that. A quarter of the changes took less: what takes longer was mostly interrupted by "
        "what else runs on the machine.",
    ),
    "browser": Said(
        "Whole pages in a browser",
        "Four pages in Chromium, each beside one that was written by hand for the purpose: a Starlette WebSocket and "
        "some twenty lines of JavaScript, which keep nothing, sign nothing and lose what is on its way when a "
        "connection breaks (`tests/bench/handwritten`). One event follows the other, so the server sleeps in between, "
        "and each costs more than under load. *Shown* is the median time on the clock from the click until the page "
        "has it and is laid out; with ten pages, until the last one has it.\n\n"
        "The aims are what Phoenix LiveView 1.2 had on such pages, as ratios to a socket written by hand: measured "
        "earlier, on another run and by another program, and not again here.",
    ),
}
GROWTH = """## How it grows

Both scales are logarithmic: a straight line is a power. Its exponent, by least squares over the last three points, is
1 where twice as much costs twice as much, and 0 where it costs no more. `make bench` fails where one is above 1.15.
"""
CURVES = {
    "rows": Plotted(
        "With the rows of a table",
        "One cell changes. The text of the table has to be put together, compared and stored in any case.",
        "rows of the table",
    ),
    "connections": Plotted(
        "With the connections",
        "One visitor clicks, the others have the same page open and do nothing.",
        "connections",
    ),
    "state": Plotted(
        "With the size of the state",
        "A component whose state holds a long text, and a click that changes a number beside it.",
        "KiB of state",
    ),
}
