"""State handlers: Python objects that are told when a namespace changes, by a script of a page or by Python."""

from __future__ import annotations

import asyncio
import inspect
import logging
import warnings
from collections import deque
from collections.abc import Callable, Collection
from contextvars import Context, copy_context
from functools import partial
from typing import Any

from asok.calling import ends_all
from asok.documents import GONE, Change, Document, at
from asok.namespaces import ALL, CELL
from asok.sessions import STORES

__all__ = ["StateHandlers"]

log = logging.getLogger("asok")

SOURCES = {"js": "javascript", "py": "python"}
MOST_WAITING = 10_000
News = dict[tuple[str, str], Any]


class Handler:
    """One handler; it is told of one change after the other, in their order, each for the visitor who made it."""

    def __init__(self, update: Callable[..., Any], namespaces: Collection[str]) -> None:
        self._update, self.namespaces = update, frozenset(namespaces)
        parameters = inspect.signature(update).parameters.values()
        self._takes_source = any(each.name == "source" or each.kind is each.VAR_KEYWORD for each in parameters)
        self._waiting: deque[tuple[Callable[[], Any], Context]] = deque()
        self.task: asyncio.Task[None] | None = None

    def tell(self, namespace: str, key: str, value: Any, source: str) -> None:
        """Tell it as soon as it is its turn."""
        if len(self._waiting) >= MOST_WAITING:
            return log.error("a state handler is behind by %s changes; %s.%s is lost", MOST_WAITING, namespace, key)
        extra = {"source": source} if self._takes_source else {}
        self._waiting.append((partial(self._update, namespace, key, value, **extra), copy_context()))
        if self.task is None or self.task.done():
            self.task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._waiting:
            update, context = self._waiting.popleft()
            await asyncio.get_running_loop().create_task(_told(update), context=context)


async def _told(update: Callable[[], Any]) -> None:
    """Tell it; whatever it raises ends no more than that."""
    try:
        is_async = inspect.iscoroutinefunction(inspect.unwrap(getattr(update, "func", update)))
        result = update() if is_async else await asyncio.to_thread(update)
        if inspect.isawaitable(result):
            await result
    except BaseException as error:
        if ends_all(error):
            raise
        log.exception("a state handler raised; it goes on with the next change")


class StateHandlers:
    """The handlers of an app. Each change is told once, in the process that took it."""

    def __init__(self) -> None:
        self._handlers: list[Handler] = []

    @property
    def used(self) -> bool:
        """Whether there are any."""
        return bool(self._handlers)

    def add(self, handler: Any, namespaces: Collection[str]) -> None:
        """Tell `handler.update_state(namespace, key, value)` of changes; a handler without it warns and is ignored.

        `update_state` may be async, and may take `source`: "javascript" or "python".
        """
        update = getattr(handler, "update_state", None)
        if not callable(update):
            text = f"{type(handler).__name__} has no update_state(namespace, key, value) and is ignored"
            return warnings.warn(text, UserWarning, stacklevel=3)
        if isinstance(namespaces, str):
            namespaces = [namespaces]
        self._handlers.append(Handler(update, namespaces))

    async def settle(self) -> None:
        """Wait until all have been told of all."""
        while tasks := [each.task for each in self._handlers if each.task is not None and not each.task.done()]:
            await asyncio.wait(tasks)

    def committed(self, document: Document, change: Change) -> None:
        """A document has been written by this process."""
        owner, name = change.key
        if owner.startswith(STORES + ALL) and owner != STORES + ALL:
            prefix: tuple[str, ...] = (owner[len(STORES + ALL) :].partition("/")[0],)
        elif owner == STORES + ALL or name == CELL:
            prefix = ()
        else:
            return
        news: News = {}
        for path in change.touched:
            _collect(news, document.tree, prefix, path)
        for (namespace, key), value in news.items():
            for handler in self._handlers:
                if namespace in handler.namespaces:
                    handler.tell(namespace, key, value, SOURCES[change.origin])


def _collect(news: News, tree: Any, prefix: tuple[str, ...], path: tuple[str, ...]) -> None:
    """The keys at, above or below a touched path, and their values."""
    whole = (*prefix, *path)
    if len(whole) < 2:
        below = at(tree, path)
        for key in below if isinstance(below, dict) else ():
            _collect(news, tree, prefix, (*path, key))
        return
    value = at(tree, whole[len(prefix) : 2])
    news[whole[0], whole[1]] = None if value is GONE else value
