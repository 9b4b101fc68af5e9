"""What was measured, kept beside the page that tells it: `docs/performance.json` and `.md`, and the plots.

`python -m tests.bench.report` writes the page anew from the figures that are kept.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.launching import chromium_version
from tests.bench.plots import Curve, drawn
from tests.bench.words import CURVES, GROWTH, INTRODUCTION, TABLES

__all__ = ["DOCS", "TIMES", "Figure", "Row", "keep_curves", "keep_table", "page", "table", "written"]

DOCS = Path(__file__).parents[2] / "docs"
FILE = "performance.json"
Figure = float | int | str
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Row:
    """A line of a table: figures by the names of their columns. kept: None where nothing was aimed at."""

    name: str
    figures: Mapping[str, Figure]
    aim: str = ""
    kept: bool | None = None


def machine() -> str:
    """What it ran on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = f"{platform.python_implementation()} {platform.python_version()}"
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("uvicorn", "uvloop", "websockets", "starlette", "Jinja2")
    )
    hardware = f"{os.cpu_count()} {TIMES} {processor()}, {memory:.0f} GB, {platform.system()}"
    return f"{hardware}, {python}, {packages}, SQLite {sqlite3.sqlite_version}, {chromium_version()}"


def processor() -> str:
    """The processor's name as Linux tells it, else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def kept_so_far(docs: Path) -> dict[str, Any]:
    """What the file has."""
    file = docs / FILE
    read: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return {"tables": {}, "curves": {}} | read


def keep_table(name: str, rows: Sequence[Row], docs: Path = DOCS) -> None:
    """Put a table in the place of its last one, and write the page anew."""
    kept = kept_so_far(docs)
    kept["tables"][name] = {"rows": [asdict(row) for row in rows], **when()}
    written(kept, docs)


def keep_curves(curves: Iterable[Curve], docs: Path = DOCS) -> None:
    """The same with curves, each by its name."""
    kept = kept_so_far(docs)
    for curve in curves:
        kept["curves"][curve.name] = {**asdict(curve), "exponent": round(curve.exponent, 2), **when()}
    written(kept, docs)


def when() -> dict[str, str]:
    return {"date": datetime.now(UTC).date().isoformat(), "machine": machine()}


def written(kept: dict[str, Any], docs: Path = DOCS) -> None:
    """Write the file, the page and the plots."""
    (docs / FILE).write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (docs / "performance.md").write_text(page(kept), "utf-8")
    for plot in CURVES:
        if curves := curves_of(kept, plot):
            (docs / f"cost-{plot}.svg").write_text(drawn(CURVES[plot].axis, curves), "utf-8")


def curves_of(kept: dict[str, Any], plot: str) -> list[Curve]:
    fields = Curve.__dataclass_fields__
    all_ = (
        Curve(**{name: value for name, value in each.items() if name in fields}) for each in kept["curves"].values()
    )
    return [curve for curve in all_ if curve.plot == plot]


def page(kept: dict[str, Any]) -> str:
    """The page for people."""
    parts = [INTRODUCTION, ran_on(kept)]
    for name, words in TABLES.items():
        if each := kept["tables"].get(name):
            rows = [Row(**row) for row in each["rows"]]
            parts.append(f"## {words.title}\n\n{words.text}\n\n{table(rows)}{missed(rows)}")
    if kept["curves"]:
        parts.append(growth(kept))
    return "\n".join(parts)


def ran_on(kept: dict[str, Any]) -> str:
    """The dates, and the machines with what ran on them."""
    runs = [*kept["tables"].values(), *kept["curves"].values()]
    machines = sorted({run["machine"] for run in runs})
    days = sorted({run["date"] for run in runs})
    span = days[0] if len(days) < 2 else f"{days[0]} to {days[-1]}"
    return f"Measured: {span}, on {'; '.join(machines)}.\n"


def table(rows: Sequence[Row]) -> str:
    """Markdown; a column of aims only where there are some."""
    columns = list(dict.fromkeys(column for row in rows for column in row.figures))
    aims = any(row.aim for row in rows)
    heads = ["", *columns, *(["aim", "kept"] if aims else [])]
    lines = [f"| {' | '.join(heads)} |", "|---|" + "--:|" * len(columns) + ("---|---|" if aims else "")]
    for row in rows:
        cells = [row.name, *(told(row.figures.get(column, "")) for column in columns)]
        lines.append(f"| {' | '.join([*cells, *([row.aim, verdict(row)] if aims else [])])} |")
    return "\n".join(lines) + "\n"


def verdict(row: Row) -> str:
    return "" if row.kept is None else "yes" if row.kept else "**no**"


def missed(rows: Sequence[Row]) -> str:
    """What was not reached, said plainly."""
    names = [f"*{row.name}*" for row in rows if row.kept is False]
    return f"\nNot reached: {', '.join(names)}.\n" if names else ""


def told(value: Figure) -> str:
    return f"{value:,}" if isinstance(value, int | float) else value


def growth(kept: dict[str, Any]) -> str:
    """The plots, each with its exponents."""
    parts = [GROWTH]
    for name, words in CURVES.items():
        if curves := curves_of(kept, name):
            lines = "\n".join(f"- {curve.name}: {sentence(curve)}" for curve in curves)
            parts.append(f"### {words.title}\n\n![{words.title}](cost-{name}.svg)\n\n{words.text}\n\n{lines}\n")
    return "\n".join(parts)


def sentence(curve: Curve) -> str:
    first, last = curve.points[0], curve.points[-1]
    costs = f"{first[1]:,.0f} µs at {first[0]:,.0f}, {last[1]:,.0f} µs at {last[0]:,.0f}"
    return f"{costs}; exponent {curve.exponent:.2f}{'' if curve.kept else ', which is **worse than linear**'}"


if __name__ == "__main__":
    written(kept_so_far(DOCS))
