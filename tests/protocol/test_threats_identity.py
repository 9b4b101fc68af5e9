"""Threats T01 to T06: what may be made, named, called and set."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

import asok
from asok import Component, exposed
from asok.errors import ComponentError, DuplicateComponent
from asok.state import seal
from tests.protocol.attacked import (
    ONE,
    RING,
    asok_app,
    attacked,
    define,
    opened,
    ran,
    reset_or_refused,
)


@pytest.fixture(autouse=True)
def parts() -> None:
    define()


async def test_t01_no_metadata_of_a_type_makes_an_object(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        poison = [
            {"__type__": "os.system"},
            {"s": 1, "class": "subprocess.Popen"},
            {"__class__": "x"},
            {"py/object": "x"},
        ]
        for value in poison:
            await tab.send("event", tab.only, 1, "any", {"value": value})
            assert await tab.closed() == 4400
            tab = await served.tab()
        assert ran.count("add") == 0
        for value in poison:
            answer = await tab.event("", {"fields": {"draft": value}})
            assert answer[3] == "bad_args"


def test_t01_the_package_has_nothing_that_unpickles_or_evaluates() -> None:
    forbidden = re.compile(r"\b(pickle|marshal|shelve|yaml|dill|jsonpickle)\b")
    for file in Path(asok.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "__import__"), file
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert not forbidden.search(ast.unparse(node)), file


@pytest.mark.parametrize(
    "path",
    [
        "__class__",
        "__class__.__init__.__globals__",
        "a.__dict__",
        "draft.x",
        "_note",
        "__dict__",
        "_asok",
        "draft.__class__",
    ],
)
async def test_t02_no_path_reaches_an_attribute(tmp_path: Path, path: str) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        assert (await tab.event("", {"fields": {path: "x"}}))[3] == "bad_args"
        assert await tab.text_after("add") == "<p title=''>1  </p>"


async def test_t03_the_state_of_one_component_is_none_of_another(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, {"/": "{{ component('Counter') }}{{ component('Other') }}"})) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        first, second = page.tokens
        swapped = second.split(".")[0] + "." + first.split(".", 1)[1]
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        assert await reset_or_refused(tab, swapped) == "reset"
        mixed = ".".join([*second.split(".")[:2], first.split(".")[2], second.split(".")[3]])
        assert await reset_or_refused(tab, mixed) == "reset"
        assert await reset_or_refused(tab, second) == "pong"


async def test_t04_an_unknown_class_is_answered_as_a_forged_token_is(tmp_path: Path) -> None:
    with pytest.raises(DuplicateComponent, match="rename one"):
        type("Counter", (Component,), {"__module__": "elsewhere"})
    async with attacked(asok_app(tmp_path, ONE)) as served:
        visitor = await served.visitor()
        page = await visitor.open()
        token = opened(page.tokens[0])
        tab = await visitor.connect()
        await tab.join([], page.csrf)
        answers = []
        for name in ("Nobody", "os.system", "asok.component.Component", "../Counter"):
            made = seal(msgspec.structs.replace(token, component=name), RING)
            answers.append(await reset_or_refused(tab, made))
        answers.append(await reset_or_refused(tab, page.tokens[0][:-3] + "AAA"))
        assert set(answers) == {"reset"}


@pytest.mark.parametrize(
    "call",
    [
        "mount", "load", "render", "updated", "unmount", "guard", "migrate", "html('x')", "helper", "peek", "count",
        "secret", "redirect('/x')", "reset('x')", "dispatch('x')", "session", "request", "__init__", "__class__",
        "__dict__", "_asok", "_definition", "_renderer", "template", "draft", "nope", "Counter", "add.__call__",
        "self.add", "tags.append('x')",
    ],
)  # fmt: skip
async def test_t05_what_is_not_exposed_is_not_called(tmp_path: Path, call: str) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        ran.clear()
        assert await tab.event(call) == ["refused", tab.only, 1, "refused", ""]
        assert ran == []
        assert (await tab.event("add"))[0] == "update"


def test_t05_a_decorator_on_a_hook_is_refused_and_an_override_without_it_unexposes() -> None:
    for hook in ("mount", "load", "render", "guard", "_hidden", "redirect"):
        with pytest.raises(ComponentError, match="cannot be @exposed"):
            type("Wrong", (Component,), {hook: exposed(lambda self: None)})

    class Open(Component):
        @exposed
        def act(self) -> None: ...

    class Shut(Open):
        def act(self) -> None: ...

    assert "act" in Open._definition.exposed
    assert "act" not in Shut._definition.exposed


async def test_t06_only_bound_fields_are_written(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        for name in ("count", "secret", "label", "peek", "nothing", "add", "session"):
            answer = await tab.event("", {"fields": {"draft": "mine", name: 1}})
            assert answer[3] == "bad_args", name
        assert await tab.text_after("", {"fields": {"draft": "mine"}}) == "<p title=''>0  mine</p>"


@pytest.mark.parametrize(
    "path",
    [
        "draft/x", "draft[0]", "draft.0", "draft.", ".draft", "draft\x00", "__init__", "__class__/__init__",
        "_definition",
        "constructor", "a.b.c.d.e.f.g.h.i.j.k.l", "draft.__class__.__mro__", "__proto__", "self.draft", "Draft",
        "draft ",
    ],
)  # fmt: skip
async def test_t02_a_field_is_named_exactly_or_not_at_all(tmp_path: Path, path: str) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        for data in ({"fields": {path: "x"}}, {"fields": {"draft": "mine", path: {"x": 1}}}):
            assert (await tab.event("", data))[3] == "bad_args"
        assert (await tab.event("add", {"form": [[path, "1"]], "left": [path]}))[0] == "update"
        assert tab.text() == "<p title=''>1  </p>"


def test_t04_no_module_is_imported_by_a_name_that_came_from_outside() -> None:
    importing = {}
    for file in Path(asok.__file__).parent.rglob("*.py"):
        text = file.read_text("utf-8")
        if re.search(r"import_module|spec_from_file_location|__import__|importlib\.util", text):
            importing[file.name] = text
    # The files that the command line names, those of the project's own folder, and what pytest is told to load.
    assert set(importing) == {"loading.py", "project.py", "testing_plugin.py"}


async def test_t05_what_was_exposed_is_looked_up_in_a_map_that_nothing_changes(tmp_path: Path) -> None:
    class Live(Component):
        count = 0
        act: Any = None
        handlers: dict[str, Any] = {}
        template = "<p>{{ count }}</p>"

        @exposed
        def add(self) -> None:
            self.count += 1
            self.act = "add"
            self.handlers = {"evil": "x"}

    def late(self: Any) -> None:
        ran.append("late")

    async with attacked(asok_app(tmp_path, {"/": "{{ component('Live') }}"})) as served:
        tab = await served.tab()
        await tab.event("add")
        Live.evil = exposed(late)  # type: ignore[attr-defined]  # after the class was made
        Live.add.extra = late  # type: ignore[attr-defined]
        for call in ("evil", "act", "act()", "handlers", "handlers.evil", "add.extra", "add.__wrapped__", "Live.add"):
            assert (await tab.event(call))[3] == "refused", call
        assert "late" not in ran
        with pytest.raises(TypeError):
            Live._definition.exposed["evil"] = Live._definition.exposed["add"]  # type: ignore[index]  # frozen


async def test_t06_a_field_that_a_form_names_is_not_set_by_it(tmp_path: Path) -> None:
    async with attacked(asok_app(tmp_path, ONE)) as served:
        tab = await served.tab()
        form = [[name, "9"] for name in ("count", "secret", "label", "tags", "_note", "session", "self", "request")]
        assert (await tab.event("add", {"form": form, "value": "9", "key": "9"}))[0] == "update"
        assert (await tab.event("add", {"form": form}))[0] == "update"
        assert (await tab.event("name", {"form": [["label", "mine"], ["count", "9"]]}))[0] == "update"
        assert tab.text() == "<p title='mine'>2 mine </p>"
        assert (await tab.event("add(self=1)"))[3] == "bad_args"
        assert (await tab.event("add(count=9)"))[3] == "bad_args"
