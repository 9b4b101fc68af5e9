"""What is said of a name that no component has."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from asok.checking import check
from asok.checking_components import Shown
from asok.component import registry
from asok.errors import RenderError, UnknownComponent
from asok.sources import Source
from asok.testing import LiveClient
from tests.rig import asok_app
from tests.unit.commands import asok


def checked(folder: Path, body: str, **files: str) -> subprocess.CompletedProcess[str]:
    """`asok check` in a project with these component modules and this page."""
    pages, components = folder / "src" / "templates", folder / "src" / "components"
    pages.mkdir(parents=True)
    components.mkdir()
    (folder / "app.py").write_text("from asok import Asok\n\napp = Asok()\napp.page('/', 'index.html')\n", "utf-8")
    (pages / "index.html").write_text(body, "utf-8")
    for place, text in files.items():
        target = folder / place.replace("__", "/")
        target = target.with_name(target.name + ".py")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    return asok("check", cwd=folder)


def test_a_class_of_another_kind_is_named(tmp_path: Path) -> None:
    done = checked(tmp_path, "{{ component('Plain') }}", src__components__Plain="class Plain:\n    count = 0\n")
    assert "the class Plain in src.components.Plain is not derived from Component; write class Plain(Com" in done.stdout


def test_a_class_that_nothing_has_imported_is_found(tmp_path: Path) -> None:
    code = "from asok import Component\n\n\nclass Far(Component):\n    template = '<p></p>'\n"
    done = checked(tmp_path, "{{ component('Far') }}", widgets__far=code)
    assert done.stdout.splitlines() == [
        "src/templates/index.html:1: no component is called 'Far'; nothing has imported widgets/far.py, which defines "
        "it: import it in app.py, or move it to src/components"
    ]


def test_without_a_reason_it_is_asked_whether_the_module_is_imported(tmp_path: Path) -> None:
    done = checked(tmp_path, "{{ component('Nowhere') }}")
    assert "no component is called 'Nowhere'; is its module imported?" in done.stdout


@pytest.mark.parametrize("name", ["unknown_lamp.html", "components.UnknownLamp", "unknownlamp", "unknown_lamp"])
def test_the_name_of_a_file_or_module_leads_to_the_class(name: str) -> None:
    from asok import Component

    class UnknownLamp(Component):
        template = "<p></p>"

    with pytest.raises(UnknownComponent, match=r"did you mean 'UnknownLamp'\?"):
        registry.find(name)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("component(Nobody)", r"needs the name of a class as a text; write component\('Nobody'\)"),
        ("component()", "needs the name of a class as a text"),
        ("component('Nobody', 4)", r"its fields are given by name, as in component\('Nobody', count=…\)"),
    ],
)
async def test_a_call_that_names_no_class_is_told_what_to_write(tmp_path: Path, call: str, problem: str) -> None:
    async with LiveClient(asok_app(tmp_path, {"/": "{{ " + call + " }}"})) as client:
        with pytest.raises(RenderError, match=problem):
            await client.open("/")


def test_the_checker_finds_a_name_without_quotes(tmp_path: Path) -> None:
    from asok import Component

    class UnknownShelf(Component):
        template = "<p></p>"

    source, env = Source("a.html", "{{ component(UnknownShelf) }}{{ component(other) }}"), asok_app(tmp_path).env
    found: list[Any] = [finding.problem for finding in check(source, env, Shown([source], env))]
    assert found == ["component(UnknownShelf): the name of a class is a text; write component('UnknownShelf')"]
