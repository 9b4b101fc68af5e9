"""What goes into the log: one line each, and of each kind so many a second; of the others, their number."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

__all__ = ["LINES_A_SECOND", "Journal", "OneLine", "keep_journal"]

LINES_A_SECOND = 10
MOST_KINDS = 1000
LINE_ENDS = {ord(each): repr(each)[1:-1] for each in "\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029\x1b\x00"}
Kind = tuple[int, str]


class Journal(logging.Filter):
    """A filter for the logger `asok`. Warnings and errors of one kind are those of one level and one wording.

    What comes from a thousand connections counts together: none of them can fill the log. debug: whether an error's
    traceback is shown; otherwise its last line says where it was.
    """

    def __init__(self) -> None:
        super().__init__()
        self._debug = False
        self._lock = threading.Lock()
        self._second = 0
        self._counts: dict[Kind, int] = {}
        self._left_out: dict[Kind, int] = {}
        self._telling = False

    def begin(self, *, debug: bool) -> None:
        """Count from nothing."""
        with self._lock:
            self._debug, self._telling = debug, False
            self._counts.clear()
            self._left_out.clear()

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep a record, as one line, or count it."""
        if record.levelno >= logging.WARNING and not self.keeps(record):
            return False
        said = record.getMessage()
        text = (said if self._debug else said + _place(record)).translate(LINE_ENDS)
        if text != said:
            record.msg, record.args = text, None
        return True

    def keeps(self, record: logging.LogRecord) -> bool:
        """Whether it is one of the first of its kind in this second; others are counted."""
        kind, second = (record.levelno, str(record.msg)), int(time.monotonic())
        with self._lock:
            if second != self._second:
                self._second = second
                self._counts.clear()
            if len(self._counts) >= MOST_KINDS:
                kind = record.levelno, "of many kinds"
            count = self._counts[kind] = self._counts.get(kind, 0) + 1
            if count <= LINES_A_SECOND:
                return True
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
        if not self._telling:
            with suppress(RuntimeError):  # a thread has no loop; then the next one that has, tells
                asyncio.get_running_loop().call_later(1, self.tell)
                self._telling = True
        return False

    def tell(self) -> None:
        """Say how many were left out."""
        with self._lock:
            left_out, self._left_out, self._telling = self._left_out, {}, False
        for (level, wording), count in left_out.items():
            log.log(level, "%d more lines of this kind were left out: %r", count, wording[:80])


def _place(record: logging.LogRecord) -> str:
    """The error of a record and where it was raised, instead of its traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return ""
    record.exc_info = record.exc_text = None
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return f": {error!r:.200}" + "".join(f" at {Path(each.filename).name}:{each.lineno}" for each in last)


class OneLine(logging.Filter):
    """For the server's own log: a browser's bad bytes are one line, no traceback; that would tell nothing.

    The lines of other tracebacks are indented: an error's text may hold what a browser has sent, and must not look like
    a line of the log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, some without their traceback, and not too many of a kind."""
        if str(record.msg).startswith("Invalid UTF-8"):
            record.exc_info = record.exc_text = None
        elif record.exc_info and record.exc_info[1] is not None:
            told = "".join(traceback.format_exception(record.exc_info[1])).rstrip("\n")
            record.exc_text = "\n".join(f"  {part.translate(LINE_ENDS)}" for part in told.split("\n"))
        return record.levelno < logging.WARNING or _journal.keeps(record)


log = logging.getLogger("asok")
_journal, _server = Journal(), OneLine()


def keep_journal(*, debug: bool) -> None:
    """Begin to keep it, under whatever server the app runs."""
    _journal.begin(debug=debug)
    log.addFilter(_journal)
    logging.getLogger("uvicorn.error").addFilter(_server)
