"""Paths into a store's tree: which names a key may have, and which paths meet."""

from __future__ import annotations

from asok.errors import PathError

__all__ = ["MAX_PARTS", "Path", "encodes", "fault", "overlaps", "parse_path", "path_text"]

Path = tuple[str, ...]

# Names that mean something to JavaScript's objects; every __name__ is refused beside them.
FORBIDDEN = frozenset({"__proto__", "prototype", "constructor"})
MAX_PARTS = 32
MAX_PART = 256


def forbidden(part: str) -> bool:
    """Whether no key may be called so: `__proto__`, `prototype`, `constructor`, every `__name__`."""
    return part in FORBIDDEN or (part.startswith("__") and part.endswith("__"))


def parse_path(text: str) -> Path:
    """`todo/0/done` as parts, "" as none. Raises PathError for what cannot be a path."""
    if text == "":
        return ()
    if not isinstance(text, str):
        raise PathError("bad_path", repr(text), "a path is text, such as 'todo/0/done', and \"\" is the whole")
    parts = tuple(text.split("/", MAX_PARTS))
    if len(parts) > MAX_PARTS or "/" in parts[-1]:
        raise PathError("bad_path", text, f"it has more than {MAX_PARTS} parts")
    for part in parts:
        problem = fault(part)
        if problem:
            raise PathError("bad_path", text, f"{problem}; write it as 'todo/0/done'")
    return parts


def path_text(path: Path) -> str:
    """The parts as they are written: `todo/0/done`."""
    return "/".join(path)


def overlaps(a: Path, b: Path) -> bool:
    """Whether one path is the beginning of the other, so that a change at one may be seen at the other."""
    return a[: len(b)] == b[: len(a)]


def fault(part: str) -> str:
    """What keeps a text from being a key, and so a part of a path; "" when nothing does."""
    if not part:
        return "a part is empty"
    if len(part) > MAX_PART:
        return f"a part is longer than {MAX_PART} characters"
    if "/" in part:
        return f"{part!r} has a slash"
    if forbidden(part):
        return f"{part!r} is a reserved name"
    return "" if part.isascii() or encodes(part) else f"{part!r} has half a surrogate pair"


def encodes(text: str) -> bool:
    """Whether UTF-8 can carry the text: half a surrogate pair it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
