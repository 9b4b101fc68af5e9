"""The description of what stands open of the stores: by structure OpenAPI 3.1, and true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from asok import AuthStore, Store
from tests.unit.store_site import site

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
TYPES = {"null", "boolean", "object", "array", "number", "string", "integer"}
ITEM = METHODS | {"parameters", "summary", "description", "servers", "$ref"}


class Todo(msgspec.Struct):
    text: str
    done: bool = False


@dataclass
class Board:
    title: str
    todo: list[Todo]


board = Store(
    Board("Home", []),
    name="board",
    readable=True,
    writable={"title": Annotated[str, msgspec.Meta(max_length=40)], "todo/*": Todo | None, "todo/*/done": bool},
)
parts = Store(
    {"a": {}, "list": []},
    name="parts",
    readable=["a/*/name"],
    writable={"a/**": lambda change: True, "list": list[int], "kind": Literal["x", "y"], "odd": list[object]},
)
own = AuthStore(lambda session: session.get("user"), {"n": 0}, name="own", readable=["n"], writable={"n": int})


async def description(root: Path) -> Any:
    async with site(root, debug=True) as here:
        answer = await here.stranger().send("GET", "openapi.json")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        return answer.json()


# ---- the structure that OpenAPI 3.1 asks for


def follow(document: Any, node: Any) -> Any:
    if "$ref" not in node:
        return node
    found = document
    for name in node["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def check_document(document: Any) -> None:
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert set(document) <= {"openapi", "info", "servers", "paths", "components", "security", "tags"}
    assert isinstance(document["info"]["title"], str)
    assert isinstance(document["info"]["version"], str)
    assert all(isinstance(server["url"], str) for server in document["servers"])
    hierarchies = [re.sub(r"\{\w+\}", "{}", path) for path in document["paths"]]
    assert len(set(hierarchies)) == len(hierarchies), "two templates of one hierarchy"
    for path, item in document["paths"].items():
        assert path.startswith("/")
        assert set(item) <= ITEM
        for method in set(item) & METHODS:
            check_operation(document, path, method, item)
    for schema in document["components"]["schemas"].values():
        check_schema(document, schema)
    for response in document["components"]["responses"].values():
        check_response(document, response)


def check_operation(document: Any, path: str, method: str, item: Any) -> None:
    operation = item[method]
    assert set(operation) <= {"summary", "description", "tags", "parameters", "requestBody", "responses", "security"}
    given = [follow(document, each) for each in [*item.get("parameters", []), *operation.get("parameters", [])]]
    for each in given:
        assert each["in"] in {"path", "query", "header", "cookie"}
        assert each["required"] or each["in"] != "path"
        check_schema(document, each["schema"])
    named = [(each["name"], each["in"]) for each in given]
    assert len(set(named)) == len(named)
    assert {name for name, place in named if place == "path"} == set(re.findall(r"\{(\w+)\}", path))
    if "requestBody" in operation:
        assert method not in ("get", "head", "delete")
        check_content(document, operation["requestBody"]["content"])
    assert operation["responses"]
    for status, response in operation["responses"].items():
        assert re.fullmatch(r"[1-5](\d\d|XX)|default", status)
        check_response(document, follow(document, response))
    for scheme in (name for each in operation.get("security", []) for name in each):
        assert document["components"]["securitySchemes"][scheme]["type"] == "apiKey"


def check_response(document: Any, response: Any) -> None:
    assert isinstance(response["description"], str)
    for header in response.get("headers", {}).values():
        check_schema(document, header["schema"])
    check_content(document, response.get("content", {}))


def check_content(document: Any, content: Any) -> None:
    for kind, media in content.items():
        assert kind == "application/json"
        check_schema(document, media["schema"])


def check_schema(document: Any, schema: Any) -> None:
    assert isinstance(schema, dict)
    assert isinstance(follow(document, schema), dict)
    assert schema.get("type", "null") in TYPES
    assert set(schema.get("required", [])) <= set(schema.get("properties", {}))
    for inner in within(schema):
        check_schema(document, inner)


def within(schema: Any) -> Iterator[Any]:
    yield from schema.get("properties", {}).values()
    yield from schema.get("anyOf", [])
    yield from (schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict))


async def test_the_description_has_the_structure_of_openapi(tmp_path: Path) -> None:
    check_document(await description(tmp_path))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("info"),
        lambda d: d["paths"].update({"/live/store/board/todo/{other}": {}}),
        lambda d: d["paths"]["/live/store/board/todo/{part2}"].pop("parameters"),
        lambda d: d["components"]["schemas"].pop("Todo"),
        lambda d: d["paths"]["/live/store/board"]["get"].pop("responses"),
        lambda d: d["components"]["parameters"].pop("csrf"),
        lambda d: d["paths"]["/live/store/board"].update(fetch={}),
    ],
)
async def test_the_check_of_the_structure_sees_what_is_wrong(tmp_path: Path, spoil: Any) -> None:
    document = await description(tmp_path)
    spoil(document)
    with pytest.raises((AssertionError, KeyError)):
        check_document(document)


# ---- and what it says


async def test_the_description_names_what_the_rules_open_and_nothing_else(tmp_path: Path) -> None:
    paths = (await description(tmp_path))["paths"]

    def methods(place: str) -> set[str]:
        return set(paths.get(f"/live/store/{place}", {})) & METHODS

    assert methods("board") == {"get"}
    assert methods("board/{part1}") == {"get"}
    assert methods("board/title") == {"get", "put", "patch"}
    assert methods("board/todo") == {"get", "post"}
    assert methods("board/todo/{part2}") == {"get", "put", "patch", "delete"}
    assert methods("board/todo/{part2}/done") == {"get", "put", "patch"}
    assert methods("parts/a/{part2}/name") == {"get", "put", "patch", "post", "delete"}
    assert (
        methods("parts/a")
        == methods("parts/a/{part2}")
        == {"put", "patch", "post", "delete"} | (methods("parts/a") & {"post"})
    )
    assert methods("parts/list") == {"put", "patch", "post"}
    assert methods("own/n") == {"get", "put", "patch"}
    assert methods("dark") == methods("polls/secret") == set()
    assert methods("~{namespace}/{key}") == {"get", "put", "patch", "delete"}


async def test_the_schemas_are_those_of_the_validators(tmp_path: Path) -> None:
    document = await description(tmp_path)

    def sent(place: str, method: str) -> Any:
        body = document["paths"][f"/live/store/{place}"][method]["requestBody"]
        return body["content"]["application/json"]["schema"]

    assert sent("board/title", "put") == {"type": "string", "maxLength": 40}
    assert sent("board/todo/{part2}/done", "put") == {"type": "boolean"}
    assert {"$ref": "#/components/schemas/Todo"} in sent("board/todo", "post")["anyOf"]
    assert sent("parts/list", "post") == {"type": "integer"}
    assert sent("parts/kind", "put")["enum"] == ["x", "y"]
    assert sent("parts/a", "put") == sent("parts/odd", "put") == {}
    assert document["components"]["schemas"]["Todo"]["required"] == ["text"]
    whole = document["paths"]["/live/store/board"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert whole["properties"]["value"] == {"$ref": "#/components/schemas/Board"}
    assert document["paths"]["/live/store/own/n"]["get"]["security"] == [{"session": []}]


async def test_what_the_description_does_not_name_is_refused(tmp_path: Path) -> None:
    paths = (await description(tmp_path))["paths"]
    async with site(tmp_path) as here:
        visitor = await here.visitor("ann")
        unnamed = [address for address, item in paths.items() if "put" not in item]
        assert unnamed
        for address in unnamed:
            place = re.sub(r"\{\w+\}", "0", address).removeprefix("/live/store/")
            assert (await visitor.send("PUT", place, {})).status_code in (403, 409), address


async def test_there_is_no_description_outside_of_development(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        answer = await here.stranger().send("GET", "openapi.json")
        other = await here.stranger().send("GET", "nosuch")
        assert (answer.status_code, answer.content) == (other.status_code, other.content) == (404, other.content)
