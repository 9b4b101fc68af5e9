"""What a browser makes of the `value` that a template gives an `<input>`: some types take only what they can show."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

__all__ = ["given_value"]

# https://html.spec.whatwg.org/multipage/input.html, "value sanitization algorithm", type by type.
SPACE = " \t\n\f\r"
NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
COLOR = re.compile(r"#[0-9a-fA-F]{6}")
MOMENT = re.compile(r"(?P<date>\d{4,}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)", re.ASCII)
TIME = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?", re.ASCII)


def given_value(kind: str, text: str, limits: Mapping[str, str]) -> str:
    """The value of an input of this type. limits: its `min`, `max` and `step`."""
    if kind == "range":
        return _in_range(text, limits)
    if kind in ("email", "url"):
        return _one_line(text).strip(SPACE)
    if kind in _TAKEN:
        return text if _TAKEN[kind](text) else ""
    if kind == "color":
        return text.lower() if COLOR.fullmatch(text) else "#000000"
    if kind == "datetime-local":
        return _moment(text)
    return _one_line(text) if kind in ("text", "search", "tel", "password") else text


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "")


def _is_number(text: str) -> bool:
    return NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def _is_date(text: str) -> bool:
    return _reads(datetime.date.fromisoformat, text) and len(text) == 10


def _is_time(text: str) -> bool:
    return TIME.fullmatch(text) is not None and _reads(datetime.time.fromisoformat, text.partition(".")[0])


def _is_week(text: str) -> bool:
    return re.fullmatch(r"\d{4}-W\d\d", text, re.ASCII) is not None and _reads(datetime.date.fromisoformat, text)


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


_TAKEN: Mapping[str, Callable[[str], bool]] = {
    "number": _is_number,
    "date": _is_date,
    "time": _is_time,
    "week": _is_week,
    "month": lambda text: _is_date(f"{text}-01"),
}


def _moment(text: str) -> str:
    """Written as short as it can be: `2026-03-31T14:30`."""
    found = MOMENT.fullmatch(text)
    if found is None or not _is_date(found["date"]) or not _is_time(found["time"]):
        return ""
    time = found["time"]
    time = time.rstrip("0").rstrip(".") if "." in time else time
    return f"{found['date']}T{time.removesuffix(':00') if len(time) == len('14:30:00') else time}"


def _in_range(text: str, limits: Mapping[str, str]) -> str:
    """The nearest step between the limits; in the middle where there is no number."""
    least = _decimal(limits.get("min", ""), Decimal(0))
    most = max(_decimal(limits.get("max", ""), Decimal(100)), least)
    value = min(max(_decimal(text, (least + most) / 2), least), most)
    step = _decimal(limits.get("step", ""), Decimal(1))
    if limits.get("step", "").lower() == "any" or step <= 0:
        step = Decimal(0) if limits.get("step", "").lower() == "any" else Decimal(1)
    if step:
        steps = ((value - least) / step + Decimal("0.5")) // 1  # of two that are as near, the greater one
        value = least + step * min(steps, (most - least) // step)
    return f"{value.normalize():f}"


def _decimal(text: str, otherwise: Decimal) -> Decimal:
    return Decimal(text) if _is_number(text) else otherwise
