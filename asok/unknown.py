"""Why no component has a name that a template uses: the class is of another kind, or nothing has imported it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

__all__ = ["projects", "why_unknown"]

# The folders of the projects whose components were looked for.
projects: set[Path] = set()

MOST_FILES = 2000
NOT_OURS = {"site-packages", "node_modules", "__pycache__"}


@lru_cache(maxsize=64)
def why_unknown(name: str) -> str:
    """The reason in words; "" where none is found."""
    for module in list(sys.modules.values()):
        found = getattr(module, "__dict__", {}).get(name)
        if isinstance(found, type) and found.__module__ == module.__name__ and _is_ours(module):
            return f"the class {name} in {module.__name__} is not derived from Component; write class {name}(Component)"
    defined = re.compile(rf"^class {re.escape(name)}\b", re.MULTILINE)
    for root in sorted(projects):
        for file in _python_files(root):
            if defined.search(file.read_text("utf-8", errors="replace")):
                shown = file.relative_to(root).as_posix()
                return (
                    f"nothing has imported {shown}, which defines it: import it in app.py, or move it to src/components"
                )
    return ""


def _is_ours(module: object) -> bool:
    file = getattr(module, "__file__", None)
    return bool(file) and any(Path(str(file)).resolve().is_relative_to(root) for root in projects)


def _python_files(root: Path) -> Iterator[Path]:
    """The project's own, of which there may be many more elsewhere below its folder."""
    number = 0
    for folder, inner, files in os.walk(root):
        inner[:] = sorted(each for each in inner if not each.startswith(".") and each not in NOT_OURS)
        for file in sorted(files):
            number += 1
            if number > MOST_FILES:
                return
            if file.endswith(".py") and os.access(Path(folder, file), os.R_OK):
                yield Path(folder, file)
