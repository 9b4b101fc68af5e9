"""The questions that one event puts to its browser: numbered, answered in any order, never asked twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from asok.errors import AsokError
from asok.protocol import Ask
from asok.timing import TimeLimit

__all__ = ["Asking", "NoAnswer"]

LONGEST_PROBLEM = 200


class NoAnswer(AsokError):
    """The browser gave no answer that can be used: too late, gone, failed, or not of the kind that was asked for."""

    def __init__(self, name: str, problem: str) -> None:
        self.name, self.problem = name, problem

    def __str__(self) -> str:
        return f"self.window.{self.name}: {self.problem}; catch NoAnswer where the method can go on without"


@dataclass(slots=True)
class Question:
    """A question and what came of it: the value, or the problem in words."""

    n: int
    name: str
    args: list[Any]
    outcome: asyncio.Future[tuple[Any, str]]

    def settle(self, value: Any, problem: str) -> None:
        """The first outcome stays."""
        if not self.outcome.done():
            self.outcome.set_result((value, problem))


class Asking:
    """What an event has asked. `send` takes each question, for the browser.

    limit: the method's own time limit; it stands still while a question is open. key: instance and sequence.
    """

    def __init__(
        self,
        send: Callable[[Ask], None],
        instance: str,
        seq: int,
        *,
        limit: TimeLimit | None = None,
    ) -> None:
        self.limit = limit
        self._send, self.key = send, (instance, seq)
        self._sent: dict[int, Question] = {}
        self._run: list[Question] = []
        self._position = 0
        self._waiting = 0
        self._left = 0.0
        self._closed = ""

    async def ask(self, name: str, args: list[Any], seconds: float) -> Any:
        """The browser's answer, as it came. Raises NoAnswer."""
        if self._closed:
            raise NoAnswer(name, self._closed)
        question = self._next(name, args)
        with self._standing_still():
            await asyncio.wait([question.outcome], timeout=seconds)
        late = f"no answer within {seconds:g} s; allow more with timeout={seconds * 2:g}"
        question.settle(None, late)
        value, problem = question.outcome.result()
        if problem:
            raise NoAnswer(name, problem)
        return value

    def answer(self, n: int, value: Any, error: str | None = None) -> None:
        """The browser has answered question `n`. What was not asked, or is answered already, is ignored."""
        question = self._sent.get(n)
        if question is not None:
            problem = f"the browser could not do it: {error[:LONGEST_PROBLEM]}" if error else ""
            question.settle(value, problem)

    def restart(self) -> None:
        """The method runs again: the same question at the same place gets the answer that it had."""
        self._position = 0

    def close(self, why: str = "the page has gone") -> None:
        """Nobody will answer any more; whoever waits gets NoAnswer."""
        self._closed = why
        for question in self._sent.values():
            question.settle(None, why)

    def _next(self, name: str, args: list[Any]) -> Question:
        """The question at this place of the earlier run, if it is the same; else a new one, sent."""
        place, self._position = self._position, self._position + 1
        known = self._run[place] if place < len(self._run) else None
        if known is not None and (known.name, known.args) == (name, args):
            return known
        n = len(self._sent) + 1
        question = Question(n, name, args, asyncio.get_running_loop().create_future())
        self._send(Ask(*self.key, n, name, args))
        self._sent[n] = question
        self._run[place : place + 1] = [question]
        return question

    @contextmanager
    def _standing_still(self) -> Iterator[None]:
        """The method's limit counts its own time, not that of the person in front of the browser."""
        limit, clock = self.limit, asyncio.get_running_loop().time
        if limit is None:
            yield
            return
        self._waiting += 1
        if self._waiting == 1:
            self._left = (limit.when() or clock()) - clock()
            _reschedule(limit, None)
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                _reschedule(limit, clock() + self._left)


def _reschedule(limit: TimeLimit, when: float | None) -> None:
    with suppress(RuntimeError):  # it has ended, and with it the method
        limit.reschedule(when)
