"""What strangers may say on the channel of our bus, and what becomes of it."""

from __future__ import annotations

import logging

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.backends.redis_said import Forged, Said, Seal
from asok.state import KeyRing
from tests.redis_server import RedisServer
from tests.rig import KEY
from tests.unit.redis_ears import by_hand, channel_of, opened, settled

OLD = "another-k3y-0f-T3sts_only-ABCDEFGHIJKLMNOPQRSTUVWXYZ"


# --- strangers on the same Redis


def forged(redis_url: str, said: Said) -> bytes:
    """What somebody with another key says."""
    return Seal(KeyRing([OLD]), channel_of(redis_url)).seal(said)


async def test_t55_what_another_application_says_on_our_channel_is_dropped_counted_and_said_once(
    redis_url: str, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    said = Said("f" * 16, 1, True, "words", b"forged")
    with by_hand(redis) as stranger:
        async with opened(redis_url) as ear, opened(redis_url) as other:
            lies = [
                b"",
                b"garbage",
                b"\xff" * 100,
                b"\x92\x90\xc4\x00",
                msgspec.msgpack.encode(said),
                forged(redis_url, said),
            ]
            with caplog.at_level(logging.WARNING, "asok"):
                for lie in [*lies, b"x" * (8 << 20)]:
                    stranger.publish(channel_of(redis_url), lie)
                other.bus.publish("words", b"true")
                await ear.hears("true")
            assert (ear.bus.dropped, ear.gaps) == (7, 0)
            assert caplog.text.count("dropped what others say") == 2, "once by each bus"


async def test_t55_what_was_said_cannot_be_said_again_nor_elsewhere(redis_url: str, redis: RedisServer) -> None:
    with by_hand(redis) as stranger, stranger.pubsub() as tape:
        tape.subscribe(channel_of(redis_url))
        async with opened(redis_url) as ear, opened(redis_url) as other, opened(f"{redis_url}2") as shop:
            for word in (b"1", b"2"):
                other.bus.publish("words", word)
            await ear.hears("1", "2")
            recorded: list[bytes] = []
            while len(recorded) < 4:  # the two words, and what both have said when they started
                message = tape.get_message(ignore_subscribe_messages=True, timeout=5)
                recorded += [message["data"]] if message else []
            for frame in recorded:
                stranger.publish(channel_of(redis_url), frame)
                stranger.publish(channel_of(f"{redis_url}2"), frame)
            other.bus.publish("words", b"3")
            await ear.hears("1", "2", "3")
            shop.bus.publish("words", b"own")
            await shop.hears("own")
            await settled(lambda: shop.bus.dropped == len(recorded))
            assert ear.bus.dropped == 0


async def test_apps_with_prefixes_or_databases_of_their_own_do_not_hear_each_other(
    redis: RedisServer, redis_url: str
) -> None:
    async with (
        opened(redis_url) as one,
        opened(redis_url.replace("/0?", "/1?")) as two,
        opened(f"{redis_url}2") as three,
    ):
        for number, ear in enumerate((one, two, three)):
            ear.bus.publish("words", b"%d" % number)
        async with opened(redis_url) as again:
            for ear in (one, two, three):
                ear.bus.publish("words", b"end")
            await again.hears("end")
        assert [ear.words for ear in (one, two, three)] == [["0", "end"], ["1", "end"], ["2", "end"]]
        assert [ear.bus.dropped for ear in (one, two, three)] == [0, 0, 0]


async def test_a_rotation_of_keys_goes_unnoticed_while_workers_are_replaced_one_by_one(redis_url: str) -> None:
    async with opened(redis_url, OLD) as old, opened(redis_url, KEY, OLD) as new:
        old.bus.publish("words", b"from the old")
        await new.hears("from the old")
        new.bus.publish("words", b"from the new")
        await old.hears("from the old", "from the new")
        async with opened(redis_url, KEY) as newest:
            newest.bus.publish("words", b"from the newest")
            await new.until(lambda: new.words[-1] == "from the newest")
            await settled(lambda: old.bus.dropped == 2)  # with what it says when it starts


SAID = st.builds(Said, st.text(), st.integers(1, 1 << 60), st.booleans(), st.text(), st.binary(max_size=500))


@given(SAID, st.data())
def test_a_seal_passes_what_was_said_and_nothing_else(said: Said, data: st.DataObject) -> None:
    seal = Seal(KeyRing([KEY]), "asok:bus:0")
    frame = bytearray(seal.seal(said))
    assert seal.unseal(bytes(frame)) == said
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Forged):
        seal.unseal(bytes(frame))
    with pytest.raises(Forged):
        seal.unseal(data.draw(st.binary(max_size=200)))
