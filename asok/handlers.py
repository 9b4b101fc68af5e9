"""State handlers: Python objects that are told when a namespace changes, by a script of a page or by Python."""

from __future__ import annotations

import asyncio
import inspect
import logging
import warnings
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import anyio.to_thread

from asok.documents import GONE, Change, Document, at
from asok.namespaces import ALL, CELL, Namespaces
from asok.sessions import STORES

__all__ = ["StateHandlers"]

log = logging.getLogger("asok")

SOURCES = {"js": "javascript", "py": "python"}


class Handler:
    """One handler; it is told of one change after the other, in their order."""

    def __init__(self, update: Callable[..., Any], namespaces: Collection[str]) -> None:
        self._update, self.namespaces = update, frozenset(namespaces)
        parameters = inspect.signature(update).parameters.values()
        self._takes_source = any(each.name == "source" or each.kind is each.VAR_KEYWORD for each in parameters)
        self._waiting: list[tuple[str, str, Any, str]] = []
        self._task: asyncio.Task[None] | None = None

    def tell(self, namespace: str, key: str, value: Any, source: str) -> None:
        """Tell it as soon as it is its turn."""
        self._waiting.append((namespace, key, value, source))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._waiting:
            namespace, key, value, source = self._waiting.pop(0)
            extra = {"source": source} if self._takes_source else {}
            try:
                if inspect.iscoroutinefunction(self._update):
                    await self._update(namespace, key, value, **extra)
                else:
                    await anyio.to_thread.run_sync(partial(self._update, namespace, key, value, **extra))
            except Exception:
                log.exception("a state handler raised on %s.%s; it goes on with the next change", namespace, key)
        self._task = None


class StateHandlers:
    """The handlers of an app. Each change is told once, in the process that took it."""

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces
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

    def committed(self, document: Document, change: Change) -> None:
        """A document has been written by this process."""
        owner, name = change.key
        if owner.startswith(STORES + ALL) and owner != STORES + ALL:
            prefix: tuple[str, ...] = (owner[len(STORES + ALL) :].partition("/")[0],)
        elif owner == STORES + ALL or name == CELL:
            prefix = ()
        else:
            return
        for path in change.touched:
            self._tell(document, prefix, path, SOURCES[change.origin])

    def _tell(self, document: Document, prefix: tuple[str, ...], path: tuple[str, ...], source: str) -> None:
        whole = (*prefix, *path)
        if len(whole) < 2:
            below = at(document.tree, path)
            for key in below if isinstance(below, dict) else ():
                self._tell(document, prefix, (*path, key), source)
            return
        namespace, key = whole[:2]
        value = at(document.tree, whole[len(prefix) : 2])
        for handler in self._handlers:
            if namespace in handler.namespaces:
                handler.tell(namespace, key, None if value is GONE else value, source)
