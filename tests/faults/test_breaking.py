"""What `make faults` does at full size, small: things break, and the oracle finds everything exact."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults import breaking, loads, networks, outages, soak, together
from tests.faults.outcome import Bench, Outcome
from tests.redis_server import server_programs

REDIS = pytest.param("redis", marks=pytest.mark.skipif(not server_programs(), reason="no Redis here"))
both = pytest.mark.parametrize("bench", ["sqlite", REDIS], indirect=True)
over_redis = pytest.mark.parametrize("bench", [REDIS], indirect=True)


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    return Bench(tmp_path, getattr(request, "param", "sqlite"))


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """A bench whose site goes on, for what breaks only networks."""
    folder = tmp_path_factory.mktemp("shared")
    async with Bench(folder / "site", "redis" if server_programs() else "sqlite").site() as site:
        yield Bench(folder, running=site)


def exact(outcome: Outcome) -> None:
    assert not outcome.problems, "\n".join(outcome.problems)
    assert outcome.figures["events"]


@both
async def test_r01_no_event_is_lost_or_doubled_by_connections_cut_at_any_byte(bench: Bench) -> None:
    exact(await breaking.cut_at_any_byte(bench, number=100, clients=20, most=1800, every=0.05))


async def test_r25_persons_change_between_the_transports_and_nothing_is_lost_or_doubled(shared: Bench) -> None:
    exact(await breaking.mixed_transports(shared, changes=60, clients=15, most=4000, every=0.1, pause=2))


@both
async def test_r04_no_event_is_lost_or_doubled_by_killed_workers(bench: Bench) -> None:
    exact(await breaking.killed_workers(bench, kills=2, clients=20, pause=1, every=0.1, promised=15))


async def test_r05_all_workers_are_killed_and_nothing_acknowledged_is_gone(bench: Bench) -> None:
    exact(await breaking.all_killed(bench, rounds=1, clients=20, every=0.1, promised=30))


@over_redis
async def test_r06_workers_are_renewed_under_load_and_no_page_reloads(bench: Bench) -> None:
    exact(await breaking.rolling_restarts(bench, restarts=1, clients=20, every=0.1))


@over_redis
async def test_r11_events_wait_until_redis_is_back(bench: Bench) -> None:
    exact(await outages.redis_outages(bench, outages=3, seconds=1, clients=10, promised=15))


@over_redis
async def test_r13_workers_that_did_not_hear_of_a_change_show_it_all_the_same(bench: Bench) -> None:
    exact(await outages.deaf_workers(bench, kills=8, boards=6, promised=10))


async def test_r02_connections_from_which_packets_vanish_are_given_up_and_events_go_again(shared: Bench) -> None:
    exact(await networks.half_open(shared, rounds=1, clients=10, promised=15))


async def test_r24_a_slow_network_keeps_the_order(shared: Bench) -> None:
    exact(await networks.slow_network(shared, seconds=2, clients=5, every=0.3, promised=15))


async def test_r18_a_burst_is_answered_to_the_last_event(shared: Bench) -> None:
    exact(await networks.burst(shared, events=200))


async def test_r17_two_tabs_of_a_session_lose_no_update_of_each_other(shared: Bench) -> None:
    outcome = await together.lost_updates(shared, events=60)
    assert not outcome.problems, "\n".join(outcome.problems)


async def test_r16_what_one_tab_writes_the_others_show(shared: Bench) -> None:
    exact(await together.two_tabs(shared, rounds=10, promised=10))


async def test_r15_events_keep_their_order_over_broken_connections(shared: Bench) -> None:
    exact(await together.order(shared, seconds=3, clients=20))


async def test_r19_after_a_storm_all_are_live_again(shared: Bench) -> None:
    exact(await loads.reconnect_storm(shared, clients=60, stayers=10, rounds=1, calm=1, promised=30))


async def test_r20_an_idle_connection_costs_little(bench: Bench) -> None:
    outcome = await loads.idle_connections(bench, connections=200, seconds=1, most=120, beats=1)
    assert not outcome.problems, "\n".join(outcome.problems)


async def test_r22_throughput_does_not_collapse_while_things_break(bench: Bench) -> None:
    exact(await loads.throughput_under_fault(bench, clients=20, rate=40, seconds=6, pause=2, share=0.3))


@over_redis
async def test_r23_people_come_and_go_and_leave_nothing_behind(bench: Bench) -> None:
    exact(await soak.soak(bench, minutes=0.05, clients=20, rate=40, churn=4, every=1))
    assert (bench.folder / "soak.svg").read_text().startswith("<svg")
