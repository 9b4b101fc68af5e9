"""What stands open of an app's stores over plain HTTP, as an OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from asok.errors import UnknownStore
from asok.fitting import misfit
from asok.mounting import Engine
from asok.stores import AuthStore, Store
from asok.trees import Path

__all__ = ["described"]

Schemas = dict[int, Any]
REFERENCE = "#/components/schemas/{name}"
ANYTHING: dict[str, Any] = {}
WRITES = {"put": "Set it", "patch": "Add to a number, merge into an object, replace anything else"}
WILD = ("*", "**")
WRITE_HEADERS = ("csrf", "grant", "match", "key")
_FUNCTION: Any = object()


def described(engine: Engine, root: str = "") -> dict[str, Any]:
    """The paths that the rules of the stores open, with what may stand there. root: where the app is mounted."""
    stores = list(_stores(engine))
    kinds = [each for store in stores for each in _types(store)]
    made, named = _schemas(kinds)
    schemas = {id(kind): schema for kind, schema in zip(kinds, made, strict=True)}
    paths: dict[str, Any] = {}
    for store in stores:
        for pattern, method, operation in _operations(store, schemas):
            address = f"{engine.settings.live}/store/{store.name}{_template(pattern)}"
            item = paths.setdefault(address, {"parameters": _parameters(pattern)})
            item.setdefault(method, operation)
    paths[f"{engine.settings.live}/store/~{{namespace}}/{{key}}"] = _namespaces()
    return {
        "openapi": "3.1.0",
        "info": {"title": "The stores of this app", "version": "1"},
        "servers": [{"url": root or "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {**_components(), "schemas": named},
    }


def _stores(engine: Engine) -> Iterator[Store]:
    try:
        engine.stores.find("")
    except UnknownStore as error:
        yield from map(engine.stores.find, error.known)


def _readable(store: Store) -> list[Path]:
    """The patterns that browsers read; what is below them is read, too."""
    return [pattern.parts for pattern in store.rules._readable]


def _writable(store: Store) -> list[tuple[Any, Any]]:
    """The patterns that browsers write, the nearest first, each with its type or _FUNCTION."""
    return [(rule.pattern, rule.validator if rule.is_type else _FUNCTION) for rule in store.rules._writable]


# ---- schemas


def _types(store: Store) -> Iterator[Any]:
    if store.type is not None:
        yield store.type
    yield from (kind for _, kind in _writable(store) if kind is not _FUNCTION)


def _schemas(kinds: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    """The schema of each type, and those that they refer to by name."""
    try:
        made, named = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    except TypeError:  # one of them has none; the others keep theirs
        apart = [_schemas([kind]) if len(kinds) > 1 else ([ANYTHING], {}) for kind in kinds]
        return [schema for each, _ in apart for schema in each], {k: v for _, each in apart for k, v in each.items()}
    return list(made), named


# ---- operations

Operation = tuple[Path, str, dict[str, Any]]


def _operations(store: Store, schemas: Schemas) -> Iterator[Operation]:
    """Place, method, operation. The first of a place and method is the one that counts."""
    readable, rules, personal = _readable(store), _writable(store), isinstance(store, AuthStore)
    whole = schemas[id(store.type)] if () in readable and store.type is not None else ANYTHING
    below = [*readable, *(pattern.parts for pattern, _ in rules if pattern.open)]
    places = [(), *readable, *(pattern.parts for pattern, _ in rules), *((*parts, "**") for parts in below)]
    lists = [place[:-1] for place in places if place and place[-1] == "*"]
    for place in dict.fromkeys([*places, *lists]):
        if store.rules.may_read(place) or (not place and readable):
            yield place, "get", _reading(store.name, ANYTHING if place else whole, personal=personal)
        for kind in [kind for pattern, kind in rules if pattern.names(place)][:1]:
            yield from _writes(store.name, place, kind, ANYTHING if kind is _FUNCTION else schemas[id(kind)])


def _writes(tag: str, place: Path, kind: Any, schema: Any) -> Iterator[Operation]:
    for method, summary in WRITES.items():
        yield place, method, _writing(tag, summary, schema if method == "put" else ANYTHING)
    if kind is _FUNCTION or schema.get("type") == "array":
        yield place, "post", _writing(tag, "Append an item to the list", schema.get("items", ANYTHING))
    if place and (kind is _FUNCTION or not misfit(kind, None)):
        yield place, "delete", _writing(tag, "Take it away")
    if place and place[-1] in WILD:
        yield place[:-1], "post", _writing(tag, "Append an item to the list", schema)


def _reading(tag: str, schema: Any = ANYTHING, *, personal: bool = False) -> dict[str, Any]:
    return {
        "summary": "What the rules of the store show there",
        "tags": [tag],
        "parameters": [_reference("parameters", "known")],
        "responses": {"200": _answer(["value", "version"], schema), "304": {"description": "As it was"}, **_refusals()},
        "security": [{"session": []}] if personal else [],
    }


def _writing(tag: str, summary: str, schema: Any = None) -> dict[str, Any]:
    body = {} if schema is None else {"requestBody": {"required": True, "content": _content(schema)}}
    return {
        "summary": summary,
        "tags": [tag],
        "parameters": [_reference("parameters", name) for name in WRITE_HEADERS],
        **body,
        "responses": {"200": _answer(["version"]), **_refusals()},
        "security": [{"session": []}],
    }


def _namespaces() -> dict[str, Any]:
    return {
        "parameters": [_parameter("namespace"), _parameter("key")],
        "get": _reading("~", personal=True),
        **{method: _writing("~", summary, ANYTHING) for method, summary in WRITES.items()},
        "delete": _writing("~", "Take it away"),
    }


# ---- pieces


def _template(place: Path) -> str:
    return "".join(f"/{{part{at}}}" if part in WILD else f"/{part}" for at, part in enumerate(place, 1))


def _parameters(place: Path) -> list[dict[str, Any]]:
    return [_parameter(f"part{at}") for at, part in enumerate(place, 1) if part in WILD]


def _parameter(name: str) -> dict[str, Any]:
    meaning = "A key or an index; where all below is open, several with `/` between them"
    return {"name": name, "in": "path", "required": True, "description": meaning, "schema": {"type": "string"}}


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _content(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _answer(required: Iterable[str], schema: Any = ANYTHING) -> dict[str, Any]:
    members = {"value": schema, "version": {"type": "integer", "minimum": 0}}
    content = _content({"type": "object", "properties": members, "required": list(required)})
    headers = {"ETag": {"description": "The version in quotes", "schema": {"type": "string"}}}
    return {"description": "The value, where it may be read, and the version", "headers": headers, "content": content}


def _refusals() -> dict[str, Any]:
    return {status: _reference("responses", "refused") for status in ("4XX", "5XX")}


def _components() -> dict[str, Any]:
    def header(name: str, meaning: str, *, required: bool = False) -> dict[str, Any]:
        return {
            "name": name,
            "in": "header",
            "required": required,
            "description": meaning,
            "schema": {"type": "string"},
        }

    text = {"type": "string"}
    error = {"type": "object", "properties": {"error": text, "text": text}, "required": ["error", "text"]}
    return {
        "parameters": {
            "known": header("If-None-Match", 'The version that is known already, as "7"'),
            "match": header("If-Match", 'Write only at this version, as "7"'),
            "csrf": header("X-CSRF-Token", "The page's token: data-csrf of the runtime's script", required=True),
            "grant": header("X-Asok-Grant", "What a page has signed for exactly this write"),
            "key": header("Idempotency-Key", "A write that is sent again with its key is not done again"),
        },
        "responses": {"refused": {"description": "A code, and in development a text", "content": _content(error)}},
        "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "asok"}},
    }
