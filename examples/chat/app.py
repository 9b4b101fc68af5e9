"""Rooms to talk in: who is here, who is typing, and what was said before the server was started."""

import os
import sqlite3
from functools import cache
from pathlib import Path
from typing import Any

from asok import Asok, Component, exposed

FILE = Path(os.environ.get("ASOK_DATABASE") or Path(__file__).with_name(".asok") / "_").with_name("chat.db")
SCHEMA = """
    CREATE TABLE IF NOT EXISTS room (name TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS message (id TEXT PRIMARY KEY, room TEXT, name TEXT, text TEXT, at TEXT);
    INSERT OR IGNORE INTO room VALUES ('lobby'), ('kitchen');
"""
LATEST = "SELECT *, time(at, 'localtime') AS time FROM message WHERE room = ? ORDER BY rowid DESC LIMIT 100"


@cache
def database() -> sqlite3.Connection:
    FILE.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(FILE, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.executescript(SCHEMA)
    return connection


def query(sql: str, *values: Any) -> list[sqlite3.Row]:
    return database().execute(sql, values).fetchall()


def has_a_name(session: Any, room: str, action: str) -> bool:
    return "name" in session


class Chat(Component):
    """Rooms, who is in them and who is typing. What is said stays in SQLite when the server goes."""

    name: str = ""
    room: str = "lobby"

    def load(self) -> None:
        self.rooms = [row["name"] for row in query("SELECT name FROM room ORDER BY rowid")]
        self.messages = query(LATEST, self.room)[::-1]
        self.subscribe("rooms")

    @exposed
    def enter(self, name: str) -> None:
        if name.strip():
            self.name = self.session["name"] = name.strip()[:30]
            self.presence.join(f"chat:{self.room}", {"name": self.name})

    @exposed
    def go(self, room: str) -> None:
        self.presence.leave(f"chat:{self.room}")
        self.room = room.strip()[:30] or self.room
        self.presence.join(f"chat:{self.room}", {"name": self.name})
        query("INSERT OR IGNORE INTO room VALUES (?)", self.room)
        self.broadcast("rooms")
        self.reset("room")

    @exposed
    def typing(self) -> None:
        self.presence.typing(f"chat:{self.room}")

    @exposed
    def say(self, text: str) -> None:
        if text.strip():
            self.broadcast(f"chat:{self.room}")
            self.presence.typing(f"chat:{self.room}", seconds=0)
            # The event's id is the same when it is tried again: nothing is said twice.
            said = (self.event.id, self.room, self.name, text.strip()[:2000])
            query("INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, CURRENT_TIMESTAMP)", *said)
            self.reset("text")


app = Asok()
app.authorize("chat:*")(has_a_name)
app.page("/", Chat)
