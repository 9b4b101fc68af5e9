"""The files for editors: of the right form, complete, and careful with what is there already."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asok.attributes import ATTRIBUTES, DOM_EVENTS, EVENT
from asok.editors import vscode_data, web_types, write_editor_files
from asok.errors import ConfigurationError


def test_vs_code_learns_every_attribute_with_each_modifier_once() -> None:
    data = vscode_data()
    names = [entry["name"] for entry in data["globalAttributes"]]
    wanted = {f"ws-{event}" for event in DOM_EVENTS} | {each.name for each in ATTRIBUTES}
    wanted |= {f"{each.name}.{modifier.name}" for each in ATTRIBUTES for modifier in each.modifiers}
    wanted |= {f"ws-click.{modifier.name}" for modifier in EVENT.modifiers} | {"ws-keydown.enter"}
    assert wanted <= set(names) and len(set(names)) == len(names)


def test_the_custom_data_has_the_form_that_vs_code_reads() -> None:
    data = vscode_data()
    assert set(data) == {"version", "tags", "globalAttributes", "valueSets"} and data["version"] == 1.1
    for entry in data["globalAttributes"]:
        assert set(entry) <= {"name", "description", "valueSet"}
        assert set(entry["description"]) == {"kind", "value"} and entry["description"]["kind"] == "markdown"


def test_what_takes_no_value_gets_no_quotes() -> None:
    entries = {entry["name"]: entry for entry in vscode_data()["globalAttributes"]}
    assert entries["ws-ignore"]["valueSet"] == "v" and "valueSet" not in entries["ws-model"]


def attributes_of(types: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = types["contributions"]["html"]["attributes"]
    return found


def patterns(types: dict[str, Any]) -> Iterator[str]:
    """The attributes of web-types as regular expressions, read as their format says."""
    html = types["contributions"]["html"]

    def items(path: str) -> str:
        return "|".join(each.get("pattern") or re.escape(each["name"]) for each in html[path.removeprefix("/html/")])

    def read(pattern: dict[str, Any]) -> str:
        parts = [
            read(each)
            if isinstance(each, dict)
            else f"(?:{items(pattern['items'])})"
            if each[0] == "#"
            else re.escape(each)
            for each in pattern["template"]
        ]
        return "".join(parts) if pattern.get("required", True) else f"(?:{''.join(parts)})*"

    for each in attributes_of(types):
        yield read(each["pattern"]) if "pattern" in each else re.escape(each["name"])


KNOWN = (
    "ws-click ws-click.prevent.once ws-keydown.enter.debounce.300 ws-model.lazy ws-loading.class.delay.400 ws-ignore"
)


@pytest.mark.parametrize("name", KNOWN.split())
def test_jetbrains_editors_know_names_with_their_modifiers(name: str) -> None:
    assert any(re.fullmatch(each, name) for each in patterns(web_types()))


@pytest.mark.parametrize("name", ["ws-clik", "ws-click.prevnt", "ws-poll.once"])
def test_jetbrains_editors_do_not_know_what_is_misspelt(name: str) -> None:
    assert not any(re.fullmatch(each, name) for each in patterns(web_types()))


def test_web_types_tell_whether_there_is_a_value() -> None:
    entries = {each["name"]: each["value"] for each in attributes_of(web_types())}
    assert entries["ws-ignore"]["kind"] == "no-value" and entries["ws-model"]["required"]
    assert not entries["ws-transition"]["required"]


def test_the_files_are_written_and_what_is_left_to_do_is_said(tmp_path: Path) -> None:
    said = list(write_editor_files(tmp_path))
    assert json.loads((tmp_path / ".vscode/asok.html-data.json").read_text("utf-8")) == vscode_data()
    assert json.loads((tmp_path / "web-types.json").read_text("utf-8")) == web_types()
    settings = json.loads((tmp_path / ".vscode/settings.json").read_text("utf-8"))
    assert settings == {"html.customData": [".vscode/asok.html-data.json"]}
    assert "package.json must name it" in said[-1]


def test_settings_of_ones_own_are_not_touched(tmp_path: Path) -> None:
    settings = tmp_path / ".vscode" / "settings.json"
    settings.parent.mkdir()
    settings.write_text("{ // mine\n}")
    (tmp_path / "package.json").write_text('{"web-types": "./web-types.json"}')
    said = list(write_editor_files(tmp_path))
    assert settings.read_text() == "{ // mine\n}"
    assert 'add to .vscode/settings.json: "html.customData": [".vscode/asok.html-data.json"]' in said
    assert not any("package.json" in line for line in said)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".vscode").write_text("a file")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        list(write_editor_files(tmp_path))
