"""What Redis says is understood in whatever pieces it comes, and what is said to it stays what it is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.backends.resp import ErrorReply, Replies, command
from tests.unit.effort import lines_run

words = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))
replies: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.binary() | words.map(ErrorReply), lambda inner: st.lists(inner, max_size=4)
)


def said(reply: Any) -> bytes:
    """As a Redis says it."""
    match reply:
        case None:
            return b"$-1\r\n"
        case ErrorReply(text):
            return b"-%b\r\n" % text.encode()
        case int():
            return b":%d\r\n" % reply
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
    return b"*%d\r\n%b" % (len(reply), b"".join(map(said, reply)))


@given(st.lists(replies, max_size=4), st.lists(st.integers(0, 200)))
def test_replies_are_the_same_in_any_pieces(expected: list[Any], cuts: list[int]) -> None:
    whole, parser, found = b"".join(map(said, expected)), Replies(), []
    edges = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    for begin, end in pairwise(edges):
        found += parser.feed(whole[begin:end])
    assert found == expected


@given(st.lists(st.binary() | words, min_size=1))
def test_a_command_is_its_words_whatever_they_hold(parts: list[bytes | str]) -> None:
    assert Replies().feed(command(parts)) == [[part if isinstance(part, bytes) else part.encode() for part in parts]]


@pytest.mark.parametrize(
    "bytes_", [b"HTTP/1.1", b":x\r\n", b"$x\r\n", b"*\r\n", b"\x00", b"+" * 2**16, b"+" * 2**16 + b"\r\n"]
)
def test_what_no_redis_says_is_refused(bytes_: bytes) -> None:
    with pytest.raises(ValueError):
        Replies().feed(bytes_)


def test_a_long_value_is_put_together_once_and_not_for_each_piece() -> None:
    whole, found = said(b"x" * 2_000_000), list[Any]()
    pieces = [whole[at : at + 4096] for at in range(0, len(whole), 4096)]
    parser = Replies()

    def feed() -> None:
        for piece in pieces:
            found.extend(parser.feed(piece))

    assert lines_run(feed) < 8 * len(pieces)
    assert [len(value) for value in found] == [2_000_000]
