"""Whom a page speaks for: the first join proves that the page was made for the session of its cookie."""

from __future__ import annotations

import time

from asok.errors import ResetNeeded, TokenError
from asok.mounting import Engine
from asok.outbox import Closing
from asok.protocol import CLOSE, Join
from asok.state import unseal

__all__ = ["speaker_of"]


def speaker_of(engine: Engine, session_id: str, join: Join) -> str:
    """The session that is spoken for, of the cookie with this id; empty for nobody. Raises Closing."""
    if session_id and not join.csrf and _is_for_anybody(engine, join):
        return ""
    if session_id and not engine.ring.matches("csrf", session_id, join.csrf):
        raise Closing(CLOSE.SESSION, "the CSRF token is not this session's")
    if join.csrf and not session_id:
        raise Closing(CLOSE.SESSION, "no session")
    return session_id


def _is_for_anybody(engine: Engine, join: Join) -> bool:
    """Whether all in it is stateless: the page was made before its visitor had a session, or comes from a cache."""
    limits, now = engine.settings.limits, time.time()
    try:
        tokens = [unseal(entry.token, engine.ring, limits, now) for entry in join.instances]
    except (TokenError, ResetNeeded):
        return False
    return bool(tokens) and not any(token.binding for token in tokens)
