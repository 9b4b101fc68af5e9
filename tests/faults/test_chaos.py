"""The bad network does what it says, and the oracle sees what is wrong: otherwise nothing here proves anything."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.chaos import Chaos, Fate, Weather, chaos
from tests.faults.ledger import Account, Tally, compare, read_tally

PATIENCE = 60


@asynccontextmanager
async def echo(weather: Weather) -> AsyncIterator[tuple[Chaos, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection through a bad network to a server that says what it hears, up to a full stop."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
                if data.endswith(b"."):
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, chaos(server.sockets[0].getsockname()[1], weather=weather) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        async with asyncio.timeout(PATIENCE):
            yield proxy, reader, writer
        writer.close()


async def test_a_connection_ends_at_the_byte_that_was_said() -> None:
    async with echo(lambda _: Fate(down=3, reset=False)) as (proxy, reader, writer):
        writer.write(b"hello")
        assert (await reader.read(-1), proxy.ended) == (b"hel", 1)


async def test_a_reset_is_one() -> None:
    async with echo(lambda _: Fate(up=3)) as (_, reader, writer):
        writer.write(b"hello")
        with pytest.raises(ConnectionResetError):
            await reader.read(-1)


async def test_bytes_take_their_time_and_arrive_before_the_news_of_the_end() -> None:
    async with echo(lambda _: Fate(delay=0.1, rate=100)) as (_, reader, writer):
        began = asyncio.get_running_loop().time()
        writer.write(b"hello there.")
        assert await reader.read(-1) == b"hello there."
        assert asyncio.get_running_loop().time() - began >= 0.4


async def test_in_a_hole_everything_vanishes_and_a_later_connection_passes() -> None:
    async with echo(lambda _: Fate()) as (proxy, reader, writer):
        writer.write(b"a")
        assert await reader.read(1) == b"a"
        proxy.open_hole()
        writer.write(b"b")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.read(1)
        proxy.close_hole(forget=False)
        assert await reader.read(1) == b"b"


GOOD = Account("p1", told=3, settled=3, refused=0, shown=Tally(3, 3), stored=Tally(3, 3))


@pytest.mark.parametrize(
    ("account", "wrong"),
    [
        (GOOD, ""),
        (Account("p1", 3, 2, 0, Tally(2, 2), Tally(2, 2)), "1 of 3 events were never answered"),
        (Account("p1", 3, 3, 0, Tally(2, 2), Tally(2, 2)), "2 applied, 3 acknowledged"),
        (Account("p1", 3, 3, 0, Tally(4, 3, 0, 1), Tally(4, 3, 0, 1)), "4 applied, 3 acknowledged"),
        (Account("p1", 3, 3, 0, Tally(3, 3, 1, 1), Tally(3, 3, 1, 1)), "1 doubles or inversions, 1 gaps"),
        (Account("p1", 3, 3, 0, Tally(2, 2), Tally(3, 3)), "the page shows"),
        (Account("p1", 3, 3, 1, Tally(2, 3, 1), Tally(2, 3, 1)), ""),
    ],
)
def test_the_oracle_sees_what_is_not_exact(account: Account, wrong: str) -> None:
    found = compare(account)
    assert bool(found) == bool(wrong)
    assert wrong in "\n".join(found)


def test_the_oracle_sees_what_never_reached_the_world() -> None:
    assert compare(GOOD, Counter([1, 2, 2, 3])) == []
    assert compare(GOOD, Counter([1, 3])) == ["p1: acknowledged without an effect outside: [2]"]


def test_a_text_that_was_put_together_wrongly_is_no_tally() -> None:
    with pytest.raises(ValueError, match="wrongly"):
        read_tally("<b>count=3</b><i>last=3 gaps=0</i><i>doubles=0</i><u>check=7</u>")
