"""The log as people read it, or with `ASOK_LOG=json` as machines do: one JSON object a line."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from asok.errors import ConfigurationError

__all__ = ["SETTING", "JsonLines", "check_log", "say", "wants_json"]

SETTING = "ASOK_LOG"
ABOUT = ("code", "component", "event")


def wants_json() -> bool:
    """Whether the environment asks for JSON."""
    return os.environ.get(SETTING) == "json"


def check_log() -> None:
    """Raise ConfigurationError where the environment asks for what there is not."""
    if os.environ.get(SETTING, "") not in ("", "text", "json"):
        raise ConfigurationError(f"ASOK_LOG={os.environ[SETTING]!r}: expected text or json")


def say(text: str, level: str = "WARNING") -> None:
    """Say it to whoever has started the command, as a line of the log; if nobody can hear it any more, go on."""
    line = _json(datetime.now(UTC), level, "asok", text, {}) if wants_json() else text
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


class JsonLines(logging.Formatter):
    """time, level, logger and message; code, component and event where a line is about one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        more = {name: value for name in ABOUT if (value := getattr(record, name, ""))}
        if record.exc_info:
            more["traceback"] = self.formatException(record.exc_info)
        when = datetime.fromtimestamp(record.created, UTC)
        return _json(when, record.levelname, record.name, record.getMessage(), more)


def _json(when: datetime, level: str, logger: str, message: str, more: dict[str, Any]) -> str:
    said = {"time": when.isoformat(timespec="milliseconds"), "level": level, "logger": logger, "message": message}
    return json.dumps({**said, **more}, default=str)
