"""The browser's `apply` makes the same texts out of our deltas as our own."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from asok.diff import Delta, apply, diff

PATCH = Path(__file__).parents[2] / "alive-js" / "src" / "patch.js"

RUN = """
const { apply } = await import(process.argv[1]);
let input = "";
for await (const chunk of process.stdin.setEncoding("utf8")) input += chunk;
console.log(JSON.stringify(JSON.parse(input).map(([text, delta]) => apply(text, delta))));
"""

CRAFTED: list[tuple[str, Delta]] = [
    ("abcdef", []),
    ("abcdef", ["x"]),
    ("abcdef", [2, -2]),
    ("abcdef", [[4], 1, [0], 2, -4]),
    ("abcdef", [[6]]),
    ("abcdef", [6, [0]]),
    ("a🗑b", [3, "👩", -1]),
    ("a🗑b", [[1], 2, [0], 1, -2]),
    ("", ["🗑"]),
]


@pytest.fixture(scope="module")
def node() -> str:
    """The path of Node, which only a developer's own machine may lack."""
    found = shutil.which("node")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("node is missing; this check must run in CI")
        pytest.skip("node is missing")
    if not PATCH.exists():
        pytest.skip("alive-js/src/patch.js is missing")
    return found


def generated(count: int) -> list[tuple[str, str]]:
    """Old and new texts: rows edited, moved, put in and taken out, with characters of all widths."""
    chance = random.Random(11)
    pairs = []
    for _ in range(count):
        signs = chance.choice(["xyz", "xéß", "x€\u0301", "x🗑👩\u200d"])
        rows = [f"<tr><td>{n}</td><td>{''.join(chance.choices(signs, k=12))}</td></tr>\n" for n in range(60)]
        changed = [row for row in rows if chance.random() < 0.9]
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(changed))
            changed[at] = changed[at].replace("</td>", chance.choice(["", "🗑</td>", "é</td>", " more</td>"]), 1)
        if chance.random() < 0.4:
            chance.shuffle(changed)
        pairs.append(("<table>" + "".join(rows) + "</table>", "<table>" + "".join(changed) + "</table>"))
    return pairs


def in_javascript(node: str, cases: list[tuple[str, Delta]]) -> list[str]:
    """What `alive-js/src/patch.js` makes of each text and delta."""
    run = subprocess.run(
        [node, "--input-type=module", "-e", RUN, PATCH.as_uri()],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    texts: list[str] = json.loads(run.stdout)
    return texts


def test_the_browser_makes_the_new_text_out_of_the_old(node: str) -> None:
    pairs = generated(200)
    assert in_javascript(node, [(old, diff(old, new)) for old, new in pairs]) == [new for _, new in pairs]


def test_both_sides_agree_on_every_kind_of_part(node: str) -> None:
    assert in_javascript(node, CRAFTED) == [apply(text, delta) for text, delta in CRAFTED]
