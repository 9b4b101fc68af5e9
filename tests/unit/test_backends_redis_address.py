"""The URL of a Redis is read in full, refused in words, and its password never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok.backends.redis_address import Address
from asok.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "name", "prefix", "greetings"),
    [
        ("redis://db", "redis://db:6379/0", "asok:", [["PING"]]),
        ("redis://db:1234/5?prefix=shop", "redis://db:1234/5", "shop:", [["SELECT", "5"], ["PING"]]),
        ("redis://:pa%40ss@db", "redis://db:6379/0", "asok:", [["AUTH", "pa@ss"], ["PING"]]),
        ("redis://ann:pw@[::1]:7/0", "redis://[::1]:7/0", "asok:", [["AUTH", "ann", "pw"], ["PING"]]),
        ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock", "asok:", [["SELECT", "2"], ["PING"]]),
        ("unix://:pw@/run/redis.sock", "unix:///run/redis.sock", "asok:", [["AUTH", "pw"], ["PING"]]),
    ],
)
def test_a_url_says_where_to_go_and_how_to_get_in(url: str, name: str, prefix: str, greetings: list[list[str]]) -> None:
    address = Address.of(url)
    assert (address.name, address.prefix, address.greetings()) == (name, prefix, greetings)


def test_tls_believes_only_what_it_can_check_unless_it_is_told_otherwise() -> None:
    strict, lax = Address.of("rediss://db").tls, Address.of("rediss://db?ssl_cert_reqs=none").tls
    assert strict is not None
    assert lax is not None
    assert strict.check_hostname
    assert strict.verify_mode.name == "CERT_REQUIRED"
    assert lax.verify_mode.name == "CERT_NONE"
    assert Address.of("redis://db").tls is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://db/first", "write it as redis://"),
        ("redis://db/-1", "write it as redis://"),
        ("redis://db:port", "write it as redis://"),
        ("redisss://db", "write it as redis://"),
        ("redis+sentinel://db", "write it as redis://"),
        ("http://db", "write it as redis://"),
        ("redis://db?prefx=shop", "did you mean 'prefix'"),
        ("redis://db?prefix=a b", "not made of at most 64 letters"),
        ("redis://db?prefix=", "not made of at most 64 letters"),
        ("rediss://db?ssl_ca_certs=/nowhere.pem", "cannot be read"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Address.of(url)


@given(st.text("hunter2/?#@:&=%.", min_size=1, max_size=12))
def test_a_password_is_not_shown_however_it_breaks_the_url(mess: str) -> None:
    secret = "hunter2"
    try:
        address = Address.of(f"redis://user:{mess}{secret}{mess}@db:6379/0")
    except ConfigurationError as error:
        assert secret not in str(error)
    else:
        assert secret not in address.name + repr(address)
