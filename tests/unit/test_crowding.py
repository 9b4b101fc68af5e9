"""How many connect: of a worker, a session and an address, and how many at once; the others are told when to return."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
import websockets
from hypothesis import given
from hypothesis import strategies as st

from asok import Component, Limits, exposed
from asok.admission import Admission
from asok.crowding import Bucket, Crowd, Crowded, counted_address
from asok.crowding import Visitor as Sender
from tests.rig import Tab, Visitor, asok_app, rig
from tests.unit.waiting import until

ONE = {"/": "{{ component('CountedHere') }}"}
GOOGLE, QUAD9, HOME = "8.8.8.8", "9.9.9.9", "192.168.1.7"


class CountedHere(Component):
    count = 0
    template = "<p>{{ count }}</p>"

    @exposed
    def add(self) -> None:
        self.count += 1


@pytest.fixture(autouse=True)
def the_proxy_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)


async def knock(visitor: Visitor, address: str = "") -> Tab | tuple[int, int]:
    """A socket, or the status and the seconds with which it was refused."""
    headers = {"Cookie": f"asok={visitor.cookie}"} if visitor.cookie else {}
    headers |= {"X-Forwarded-For": address} if address else {}
    connecting = websockets.connect(
        visitor.rig.base.replace("http", "ws") + "/live",
        origin=websockets.Origin(visitor.rig.base),
        additional_headers=headers,
        compression=None,
        proxy=None,
        close_timeout=1,
    )
    try:
        return Tab(await visitor.rig.closing.enter_async_context(connecting))
    except websockets.InvalidStatus as error:
        return error.response.status_code, int(error.response.headers.get("retry-after", "0"))


def refused(answer: Tab | tuple[int, int]) -> bool:
    """Whether it was, with a status and a time that tell what to do."""
    return isinstance(answer, tuple) and answer[0] == 503 and 1 <= answer[1] <= 60


async def opened(answer: Tab | tuple[int, int]) -> Tab:
    assert isinstance(answer, Tab), answer
    return answer


async def let_in(visitor: Visitor, address: str = "") -> Tab:
    """The socket of one who comes again until there is room."""
    async with asyncio.timeout(20):
        while isinstance(answer := await knock(visitor, address), tuple):  # as a browser does it
            assert refused(answer)
            await asyncio.sleep(0.02)
    return answer


async def test_t46_a_session_has_so_many_connections_and_one_that_leaves_makes_room(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE, limits=Limits(session_connections=2))) as served:
        visitor, other = await served.visitor(), await served.visitor()
        page, _ = await visitor.open(), await other.open()
        first, _ = await opened(await knock(visitor)), await opened(await knock(visitor))
        assert refused(await knock(visitor))
        await opened(await knock(other))
        await first.socket.close()
        tab = await let_in(visitor)
        await tab.join(page.tokens, page.csrf)
        assert await tab.text_after("add") == "<p>1</p>"


async def test_t46_a_public_address_has_so_many_connections_and_a_private_one_any_number(tmp_path: Path) -> None:
    limits = Limits(address_connections=2, connects_per_second=0)
    async with rig(asok_app(tmp_path, ONE, limits=limits)) as served:
        visitor = await served.visitor()
        for _ in range(2):
            await opened(await knock(visitor, GOOGLE))
        assert refused(await knock(visitor, GOOGLE))
        await opened(await knock(visitor, QUAD9))
        for _ in range(5):
            await opened(await knock(visitor, HOME))
            await opened(await knock(visitor))


async def test_t43_so_many_new_connections_of_one_address_come_in_a_second(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE, limits=Limits(connects_per_second=3))) as served:
        visitor = await served.visitor()
        answers = [await knock(visitor, GOOGLE) for _ in range(12)]
        assert not refused(answers[0])
        assert sum(map(refused, answers)) >= 3
        await opened(await knock(visitor, QUAD9))
        await let_in(visitor, GOOGLE)


async def test_t27_what_a_stranger_says_of_addresses_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.1")
    async with rig(asok_app(tmp_path, ONE, limits=Limits(address_connections=1))) as served:
        visitor = await served.visitor()
        for _ in range(3):
            await opened(await knock(visitor, GOOGLE))


async def test_t46_a_worker_has_so_many_connections(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE, limits=Limits(connections=2))) as served:
        visitor = await served.visitor()
        tabs = [await opened(await knock(visitor)) for _ in range(2)]
        assert refused(await knock(visitor))
        assert (await visitor.http.get("/")).status_code == 200
        for tab in tabs:
            await tab.socket.close()
        await let_in(visitor)


async def test_t46_the_server_says_how_many_where_the_settings_do_not(tmp_path: Path) -> None:
    for limits, room in ((Limits(), 1), (Limits(connections=2), 2)):
        app = asok_app(tmp_path, ONE, limits=limits)
        app.limit_connections(1)
        async with rig(app) as served:
            visitor = await served.visitor()
            answers = [await knock(visitor) for _ in range(3)]
            assert [refused(answer) for answer in answers] == [False] * room + [True] * (3 - room)


async def test_t46_a_refused_or_broken_handshake_keeps_no_place(tmp_path: Path) -> None:
    app = asok_app(tmp_path, ONE, limits=Limits(connections=2))
    async with rig(app) as served:
        visitor = await served.visitor()
        for origin in ("https://evil.test", "null"):
            with pytest.raises(websockets.InvalidStatus):
                await visitor.connect(origin=origin)
        assert await (await visitor.connect(cookie="A" * 43)).closed() == 4401
        await until(lambda: not app._engine.crowd.size)


async def test_t47_more_joins_than_a_worker_takes_wait_their_turn_or_are_told_to_return(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asok.crowding.LONGEST_QUEUE", 0.5)
    crowd, came, sent_away = Crowd(Limits(joins_per_second=100)), list[int](), list[int]()

    async def join(number: int) -> None:
        try:
            await crowd.turn()
            came.append(number)
        except Crowded as error:
            assert error.retry_after >= 1
            sent_away.append(number)

    await asyncio.gather(*(join(number) for number in range(200)))
    assert came == sorted(came)
    assert 60 <= len(came) <= 80  # a fifth of a second's at once, and half a second's that wait
    assert sent_away == list(range(len(came), 200))


async def test_t47_a_socket_that_must_wait_for_its_turn_opens_all_the_same(tmp_path: Path) -> None:
    async with rig(asok_app(tmp_path, ONE, limits=Limits(joins_per_second=5))) as served:
        visitor = await served.visitor()
        answers = await asyncio.gather(*(knock(visitor) for _ in range(60)))
        assert 8 <= sum(isinstance(each, Tab) for each in answers) < 60
        assert all(refused(each) for each in answers if not isinstance(each, Tab))


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        (None, ""), ("127.0.0.1", ""), ("10.1.2.3", ""), ("100.64.0.1", ""), ("169.254.0.1", ""), ("::1", ""),
        ("fe80::1%eth0", ""), ("fd00::1", ""), ("testclient", ""), ("", ""), ("8.8.8.8", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"), ("::ffff:10.0.0.1", ""), ("2a00:1450::1", "2a00:1450::/64"),
        ("2a00:1450::ffff:1", "2a00:1450::/64"), ("2a00:1450:0:1::1", "2a00:1450:0:1::/64"),
    ],
)  # fmt: skip
def test_an_address_counts_where_it_tells_visitors_apart(client: str | None, counted: str) -> None:
    assert counted_address({"client": None if client is None else (client, 1)}) == counted


@given(
    st.lists(st.floats(0, 2), min_size=1, max_size=200),
    st.floats(0.5, 500),
    st.integers(1, 50),
)
def test_a_bucket_never_lets_more_through_than_its_rate_and_burst(pauses: list[float], rate: float, burst: int) -> None:
    bucket, now, taken = Bucket(), 100.0, list[float]()
    for pause in pauses:
        now += pause
        wait = bucket.take(rate, burst, now)
        if wait:
            assert bucket.take(rate, burst, now + wait + 1e-6) == 0
            now += wait + 1e-6
        taken.append(now)
    for start in range(0, len(taken), 7):
        for count, end in enumerate(taken[start:], 1):
            assert count <= burst + (end - taken[start]) * rate + 1.01


async def test_what_a_session_has_spent_is_remembered_when_it_returns_and_forgotten_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asok.crowding.REMEMBERED", 0.02)
    crowd = Crowd(Limits(events_per_second=20, burst=4))
    with crowd.enter({}) as seat:
        seat.belongs_to("somebody")
        for _ in range(4):
            crowd.admit_event("somebody", {})
    with pytest.raises(Crowded):
        crowd.admit_event("somebody", {})
    assert crowd.size == 0
    await until(lambda: not crowd.remembered)


async def test_a_session_in_debt_is_looked_at_once_in_a_while_however_often_it_came_and_went(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crowd, looks = Crowd(Limits(events_per_second=1, burst=100)), list[str]()
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", lambda _, look, owner, *rest: looks.append(owner))
    for _ in range(30):
        with crowd.enter({}) as seat:
            seat.belongs_to("somebody")
            crowd.admit_event("somebody", {})
    assert looks == ["somebody"]


async def test_a_test_that_moves_the_time_holds_nobody_up_later(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd, admission = Crowd(Limits()), Admission(Limits(), Sender())
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: 2e9)
        await crowd.turn()
        assert admission.delay() == 0
    await crowd.turn()
    assert admission.delay() == 0 and admission.count() == 0
