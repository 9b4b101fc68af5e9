"""The URL of a Redis is read in full, refused in words, and its password never shown."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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
        ("redis://ann@db", "redis://db:6379/0", "asok:", [["AUTH", "ann", ""], ["PING"]]),
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
    assert Address.of("rediss://db?ssl_cert_reqs=None").tls is not None
    assert Address.of("redis://db").tls is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://db/first", "write it as redis://"),
        ("redis://db/-1", "write it as redis://"),
        ("redis://db:port", "write it as redis://"),
        ("redis://db..internal", "write it as redis://"),
        ("redisss://db", "write it as redis://"),
        ("redis+sentinel://db", "write it as redis://"),
        ("http://db", "write it as redis://"),
        ("redis://a,b/0", "with one host"),
        ("redis://a:6379,b:6379/0", "with one host"),
        ("redis://db /0", "with one host"),
        ("redis://db..internal/0", "with one host"),
        ("unix://run/redis.sock", "or unix:///path/redis.sock"),
        ("unix://?db=1", "or unix:///path/redis.sock"),
        ("redis://db?prefx=shop", "did you mean 'prefix'"),
        ("redis://db?prefix=a b", "not made of at most 64 letters"),
        ("redis://db?prefix=", "not made of at most 64 letters"),
        ("rediss://db?ssl_ca_certs=/nowhere.pem", "ssl_ca_certs='/nowhere.pem' in ASOK_REDIS cannot be read: No such"),
        ("rediss://db?ssl_certfile=/nowhere.pem", "ssl_certfile='/nowhere.pem' in ASOK_REDIS cannot be read: No such"),
        ("rediss://db?ssl_keyfile=/key.pem", "without the certificate; name that in ssl_certfile"),
        ("rediss://db?ssl_cert_reqs=no", "ssl_cert_reqs='no' in ASOK_REDIS is none of required, none"),
        ("rediss://db?ssl_check_hostname=off", "ssl_check_hostname='off' in ASOK_REDIS is none of"),
        ("redis://db?ssl_ca_certs=/ca.pem", "speaks no TLS; write it as rediss://"),
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


def locked_copy(key: Path) -> Path:
    """The key behind a password."""
    locked = key.with_name("locked.pem")
    locking = ["openssl", "rsa", "-aes128", "-passout", "pass:abcd", "-in", str(key), "-out", str(locked)]
    subprocess.run(locking, check=True, capture_output=True)
    return locked


def test_a_file_that_is_no_certificate_is_named(certificate: Path, tmp_path: Path) -> None:
    (nonsense := tmp_path / "nonsense.pem").write_text("nothing")
    locked = locked_copy(certificate)
    for query, named in {
        f"ssl_ca_certs={nonsense}": nonsense,
        f"ssl_certfile={nonsense}": nonsense,
        f"ssl_certfile={certificate}&ssl_keyfile={locked}": locked,
    }.items():
        with pytest.raises(ConfigurationError, match=re.escape(str(named))):
            Address.of(f"rediss://db?{query}")


def test_a_key_with_a_password_does_not_ask_the_terminal_for_it(certificate: Path) -> None:
    url = f"rediss://db?ssl_certfile={certificate}&ssl_keyfile={locked_copy(certificate)}"
    code = f"from asok.backends.redis_address import Address; Address.of({url!r})"
    # Without a terminal of its own it would ask on its input, which brings an end of file to nobody here.
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as asking:
        try:
            asking.wait(timeout=30)
            said = asking.stderr.read() if asking.stderr else ""
        finally:
            asking.kill()
    assert "is of no use" in said
    assert "pass phrase" not in said
