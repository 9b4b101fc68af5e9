"""RFC 6455 by the Autobahn cases: asok answers each as bare uvicorn does, and its endpoint survives them all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import kosoku
import pytest
import websockets

from tests.protocol.fuzzed import echo
from tests.rig import Rig, rig
from tests.unit.commands import Running, running

APP = Path(__file__).with_name("fuzzed.py")
# What a message above 64 KiB does is asok's own, so those cases run with a larger limit.
SMALL = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
LARGE = ["7.1.6", "9.*"]
DEFLATE = ["12.1.*", "13.1.*"]
ALL = bool(os.environ.get("ASOK_FAULTS_FULL"))
CASES = 247
Verdict = tuple[str, str, int | None]
# What may stand in a close frame of ours, or of uvicorn below us; None where the browser's side went first.
CODES = {None, 1000, 1002, 1003, 1007, 1009, 4400}
# A good message comes before a bad frame: whether its echo still goes out hangs on whether both come in one packet.
BEFORE_A_FAULT = ("3.", "4.1.", "4.2.", "5.15")
# Here the case closes, and is answered with its own code.
THEIR_CODES = ("7.7.", "7.9.", "7.13.")


async def verdicts(url: str, cases: list[str], *without: str) -> dict[str, Verdict]:
    """How each case ended: what was answered, how it was closed, and with which code."""
    try:
        results = await kosoku.run_fuzzingclient(url, cases, without or None, 4)
    except kosoku.FailureError as failure:
        results = failure.results
    return {each.case_id: (behavior(each), each.behavior_close.value, each.remote_close_code) for each in results}


def behavior(result: Any) -> str:
    """How it was answered, where that hangs on the server alone."""
    answered = str(result.behavior.value)
    return "OK" if answered == "NON-STRICT" and result.case_id.startswith(BEFORE_A_FAULT) else answered


@pytest.fixture(scope="module")
async def asok_run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """`asok run`, with an echo beside the app."""
    folder = tmp_path_factory.mktemp("fuzzed")
    async with running("run", str(APP), cwd=folder) as server:
        await server.announces()
        yield server


@pytest.fixture(scope="module")
async def bare() -> AsyncIterator[Rig]:
    """uvicorn alone, with the same echo."""
    async with rig(echo, ws="websockets-sansio") as served:
        yield served


def address(url: str, path: str) -> str:
    return url.replace("http://", "ws://") + path


async def test_each_case_has_the_verdict_that_bare_uvicorn_gets(asok_run: Running, bare: Rig) -> None:
    ours = await verdicts(address(asok_run.url, "/echo/"), SMALL, *LARGE)
    theirs = await verdicts(address(bare.base, "/"), SMALL, *LARGE)
    # A close in the middle of a message: ours answers it, as section 5.4 asks for; uvicorn's calls it an error.
    assert (ours.pop("7.1.5")[0], theirs.pop("7.1.5")[0]) in {("OK", "FAILED"), ("OK", "OK")}
    assert ours == theirs
    assert len(ours) == CASES - 2
    assert not [name for name, verdict in ours.items() if verdict[0] == "FAILED"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the cases leave files open
@pytest.mark.skipif(not ALL, reason="the large messages take as long as all others; `make faults` runs them")
@pytest.mark.parametrize("cases", [LARGE, DEFLATE], ids=["large", "deflate"])
async def test_large_and_compressed_messages_have_those_verdicts_too(
    asok_run: Running, bare: Rig, tmp_path: Path, cases: list[str]
) -> None:
    async with running("run", str(APP), cwd=tmp_path, env={"FUZZED_MESSAGE": str(16 * 2**20)}) as large:
        await large.announces()
        ours = await verdicts(address(large.url, "/echo/"), cases)
    assert ours == await verdicts(address(bare.base, "/"), cases)
    answers = Counter(verdict[0] for verdict in ours.values())
    assert set(answers) <= ({"OK", "INFORMATIONAL"} if cases is LARGE else {"UNIMPLEMENTED"}), answers


@pytest.mark.parametrize("path", ["/live", "/joined"])
async def test_the_endpoint_survives_every_case_and_says_why_it_ends_it(asok_run: Running, path: str) -> None:
    said = len(asok_run.said)
    ended = await verdicts(address(asok_run.url, path), SMALL)
    assert len(ended) == CASES
    assert {verdict[2] for name, verdict in ended.items() if not name.startswith(THEIR_CODES)} <= CODES
    assert not [name for name, verdict in ended.items() if verdict[0] == "ERROR"]
    # A binary message, an empty one and a text are each told what they are.
    assert [ended[name][2] for name in ("1.2.2", "1.1.1", "1.1.2", "6.4.1")] == [1003, 4400, 4400, 1007]
    log = asok_run.said[said:]
    assert "Traceback" not in log
    assert "ERROR" not in log
    async with websockets.connect(address(asok_run.url, "/live"), proxy=None) as honest:
        await honest.send('["join",1,"","tab",[]]')
        await honest.send('["ping"]')
        answers: list[Any] = [await honest.recv() for _ in range(2)]
    assert answers == ['["joined",""]', '["pong"]']
