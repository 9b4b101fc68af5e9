"""A table of 100,000 rows in SQLite, sorted, filtered and paged; what travels is one page of it."""

import asyncio
import errno
import html.entities
import locale
import mimetypes
import os
import sqlite3
import sys
import tempfile
import threading
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

from asok import Asok, Component, exposed

ROWS, SHOWN = 100_000, 25
COLUMNS = {"id": "No.", "name": "Name", "value": "Value", "kind": "Kind"}
KINDS = {"L": "letter", "M": "mark", "N": "number", "P": "punctuation", "S": "symbol", "Z": "space", "C": "control"}
MAKING = threading.Lock()
FOLDER = tempfile.TemporaryDirectory(prefix="asok-table-")
SCHEMA = """
    CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT, value TEXT, kind TEXT);
    CREATE INDEX by_name ON thing (name, id);
    CREATE INDEX by_value ON thing (value, id);
    CREATE INDEX by_kind ON thing (kind, id);
    CREATE VIRTUAL TABLE words USING fts5 (name, value, kind, content=thing, content_rowid=id, prefix='1 2 3');
"""


def things() -> Iterator[tuple[str, str, str]]:
    """Name, value and kind of what the standard library knows by heart, and of the characters of Unicode."""
    yield from ((f"&{name}", value, "entity") for name, value in html.entities.html5.items())
    yield from ((name, value, "media type") for name, value in mimetypes.types_map.items())
    yield from ((name, value, "locale") for name, value in locale.locale_alias.items())
    yield from ((name, os.strerror(number), "error") for number, name in errno.errorcode.items())
    yield from ((name, f"import {name}", "module") for name in sorted(sys.stdlib_module_names))
    for character in map(chr, range(sys.maxunicode + 1)):
        if name := unicodedata.name(character, ""):
            yield name.capitalize(), character, KINDS[unicodedata.category(character)[0]]


@cache
def database() -> sqlite3.Connection:
    connection = sqlite3.connect(Path(FOLDER.name) / "things.db", check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.executescript(SCHEMA)
    connection.executemany("INSERT INTO thing (name, value, kind) VALUES (?, ?, ?)", islice(things(), ROWS))
    connection.execute("INSERT INTO words (words) VALUES ('rebuild')")
    connection.commit()
    return connection


def ready() -> None:
    """Make the table when somebody first wants it, which takes about a second."""
    with MAKING:
        database()


class Table(Component):
    """A table of 100,000 rows in SQLite: filtered while you type, sorted by any column, and one page of it shown."""

    css = "table.css"
    scoped = True
    query: str = ""
    column: str = "id"
    descending: bool = False
    page: int = 0

    async def load(self) -> None:
        await asyncio.to_thread(ready)
        # Each word as a quoted prefix: nothing that is typed means something to the search.
        words = " ".join(f'"{word}"*' for word in self.query.replace('"', " ").replace("\0", " ").split())
        where, values = ("WHERE id IN (SELECT rowid FROM words WHERE words MATCH ?)", [words]) if words else ("", [])
        counted = "words WHERE words MATCH ?" if words else "thing"
        self.total = database().execute(f"SELECT count(*) FROM {counted}", values).fetchone()[0]
        self.pages = max(1, -(-self.total // SHOWN))
        self.page = min(self.page, self.pages - 1)
        order = f"{self.column} {'DESC' if self.descending else 'ASC'}, id LIMIT {SHOWN} OFFSET {self.page * SHOWN}"
        self.rows = database().execute(f"SELECT * FROM thing {where} ORDER BY {order}", values).fetchall()
        self.columns, self.start = COLUMNS, self.page * SHOWN

    @exposed
    def search(self, query: str) -> None:
        self.query, self.page = query[:100], 0

    @exposed
    def sort(self, column: str) -> None:
        if column not in COLUMNS:  # it becomes part of the SQL
            raise ValueError(f"there is no column {column!r}")
        self.descending = column == self.column and not self.descending
        self.column, self.page = column, 0

    @exposed
    def turn(self, page: int) -> None:
        self.page = max(0, min(page, self.pages - 1))


app = Asok()
app.page("/", Table)
