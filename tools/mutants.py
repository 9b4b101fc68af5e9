"""Takes out each defence of asok in turn and reports which tests notice: `make mutants`.

The checkout is never touched: two copies of it lie in a temporary folder, and the tests import the package from
there. Exits with 1 where a defence is missed by nobody, or where the table does not fit the sources any more.

    python tools/mutants.py [part of a name …]
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.mutants.defences import DEFENCES, Defence  # noqa: E402  # this script is started by its path

T = TypeVar("T")
WORKERS = 2
SECONDS = 120
NOT_COPIED = shutil.ignore_patterns("__pycache__", "node_modules", ".*", "dist", "test-results")
COPIED = ("asok", "templates", "tests", "examples", "docs", "alive-js")
FAILED = 1  # pytest: tests ran, and some failed
WHERE = "import asok; print(asok.__file__)"


class Copy:
    """A copy of the checkout, in which one defence at a time is missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=NOT_COPIED)
        for name in ("pyproject.toml", "Makefile", "README.md", "CHANGELOG.md"):
            if (ROOT / name).exists():
                shutil.copy(ROOT / name, folder / name)
        if (ROOT / "alive-js" / "node_modules").is_dir():
            (folder / "alive-js" / "node_modules").symlink_to(ROOT / "alive-js" / "node_modules")
        found = self._python("-c", WHERE).stdout.strip()
        if Path(found) != folder / "asok" / "__init__.py":
            raise SystemExit(f"the tests would import {found} instead of the copy in {folder}")

    def _python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # What was compiled before is of the defended sources; two changes of one size within a second look alike.
        env = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        command = (sys.executable, *arguments)
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=SECONDS)

    def test(self, tests: tuple[str, ...]) -> tuple[int, str]:
        """pytest's exit code, and the name of the first test that failed."""
        done = self._python("-m", "pytest", "-q", "-x", "--no-header", "--timeout=60", "-p", "no:cacheprovider", *tests)
        failed = [line.split(" ", 1)[1] for line in done.stdout.splitlines() if line.startswith("FAILED ")]
        words = failed[0].split(" - ")[0] if failed else done.stdout.strip().rpartition("\n")[2]
        return done.returncode, words

    def without(self, defence: Defence) -> Result:
        """What the tests say while the defence is missing."""
        file, began = self.folder / defence.file, time.monotonic()
        defended = file.read_text("utf-8")
        try:
            file.write_text(defence.taken_out(defended), "utf-8")
            code, words = self.test(defence.tests)
        except ValueError as error:
            return Result(defence, False, f"the table is outdated: {error}", 0)
        except subprocess.TimeoutExpired:
            code, words = FAILED, f"nothing ended within {SECONDS} s"
        finally:
            file.write_text(defended, "utf-8")
        return Result(defence, code == FAILED, words, time.monotonic() - began)


@dataclass(frozen=True)
class Result:
    """Whether a missing defence was noticed. words: by which test, or what pytest said instead."""

    defence: Defence
    noticed: bool
    words: str
    seconds: float

    def __str__(self) -> str:
        sign = "noticed" if self.noticed else "MISSED "
        return f"{sign} {self.seconds:5.1f} s  {self.defence.name:60} {self.words.rpartition('::')[2]}"


def run(chosen: list[Defence], folder: Path) -> Iterator[Result]:
    """Each defence in turn, two at a time."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for number in range(WORKERS):
        free.put(Copy(folder / str(number)))

    def borrowing(work: Callable[[Copy], T]) -> T:
        copy = free.get()
        try:
            return work(copy)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(WORKERS) as pool:
        # A test that fails anyway notices nothing.
        whole = merged(chosen)
        for tests, (code, words) in zip(
            whole, pool.map(lambda each: borrowing(lambda c: c.test(each)), whole), strict=True
        ):
            if code:
                raise SystemExit(f"with all defences in their places: pytest {shlex.join(tests)}: {words}")
        yield from pool.map(lambda defence: borrowing(lambda copy: copy.without(defence)), chosen)


def merged(chosen: list[Defence]) -> list[tuple[str, ...]]:
    """The tests of all these defences, one run a file."""
    names: dict[str, set[str]] = {}
    for defence in chosen:
        file, *rest = defence.tests
        names.setdefault(file, set()).add(rest[1] if rest else "")
    return [(file, *(() if "" in found else ("-k", " or ".join(sorted(found))))) for file, found in names.items()]


PAGE = """# Defences, taken out

Each line is a defence of asok that `make mutants` has taken out of a copy of the package, and the first test that
failed without it. The table is `tests/mutants/defences.py`; what the tests are about stands in [security](security.md).

{said}

{table}
"""


def table(results: list[Result]) -> str:
    """The results as a Markdown table."""
    lines = ["| taken out | noticed by |", "| --- | --- |"]
    for each in results:
        by = f"`{each.words.rpartition('::')[2].partition('[')[0]}`" if each.noticed else f"**nobody**: {each.words}"
        lines.append(f"| {each.defence.name} | {by} |")
    return "\n".join(lines)


def main() -> int:
    """Run, print, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", help="only defences whose name has one of these in it")
    parser.add_argument("--page", dest="table", type=Path, help="write the results there, as Markdown")
    given = parser.parse_args()
    chosen = [each for each in DEFENCES if not given.names or any(name in each.name for name in given.names)]
    began, results = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for result in run(chosen, Path(folder)):
            results.append(result)
            print(result, flush=True)
    missed = [each for each in results if not each.noticed]
    said = f"{len(results) - len(missed)} of {len(results)} noticed in {time.monotonic() - began:.0f} s"
    print(said)
    if given.table:
        when = f"{datetime.date.today()}, CPython {platform.python_version()}, {os.cpu_count()} cores: {said}."
        given.table.write_text(PAGE.format(said=when, table=table(results)), "utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
