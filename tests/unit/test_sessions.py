"""The session: a mapping that remembers what was read and what was written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.backends.memory import MemoryBackend
from asok.errors import AsokError
from asok.evicting import evicted, with_room
from asok.sessions import META, Meta, Record, Session, open_session, owner_of, pack

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=10,
)


async def saved(backend: MemoryBackend, session: Session) -> Session:
    assert await backend.commit(session.commit(1.0))
    again = await open_session(backend, session.id)
    assert again is not None
    return again


async def stored(**values: Any) -> tuple[MemoryBackend, Session]:
    backend, session = MemoryBackend(), Session()
    session.update(values)
    return backend, await saved(backend, session)


@given(st.dictionaries(st.text("abc", min_size=1), PLAIN))
async def test_what_is_put_in_comes_out(values: dict[str, Any]) -> None:
    _, session = await stored(**values, always=1)
    assert dict(session) == {**values, "always": 1}


async def test_a_session_that_is_only_read_writes_nothing() -> None:
    _, session = await stored(a=1)
    assert (session["a"], session.get("b"), "b" in session, len(session), list(session)) == (1, None, False, 1, ["a"])
    assert not session.dirty
    assert not Session().dirty


async def test_a_change_inside_a_value_needs_to_be_told() -> None:
    backend, session = await stored(items=[1])
    session["items"].append(2)
    assert not session.dirty
    session.modified = True
    assert (await saved(backend, session))["items"] == [1, 2]


async def test_two_who_read_the_same_key_do_not_both_write_it() -> None:
    backend, session = await stored(n=1)
    one, two = await open_session(backend, session.id), await open_session(backend, session.id)
    assert one is not None and two is not None
    one["n"] += 1
    two["n"] += 1
    assert await backend.commit(one.commit(1))
    assert not await backend.commit(two.commit(1))


async def test_a_key_that_was_looked_for_in_vain_counts_as_read() -> None:
    backend, session = await stored(a=1)
    one, two = await open_session(backend, session.id), await open_session(backend, session.id)
    assert one is not None and two is not None
    one.setdefault("n", 1)
    two.setdefault("n", 2)
    assert await backend.commit(one.commit(1))
    assert not await backend.commit(two.commit(1))


async def test_two_who_write_different_keys_both_do() -> None:
    backend, session = await stored(a=1, b=1)
    one, two = await open_session(backend, session.id), await open_session(backend, session.id)
    assert one is not None and two is not None
    one["a"] = 2
    two["b"] = 2
    assert await backend.commit(one.commit(1))
    again = await saved(backend, two)
    assert dict(again) == {"a": 2, "b": 2}


async def test_a_deleted_key_is_gone_and_may_come_back() -> None:
    backend, session = await stored(a=1, b=2)
    del session["a"]
    assert "a" not in session and list(session) == ["b"]
    with pytest.raises(KeyError):
        del session["a"]
    session = await saved(backend, session)
    assert dict(session) == {"b": 2}
    session["a"] = 3
    assert dict(await saved(backend, session)) == {"a": 3, "b": 2}


async def test_who_has_read_a_key_that_was_deleted_and_came_back_does_not_write_what_follows_from_the_old_one() -> None:
    backend, session = await stored(n=40)
    slow = await open_session(backend, session.id)
    assert slow is not None
    slow["n"] += 1
    del session["n"]
    session = await saved(backend, session)
    session["n"] = 1
    await saved(backend, session)
    assert not await backend.commit(slow.commit(1))


async def test_a_new_id_keeps_the_values_and_ends_the_old_one() -> None:
    backend, session = await stored(a=1)
    old, epoch = session.id, session.meta.epoch
    session.regenerate()
    session["user"] = "ann"
    again = await saved(backend, session)
    assert again.id != old and dict(again) == {"a": 1, "user": "ann"}
    assert again.meta.epoch == epoch + 1
    assert await open_session(backend, old) is None


async def test_a_method_over_a_socket_cannot_give_a_new_id() -> None:
    _, session = await stored(a=1)
    with pytest.raises(AsokError, match="HTTP response"):
        session.over_socket().regenerate()


@pytest.mark.parametrize("wrong", ["", "x", "A" * 42, "A" * 44, "A" * 42 + "\n", "é" * 43, "A" * 43])
async def test_an_id_that_we_did_not_make_opens_nothing(wrong: str) -> None:
    backend, _ = await stored(a=1)
    assert await open_session(backend, wrong) is None


@pytest.mark.parametrize("value", [object(), {1, object()}, "\ud800", 2**70])
def test_a_value_that_cannot_be_stored_is_told_by_its_key(value: Any) -> None:
    session = Session()
    session["thing"] = value
    with pytest.raises(AsokError, match=r"session\['thing'\]"):
        session.changes()


def test_ids_are_long_and_the_store_does_not_know_them() -> None:
    made = {Session().id for _ in range(100)}
    assert len(made) == 100
    assert all(len(each) == 43 and each not in owner_of(each) for each in made)
    assert "hunter2" not in repr(Session())


async def test_evicting_raises_the_watermark_above_all_that_is_forgotten() -> None:
    times = iter(range(1000))
    backend = MemoryBackend(clock=lambda: float(next(times)))
    session = Session()
    first = session.id
    assert await backend.commit(session.commit(1))
    for number in range(8):
        record = Record(1, b"", b"", b"", b"", 100.0 + number, {})
        session.staged = {f"record/{number}": pack(record)}
        opened = await open_session(backend, first)
        assert opened is not None
        opened.staged = session.staged
        assert await backend.commit(opened.commit(1))
    assert await evicted(backend, owner_of(first), Meta(0), 9) == {}
    writes = await evicted(backend, owner_of(first), Meta(0, watermark=5), 8)
    gone = [name for (_, name), value in writes.items() if value is None]
    assert gone == ["record/0", "record/1", "record/2", "tried/0", "tried/1", "tried/2"]
    meta = writes[owner_of(first), META]
    assert meta == pack(Meta(0, watermark=103.0))


async def test_a_record_that_is_written_stays_where_room_is_made_and_the_watermark_rises_over_its_own_meta() -> None:
    backend, session = await stored(n=1)
    owner = owner_of(session.id)
    session.staged = {f"record/{n}": pack(Record(1, b"", b"", b"", b"", 100.0, {})) for n in range(2)}
    session = await saved(backend, session)
    written = {(owner, "record/0"): b"newer", (owner, META): pack(Meta(0))}
    writes = await with_room(backend, owner, session.meta, 2, written)
    assert writes[owner, "record/0"] == b"newer"
    assert writes[owner, META] == pack(Meta(1.0, watermark=101.0))


async def test_a_key_that_went_and_came_back_is_another_though_its_version_is_the_same() -> None:
    backend, session = await stored(n=1, m=1)
    reading, other = await open_session(backend, session.id), await open_session(backend, session.id)
    assert reading is not None and other is not None
    assert reading["n"] == 1
    del other["n"]
    other = await saved(backend, other)
    other["n"] = 5
    newer = await saved(backend, other)
    assert not reading.takes_over(newer)
    reading["n"] = 2
    assert not await backend.commit(reading.commit(1.0))
    assert (await saved(backend, newer))["n"] == 5


async def test_a_session_with_another_id_takes_over_nothing_of_the_old_one() -> None:
    backend, session = await stored(n=1)
    newer = await open_session(backend, session.id)
    assert newer is not None
    session.regenerate()
    assert not session.takes_over(newer)
    assert not Session().takes_over(newer)


async def test_of_a_session_that_has_just_been_given_another_id_nothing_is_evicted() -> None:
    class Leaving(MemoryBackend):
        async def count(self, owner: str, prefix: str) -> int:
            return 8

    writes = await evicted(Leaving(), "gone", Meta(1, watermark=5), 8)
    assert writes == {("gone", META): pack(Meta(1, watermark=5))}
