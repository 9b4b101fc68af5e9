"""A process that only makes the app and pushes, for tests: `push_child FOLDER DATABASE TOPIC MESSAGE`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.rig import asok_app


def main(folder: str, database: str, topic: str, message: str) -> None:
    asok_app(Path(folder), database=database).push(topic, message)


if __name__ == "__main__":
    main(*sys.argv[1:])
