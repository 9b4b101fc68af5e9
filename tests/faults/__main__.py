"""All scenarios at their full figures, or chosen ones: `python -m tests.faults [NAME …]`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from tests.faults import breaking, loads, networks, outages, soak, together
from tests.faults.outcome import Bench, Outcome
from tests.faults.report import DOCS, keep, machine
from tests.faults.vitals import allow_files
from tests.redis_server import server_programs

Scenario = Callable[[Bench], Awaitable[Outcome]]

SCENARIOS: dict[str, Scenario] = {
    "cuts": breaking.cut_at_any_byte,
    "mixed": breaking.mixed_transports,
    "kills": breaking.killed_workers,
    "restarts": breaking.rolling_restarts,
    "all-killed": breaking.all_killed,
    "outages": outages.redis_outages,
    "deaf": outages.deaf_workers,
    "half-open": networks.half_open,
    "slow": networks.slow_network,
    "burst": networks.burst,
    "lost-updates": together.lost_updates,
    "two-tabs": together.two_tabs,
    "order": together.order,
    "storm": loads.reconnect_storm,
    "idle": loads.idle_connections,
    "throughput": loads.throughput,
    "under-fault": loads.throughput_under_fault,
    "soak": soak.soak,
}
MOST_PROBLEMS = 40


async def run(name: str, scenario: Scenario, store: str) -> bool:
    """One scenario, and what is said of it; whether its promise was kept."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"  {name} {time.monotonic() - began:5.0f} s  {text}", flush=True)

    folder = Path(tempfile.mkdtemp(prefix=f"asok-{name}-"))
    try:
        outcome = await scenario(Bench(folder, store, say))
    except Exception as error:
        traceback.print_exc()
        outcome = Outcome("", {}, [f"the scenario itself failed: {error!r}"])
    seconds = time.monotonic() - began
    print(f"{'kept  ' if not outcome.problems else 'BROKEN'} {name}: {outcome.figures}, {seconds:.0f} s", flush=True)
    for problem in outcome.problems[:MOST_PROBLEMS]:
        print(f"    {problem}", flush=True)
    if outcome.promise:
        keep(name, outcome, seconds, store)
        if (drawn := folder / "soak.svg").exists():
            shutil.copy(drawn, DOCS)
    if outcome.problems:
        print(f"    {len(outcome.problems)} problems; what the site has left lies in {folder}", flush=True)
    else:
        shutil.rmtree(folder)
    return not outcome.problems


async def main(names: list[str], store: str, minutes: float) -> int:
    """Run these; 1 where a promise was not kept."""
    allow_files()
    print(machine(), flush=True)
    broken = []
    for name in names:
        scenario = SCENARIOS[name]
        if name == "soak":
            scenario = lambda bench: soak.soak(bench, minutes=minutes)  # noqa: E731
        if not await run(name, scenario, store):
            broken.append(name)
    print(f"{len(names) - len(broken)} of {len(names)} promises kept{': not ' if broken else ''}{', '.join(broken)}")
    return bool(broken)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(SCENARIOS)}")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long the soak takes")
    parser.add_argument("--store", choices=["redis", "sqlite"], default="redis" if server_programs() else "sqlite")
    given = parser.parse_args()
    if unknown := set(given.names) - set(SCENARIOS):
        parser.error(f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    sys.exit(uvloop.run(main(given.names or list(SCENARIOS), given.store, given.minutes)))
