"""Files that let editors complete and explain Alive's attributes: VS Code's custom data, JetBrains' web-types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from asok.attributes import ATTRIBUTES, DOM_EVENTS, EVENT, EVENTS, KEYS, Attribute, Modifier, Value
from asok.errors import ConfigurationError

__all__ = ["vscode_data", "web_types", "write_editor_files"]

DATA_FILE, SETTINGS_FILE, WEB_TYPES_FILE = ".vscode/asok.html-data.json", ".vscode/settings.json", "web-types.json"
SETTINGS = {"html.customData": [DATA_FILE]}
WEB_TYPES_SCHEMA = "https://raw.githubusercontent.com/JetBrains/web-types/master/schema/web-types.json"
TELLS = {event.name: event.tells for event in EVENTS}


def write_editor_files(folder: Path) -> Iterator[str]:
    """Write both files into a project's folder, and say for each what was done, or what is left to do.

    Raises ConfigurationError where one cannot be written. Settings that are there already are left as they are.
    """
    try:
        _write(folder / DATA_FILE, vscode_data())
        yield f"{DATA_FILE} is written"
        settings = folder / SETTINGS_FILE
        if not settings.exists():
            _write(settings, SETTINGS)
            yield f"{SETTINGS_FILE} names it"
        elif DATA_FILE not in settings.read_text("utf-8", errors="replace"):
            yield f'add to {SETTINGS_FILE}: "html.customData": ["{DATA_FILE}"]'
        _write(folder / WEB_TYPES_FILE, web_types())
        yield f"{WEB_TYPES_FILE} is written"
        package = folder / "package.json"
        if not package.exists() or WEB_TYPES_FILE not in package.read_text("utf-8", errors="replace"):
            yield f'for JetBrains editors, package.json must name it: "web-types": "./{WEB_TYPES_FILE}"'
    except OSError as error:
        raise ConfigurationError(f"{error.filename or folder} cannot be written: {error.strerror}") from None


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8", newline="\n")


def _event_tells(name: str) -> str:
    when = TELLS.get(name)
    return f"Calls the method when {when}." if when else f"Calls the method at each `{name}` event."


def _explained(attribute: Attribute, modifier: Modifier | None = None) -> str:
    more = f"\n\n`.{modifier.name}` {modifier.tells}." if modifier else ""
    return f"{attribute.tells}{more}\n\nExample: `{attribute.example}`"


# --- VS Code: https://github.com/microsoft/vscode-custom-data


def vscode_data() -> dict[str, Any]:
    """Custom data for VS Code, which knows whole names only: each attribute, alone and with each modifier."""
    entries = [_entry(name, text) for name, text in _whole_names()]
    return {"version": 1.1, "tags": [], "globalAttributes": entries, "valueSets": []}


def _whole_names() -> Iterator[tuple[str, str]]:
    for event in sorted(DOM_EVENTS):
        tells = _event_tells(event)
        yield f"ws-{event}", tells
        if event in TELLS:
            for modifier in EVENT.modifiers:
                yield f"ws-{event}.{modifier.name}", f"{tells}\n\n`.{modifier.name}` {modifier.tells}."
    for event in ("keydown", "keyup"):
        for key, real in KEYS.items():
            yield f"ws-{event}.{key}", f"{_event_tells(event)}\n\nOnly for the key `{real}`."
    for attribute in ATTRIBUTES:
        yield attribute.name, _explained(attribute)
        for modifier in attribute.modifiers:
            yield f"{attribute.name}.{modifier.name}", _explained(attribute, modifier)


def _entry(name: str, text: str) -> dict[str, Any]:
    bare = next((each for each in ATTRIBUTES if each.name == name and each.value is Value.NOTHING), None)
    return {
        "name": name,
        "description": {"kind": "markdown", "value": text},
        **({"valueSet": "v"} if bare else {}),  # `v` is VS Code's own set for attributes without a value
    }


# --- JetBrains: https://github.com/JetBrains/web-types


def web_types() -> dict[str, Any]:
    """Web-types for JetBrains editors, which know patterns: a name, and any modifiers after it."""
    html: dict[str, Any] = {
        "attributes": [_event_pattern(), *map(_attribute_pattern, ATTRIBUTES)],
        "asok-events": [{"name": name, "description": _event_tells(name)} for name in sorted(DOM_EVENTS)],
        "asok-event-modifiers": [*_modifiers(EVENT), *({"name": key, "description": "a key"} for key in KEYS)],
    }
    html |= {_set(each): _modifiers(each) for each in ATTRIBUTES if each.modifiers}
    return {
        "$schema": WEB_TYPES_SCHEMA,
        "name": "asok",
        "version": version("asok-live"),
        "description-markup": "markdown",
        "contributions": {"html": html},
    }


def _event_pattern() -> dict[str, Any]:
    return {
        "name": "Alive event",
        "description": EVENT.tells,
        "value": {"kind": "plain", "type": "string", "required": True},
        "pattern": {
            "items": "/html/asok-events",
            "template": ["ws-", "#item:event", _repeated("/html/asok-event-modifiers")],
        },
    }


def _attribute_pattern(attribute: Attribute) -> dict[str, Any]:
    required = attribute.value not in (Value.NOTHING, Value.OPTIONAL)
    kind = "no-value" if attribute.value is Value.NOTHING else "plain"
    entry: dict[str, Any] = {
        "name": attribute.name,
        "description": _explained(attribute),
        "value": {"kind": kind, "type": "string", "required": required},
    }
    if attribute.modifiers:
        entry["pattern"] = {"template": [attribute.name, _repeated(f"/html/{_set(attribute)}")]}
    return entry


def _set(attribute: Attribute) -> str:
    return f"asok-{attribute.name.removeprefix('ws-')}-modifiers"


def _repeated(items: str) -> dict[str, Any]:
    return {"items": items, "template": [".", "#item:modifier"], "required": False, "repeat": True}


def _modifiers(attribute: Attribute) -> list[dict[str, Any]]:
    described = [{"name": each.name, "description": each.tells} for each in attribute.modifiers]
    timed = any(each.milliseconds != "never" for each in attribute.modifiers)
    number = {"name": "milliseconds", "description": "for the modifier before it", "pattern": r"\d+"}
    return [*described, number] if timed else described
