"""Stores: named trees that the server owns, shared by all (`Store`) or by the sessions of one user (`AuthStore`)."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
from markupsafe import Markup

from asok import grants
from asok.access import Rules
from asok.documents import Document, Work, current_work, note, noting
from asok.errors import ComponentError, ConfigurationError, NotSignedIn, StoreError, ValueRefused
from asok.fitting import misfit
from asok.sessions import STORES, Session, current_session
from asok.superstore import connected, declare
from asok.trees import Path, Write, freeze, parse_path, read_at
from asok.writing import Written

__all__ = ["AuthStore", "Copy", "Store", "Tree"]

MISSING: Any = object()
NAME = re.compile(r"~?[A-Za-z0-9_.-]{1,128}")
DOCUMENT = "doc"


class Tree:
    """The verbs of a store. path: keys and indices with `/` between them, such as `todo/0/done`; "" is all."""

    owner: str

    @property
    def name(self) -> str:
        """What it is called."""
        raise NotImplementedError

    @property
    def rules(self) -> Rules:
        """What browsers may do with it."""
        raise NotImplementedError

    @property
    def document(self) -> Document:
        """The stored tree."""
        raise NotImplementedError

    @property
    def documents(self) -> list[Document]:
        """All that its tree is made of."""
        return [self.document]

    @property
    def version(self) -> int:
        """How many commits it has seen."""
        return sum(document.version for document in self.documents)

    def tree(self, work: Work | None = None) -> Any:
        """The whole tree, as a unit of work sees it."""
        return self.document.newest if work is None else work.tree(self.document)

    def part(self, path: Path, work: Work | None = None) -> Any:
        """As much of the tree as has to be there for what stands at the path."""
        return self.tree(work)

    def within(self, path: Path) -> Path:
        """Where in the tree a path of this store is."""
        return path

    def adapted(self, write: Write, work: Work | None = None) -> Write:
        """What is really written, by a unit of work."""
        return write

    def read(self, path: str = "", default: Any = MISSING) -> Any:
        """What stands at a path; it cannot be changed in place.

        A component that reads while it renders is rendered again when that path changes. Raises PathError
        where nothing is there and no default is given.
        """
        parts, work = self.within(parse_path(path)), current_work()
        for document in self.documents:
            note(document.key, parts)
            if work is not None and not noting():
                work.saw(document, parts)
        try:
            return read_at(self.part(parts, work), parts)
        except StoreError as error:
            if default is not MISSING:
                return default
            error.store = self.name
            raise

    def set(self, path: str, value: Any) -> Awaitable[int]:
        """Put a value at a path. Raises StoreError where it cannot be, as the three that follow.

        In a component's method it is part of what the method commits. Elsewhere it is committed in a moment,
        and awaiting it waits for that; in a thread it is on return.
        """
        return self._write("set", path, value)

    def update(self, path: str, value: Any) -> Awaitable[int]:
        """Add a number to a number, merge a dict into a dict; anything else replaces. A bool is no number."""
        return self._write("update", path, value)

    def append(self, path: str, value: Any) -> Awaitable[int]:
        """Add an item to the end of a list."""
        return self._write("append", path, value)

    def delete(self, path: str) -> Awaitable[int]:
        """Take away what stands at a path."""
        return self._write("delete", path, None)

    def _write(self, verb: str, path: str, value: Any) -> Awaitable[int]:
        if noting():
            raise ComponentError(f"{self.name}.{verb}({path!r}) while rendering; write in a method, or in mount()")
        try:
            work = current_work()
            write = self.adapted(Write(verb, self.within(parse_path(path)), freeze(value)), work)
            if work is None:
                return connected().replicas.write(self.document, write)
            work.write(self.document, write)
        except StoreError as error:
            error.store = error.store or self.name
            raise
        return Written(self.document.version)

    def react(self, path: str, *, tag: str = "span") -> Markup:
        """An element whose text follows the value at the path, while the component around it stays as it is."""
        parts = self.within(parse_path(path))
        value = read_at(self.part(parts, current_work()), parts)
        return grants.region(connected().ring, self.owner, self.name, path, value, tag)

    @property
    def do(self) -> grants.Attributes:
        """`do.update("counter", -1)` is an attribute for an element whose click does that, and nothing else."""
        return grants.Attributes(connected().ring, self.name)

    @property
    def js(self) -> grants.Calls:
        """`js.update("counter", -1)` is the JavaScript that does that, and nothing else."""
        return grants.Calls(connected().ring, self.name)


class Store(Tree):
    """A tree shared by everybody.

    default: a dict, a list, or an instance of `type`, with which the tree begins. name: by default the
    module and the variable that hold the store. type: a dataclass or Struct that the tree must fit.
    readable: True or the paths that browsers may read. writable: path -> a type, or a function of the
    `Change` that allows or refuses it, for those that browsers may write.
    """

    owner = ""

    def __init__(
        self,
        default: Any = None,
        *,
        name: str = "",
        type: Any = None,
        readable: bool | Iterable[str] = False,
        writable: Mapping[str, Any] | None = None,
    ) -> None:
        kind = type or (None if isinstance(default, (dict, list)) or default is None else default.__class__)
        self.default, self.type = freeze(_plain({} if default is None else default)), kind
        self._name, self._found, self.home = name and _checked(name), "", _caller()
        self._access = (readable, writable)
        self._rules: Rules | None = None
        problem = self._misfit(self.default)
        if problem:
            raise ValueRefused(f"what the store begins with does not fit: {problem}")
        if name:
            self.rules  # noqa: B018  # mistakes in the rules show here
        if not name.startswith("~"):  # a namespace is known to its app alone
            declare(self)

    def __set_name__(self, owner: type, name: str) -> None:
        place = f"{owner.__module__}.{owner.__qualname__}".replace("<locals>.", "")
        self._name = self._name or _checked(f"{place}.{name}")

    @property
    def name(self) -> str:
        """Its name, the same in every process. Raises ConfigurationError where nothing gives it one."""
        name = self._name or self._found
        if name:
            return name
        variable = self._variable()
        if not variable:
            raise ConfigurationError(
                f"a store made in {self.home} is held by no variable of that module; give it a name, as in "
                'Store({…}, name="votes")'
            )
        self._found = _checked(f"{self.home.strip('_')}.{variable}")
        return self._found

    @property
    def rules(self) -> Rules:
        """What browsers may do with it."""
        if self._rules is None:
            self._rules = Rules(self.name, *self._access)
        return self._rules

    def _variable(self) -> str:
        names = vars(sys.modules[self.home]) if self.home in sys.modules else {}
        last = self._found.rpartition(".")[2]
        return last if names.get(last) is self else next((name for name, value in names.items() if value is self), "")

    @property
    def held(self) -> bool:
        """Whether it can be meant: it has a name, or a variable of its module holds it."""
        return bool(self._name or self._variable())

    @property
    def document(self) -> Document:
        """The stored tree."""
        return self.document_of(f"{STORES}{self.name}")

    def document_of(self, owner: str) -> Document:
        """The tree of one owner."""
        return connected().replicas.get((owner, DOCUMENT), self.default, self._check)

    @property
    def value(self) -> Any:
        """The whole tree as the store's type; a copy."""
        tree = self.read()
        return tree if self.type is None else msgspec.convert(tree, self.type)

    def _check(self, before: Any, tree: Any) -> None:
        """What an earlier release has left there besides is no reason to refuse a write."""
        problem = self._misfit(tree)
        if problem and (not self._misfit(before) or not _converts(self.type, tree)):
            kind = getattr(self.type, "__name__", self.type)
            raise ValueRefused(f"the store would not be a {kind} any more: {problem}")

    def _misfit(self, tree: Any) -> str:
        return misfit(self.type, tree) if self.type is not None else ""

    def of(self, session: Session | None) -> Tree:
        """The tree that a visitor sees."""
        return self


class AuthStore(Store):
    """A tree of its own for each user. auth: session -> who it is; None, "" or False for nobody.

    Its verbs act on the copy of the visitor who is being served. Raises NotSignedIn where there is none.
    """

    def __init__(self, auth: Callable[[Session], Any], default: Any = None, **options: Any) -> None:
        if not callable(auth) or inspect.iscoroutinefunction(auth):
            raise ConfigurationError(
                f"an AuthStore asks a plain function who a session is, not {auth!r}; "
                'write AuthStore(lambda session: session.get("user"), {…})'
            )
        super().__init__(default, **options)
        self._user = auth

    def auth(self, session: Session) -> Copy:
        """One person's copy. Raises NotSignedIn."""
        user = self._user(session)
        if user is None or user is False or user == "":
            raise NotSignedIn(self.name)
        return Copy(self, hashlib.sha256(msgspec.msgpack.encode(user)).hexdigest()[:32])

    def of(self, session: Session | None) -> Tree:
        """The copy of a visitor. Raises NotSignedIn."""
        if session is None:
            raise NotSignedIn(self.name)
        return self.auth(session)

    @property
    def document(self) -> Document:
        """The stored tree of the visitor who is being served."""
        return self.of(current_session()).document

    def react(self, path: str, *, tag: str = "span") -> Markup:
        """As a store's."""
        return self.of(current_session()).react(path, tag=tag)


class Copy(Tree):
    """One user's copy of an AuthStore."""

    def __init__(self, store: AuthStore, user: str) -> None:
        self.store, self.owner = store, f"{STORES}{store.name}/{user}"

    @property
    def name(self) -> str:
        """The store's."""
        return self.store.name

    @property
    def rules(self) -> Rules:
        """The store's."""
        return self.store.rules

    @property
    def document(self) -> Document:
        """The stored tree."""
        return self.store.document_of(self.owner)


def _plain(default: Any) -> Any:
    try:
        plain = msgspec.to_builtins(default)
    except TypeError:
        plain = None
    if not isinstance(plain, (dict, list)):
        raise ConfigurationError(
            f"a store begins with a dict, a list, or an instance of a dataclass or Struct, not with {default!r:.80}"
        )
    return plain


def _converts(kind: Any, tree: Any) -> bool:
    try:
        msgspec.convert(tree, kind)
    except (msgspec.ValidationError, TypeError):
        return False
    return True


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ConfigurationError(f"a store cannot be called {name!r}; use letters, digits, `_`, `.` and `-`")
    return name


def _caller() -> str:
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")) if frame else ""
