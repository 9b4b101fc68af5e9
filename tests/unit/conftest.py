"""Fixtures that several modules of the unit tests share."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from asok import Asok
from asok.bus import LocalBus
from asok.compiling import same_as_stock
from tests.redis_server import RedisServer
from tests.rig import asok_app
from tests.unit.scripted import opened

__all__ = ["app", "bus", "opened"]


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Asok]:
    """An app that hears and commits, without a server."""
    app = asok_app(tmp_path)
    await app._connect()
    yield app
    await app._disconnect()


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Nobody has checked yet that Jinja is as it was."""
    same_as_stock.cache_clear()
    yield
    same_as_stock.cache_clear()


@pytest.fixture
def redis_url(redis: RedisServer) -> str:
    """A part of the Redis that no other test uses."""
    return f"{redis.url}?prefix={secrets.token_hex(8)}"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of `localhost`, with its key, that nobody knows."""
    file = tmp_path / "certificate.pem"
    making = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost"
    named = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(file), "-out", str(tmp_path / "alone.pem")]
    subprocess.run([*making.split(), *named], check=True, capture_output=True)
    file.write_text(file.read_text() + (tmp_path / "alone.pem").read_text())
    return file


@pytest.fixture
async def bus() -> AsyncIterator[LocalBus]:
    """The bus of one process, open."""
    bus = LocalBus()
    await bus.open()
    yield bus
    await bus.close()
