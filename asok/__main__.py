"""`python -m asok` is `asok`."""

from __future__ import annotations

from asok.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main(prog_name="asok")
