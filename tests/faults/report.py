"""What the scenarios have reached, kept beside the page that tells it: `docs/reliability.json` and `.md`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.outcome import Outcome
from tests.redis_server import server_programs

__all__ = ["DOCS", "keep", "machine", "page", "table"]

DOCS = Path(__file__).parents[2] / "docs"
INTRODUCTION = """# Reliability

What breaks, and what comes of it: each row is a scenario of `tests/faults/`, run against `asok run --workers 2`, by
persons who do what a browser does. *Exact* means that an oracle outside of asok has compared, for each person, what
was acknowledged with what was applied: no event lost, none twice, none before another that was earlier.

```console
$ make faults                          # all of it; the soak takes an hour
$ make faults ONLY=cuts,kills          # some
$ make faults ONLY=soak MINUTES=15     # a shorter soak
$ make faults STORE=sqlite             # without Redis, where the scenario is not about it
```

`make test` runs each of them for some seconds. A run replaces only the rows of the scenarios that it ran.
"""
SOAK = """
## The soak

![The memory of two workers over an hour](soak.svg)
"""


def machine() -> str:
    """What it ran on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, {python}, {redis_version()}"


def redis_version() -> str:
    """The server that the scenarios take."""
    for name, program in server_programs().items():
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        return f"{name.capitalize()} {said.partition('v=')[2].partition(' ')[0]}"
    return "no Redis"


def keep(name: str, outcome: Outcome, seconds: float, store: str) -> None:
    """Put a scenario's outcome in the place of its last one, and write the page anew."""
    file = DOCS / "reliability.json"
    kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    kept[name] = {
        "promise": outcome.promise,
        "figures": outcome.figures,
        "kept": not outcome.problems,
        "seconds": round(seconds),
        "date": datetime.now(UTC).date().isoformat(),
        "store": store,
        "machine": machine(),
    }
    file.write_text(json.dumps(kept, indent=2) + "\n")
    (DOCS / "reliability.md").write_text(page(kept))


def page(kept: dict[str, Any]) -> str:
    """The page for people."""
    machines = sorted({each["machine"] for each in kept.values()})
    ran = f"\nRan on: {'; '.join(machines)}. A busy machine makes figures of speed worse, and nothing less exact.\n"
    soak = SOAK if "soak" in kept and (DOCS / "soak.svg").exists() else ""
    return f"{INTRODUCTION}{ran}\n{table(kept)}{soak}"


def table(kept: dict[str, Any]) -> str:
    """One row a scenario."""
    rows = ["| scenario | promise | reached | kept | date, store, time |", "|---|---|---|---|---|"]
    for name, each in kept.items():
        reached = "; ".join(f"{what}: {told(value)}" for what, value in each["figures"].items())
        when = f"{each['date']}, {each['store']}, {each['seconds']} s"
        rows.append(f"| `{name}` | {each['promise']} | {reached} | {'yes' if each['kept'] else '**no**'} | {when} |")
    return "\n".join(rows) + "\n"


def told(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)
