"""Tokens: what we sealed comes back, and nothing else does."""

from __future__ import annotations

import hmac
import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous.encoding import base64_encode

from asok.errors import ResetNeeded, TokenError
from asok.settings import Limits
from asok.state import KeyRing, Mount, Token, coarse, digest, instance_of, seal, token_change, unseal

NOW = 1_700_000_000.0
LIMITS = Limits()
RING = KeyRing(["key one of the tests, 32 bytes long"])
OTHER = KeyRing(["key two of the tests, 32 bytes long"])
INSTANCE = "AAAAbbbb-_09"


def token(**changes: object) -> Token:
    made = Token(
        INSTANCE, "Counter", b"schm", b"b" * 24, 0, "slot", b"argu", Mount("/", "/"), int(NOW), False, coarse(NOW),
        b"\x81\xa5count\x01", 3, b"rendered",
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


TEXT = seal(token(), RING)
PLAIN = string.ascii_letters + string.digits + "-_.=+/!\n \x00é"


def test_a_sealed_token_comes_back() -> None:
    assert unseal(TEXT, RING, LIMITS, NOW) == token()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_mac_is_hmac_sha_256_of_a_key_for_its_purpose(master: str, text: str) -> None:
    ring = KeyRing([master])
    key = hmac.digest(master.encode(), b"asok bind", "sha256")
    assert ring.mac("bind", text) == base64_encode(hmac.digest(key, text.encode(), "sha256")).decode()
    key = hmac.digest(master.encode(), b"asok state", "sha256")
    signed, _, mac = ring.sign(INSTANCE, base64_encode(text).decode()).rpartition(".")
    assert mac == base64_encode(hmac.digest(key, signed.encode(), "sha256")).decode()


def test_a_token_of_an_older_release_stood_in_no_other_component() -> None:
    names = Token.__struct_fields__
    older = msgspec.structs.astuple(token(path="CCCCdddd-_11"))[: names.index("path")]
    text = RING.sign(INSTANCE, base64_encode(msgspec.msgpack.encode(older)).decode())
    assert unseal(text, RING, LIMITS, NOW) == token(path="")


def test_the_browser_reads_the_instance_before_the_first_dot() -> None:
    assert TEXT.split(".")[0] == INSTANCE == instance_of(TEXT)
    assert len(TEXT.split(".")) == 4


@given(st.integers(0, len(TEXT) - 1), st.sampled_from(PLAIN))
def test_a_changed_character_is_refused(place: int, character: str) -> None:
    changed = TEXT[:place] + character + TEXT[place + 1 :]
    if changed != TEXT:
        with pytest.raises(TokenError):
            unseal(changed, RING, LIMITS, NOW)


def test_every_other_last_character_is_refused() -> None:
    for character in set(PLAIN) - {TEXT[-1]}:
        with pytest.raises(TokenError):
            unseal(TEXT[:-1] + character, RING, LIMITS, NOW)


@given(st.integers(0, len(TEXT) - 1))
def test_a_truncated_token_is_refused(length: int) -> None:
    with pytest.raises(TokenError):
        unseal(TEXT[:length], RING, LIMITS, NOW)


@given(st.integers(0, len(TEXT)), st.text(PLAIN, min_size=1, max_size=4))
def test_a_token_with_something_more_is_refused(place: int, more: str) -> None:
    with pytest.raises(TokenError):
        unseal(TEXT[:place] + more + TEXT[place:], RING, LIMITS, NOW)


@given(st.text())
def test_any_text_is_a_token_error_and_nothing_else(text: str) -> None:
    with pytest.raises(TokenError):
        unseal(text, RING, LIMITS, NOW)


def test_the_mac_is_32_whole_bytes() -> None:
    mac = TEXT.rpartition(".")[2]
    assert len(mac) == 43
    for kept in (0, 1, 16, 22, 42):
        with pytest.raises(TokenError):
            unseal(TEXT[: len(TEXT) - 43 + kept], RING, LIMITS, NOW)


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(TokenError):
        unseal(seal(token(), OTHER), RING, LIMITS, NOW)


def test_another_keys_id_on_our_token_is_refused() -> None:
    both = KeyRing(["key one of the tests, 32 bytes long", "key two of the tests, 32 bytes long"])
    other_id = seal(token(), OTHER).split(".")[1]
    instance, _, payload, mac = TEXT.split(".")
    with pytest.raises(TokenError):
        unseal(f"{instance}.{other_id}.{payload}.{mac}", both, LIMITS, NOW)


def test_the_first_key_signs_and_every_key_of_the_ring_verifies() -> None:
    rotated = KeyRing(["key two of the tests, 32 bytes long", "key one of the tests, 32 bytes long"])
    assert unseal(TEXT, rotated, LIMITS, NOW) == token()
    assert seal(token(), rotated).split(".")[1] == seal(token(), OTHER).split(".")[1]
    assert rotated.matches("csrf", "x", RING.mac("csrf", "x"))


def test_a_mac_of_one_purpose_is_none_of_another() -> None:
    assert RING.matches("csrf", "x", RING.mac("csrf", "x"))
    for purpose in ("bind", "state", "cookie"):
        assert not RING.matches(purpose, "x", RING.mac("csrf", "x"))


@given(st.integers(0, 42))
def test_a_truncated_mac_matches_nothing(length: int) -> None:
    assert not RING.matches("csrf", "session", RING.mac("csrf", "session")[:length])


@given(st.text())
def test_any_text_as_a_mac_matches_nothing(text: str) -> None:
    assert not RING.matches("csrf", "session", text)


def test_a_token_longer_than_the_limit_is_refused_before_it_is_verified() -> None:
    with pytest.raises(TokenError, match="longer"):
        unseal(seal(token(state=b"x" * 60_000), RING), RING, LIMITS, NOW)


def test_a_token_for_another_instance_inside_is_refused() -> None:
    payload = seal(token(), RING).split(".")[2]
    with pytest.raises(TokenError):
        unseal(RING.sign("BBBBbbbb-_09", payload), RING, LIMITS, NOW)


@pytest.mark.parametrize("payload", ["", "AAAA", "gA", "_" * 40])
def test_a_signed_payload_of_another_release_asks_for_a_reset(payload: str) -> None:
    with pytest.raises(ResetNeeded):
        unseal(RING.sign(INSTANCE, payload), RING, LIMITS, NOW)


def test_a_token_of_the_future_is_refused_but_a_skewed_clock_is_not() -> None:
    assert unseal(seal(token(issued=int(NOW + 60)), RING), RING, LIMITS, NOW).version == 3
    with pytest.raises(TokenError):
        unseal(seal(token(issued=int(NOW + 61)), RING), RING, LIMITS, NOW)


def test_a_token_ends_half_a_day_after_it_was_issued_and_a_week_after_it_was_born() -> None:
    assert unseal(TEXT, RING, LIMITS, NOW + 11 * 3600).version == 3
    with pytest.raises(ResetNeeded, match="expired"):
        unseal(TEXT, RING, LIMITS, NOW + 13 * 3600)
    old = seal(token(born=int(NOW - 8 * 86400)), RING)
    with pytest.raises(ResetNeeded, match="expired"):
        unseal(old, RING, LIMITS, NOW)


@given(st.text(PLAIN, max_size=300), st.text(PLAIN, max_size=300))
def test_a_change_of_tokens_makes_the_new_one_of_the_old(old: str, new: str) -> None:
    change = token_change(old, new)
    if isinstance(change, str):
        assert change == new
    elif change:
        keep, tail = change
        assert isinstance(keep, int) and isinstance(tail, str)
        assert old[:keep] + tail == new
    else:
        assert old == new


def test_two_tokens_of_one_instance_share_a_long_beginning() -> None:
    change = token_change(TEXT, seal(token(version=4, state=b"\x81\xa5count\x02"), RING))
    assert isinstance(change, list)
    assert len(str(change[1])) < 100


def test_time_is_told_by_the_minute() -> None:
    assert coarse(NOW) % 60 == 0
    assert 0 <= NOW - coarse(NOW) < 60


@given(st.text(st.characters(exclude_categories=())))
def test_every_text_has_a_digest(text: str) -> None:
    assert len(digest(text)) == 8
