"""What the checker finds in whole templates and projects, and on which lines; and what the log tells of it."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok import Asok, Component, exposed
from asok.checking import check
from asok.checking_components import Shown
from asok.component import definition_of, registry
from asok.settings import Settings
from asok.sources import Source
from asok.testing import LiveClient
from tests.rig import KEY, asok_app
from tests.unit.commands import asok, running

EXAMPLES = Path(__file__).parents[2] / "examples"
CLIK = "there is no ws-clik; did you mean 'ws-click'?"


class Errands(Component):
    template = "<div></div>"
    draft: str = ""
    done: bool = False

    @exposed
    def add(self, n: int = 1) -> None: ...


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> jinja2.Environment:
    return asok_app(tmp_path_factory.mktemp("project")).env


def said(env: jinja2.Environment, html: str) -> list[tuple[int, str]]:
    """The lines and problems in a template of the class."""
    source = Source("a.html", html, (definition_of(Errands),))
    return [(finding.line, finding.problem) for finding in check(source, env, Shown([source], env))]


# --- components and Jinja itself


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        (
            "{{ component('Errand') }}",
            "no component is called 'Errand'; did you mean 'Errands'?; is its module imported?",
        ),
        (
            "{{ component('Errands', drft='') }}",
            "component('Errands', drft=…): Errands has no such field; did you mean 'draft'?",
        ),
        ("{% component 'Errands', a=1 %}{% endcomponent %}", "component('Errands', a=…): Errands has no such field"),
        (
            "{{ component('Errands', 'x') }}",
            "component('Errands', …): its fields are given by name, as in component('Errands', draft=…)",
        ),
        (
            "{{ component('Errands', done='x') }}",
            "component('Errands', done='x'): Errands.done is declared as bool and cannot hold 'x' (str); "
            "annotate it with the type that it should carry",
        ),
        ("{{ a|upcase }}", "Jinja cannot read this: No filter named 'upcase'."),
        ("{% slot %}", "Jinja cannot read this: a slot is named by one text, as in {% slot 'footer' %}"),
    ],
)
def test_a_mistake_is_said_with_its_line(env: jinja2.Environment, html: str, problem: str) -> None:
    assert said(env, f"<p>\n{{# a\n #}}{html}") == [(3, problem)]


@pytest.mark.parametrize(
    "html",
    [
        "{{ component('Errands', key=1, draft='a', **more) }}{{ component('Errands', done=done) }}{{ component(a) }}",
        "{{ component() }}{{ component(1) }}{{ other('Errand') }}",
    ],
)
def test_what_only_the_page_will_tell_is_left_alone(env: jinja2.Environment, html: str) -> None:
    assert said(env, html) == []


# --- planted into what is right

WORDS = st.text("ab<> é\n'", max_size=8).map(lambda text: text.replace("<", "&lt;"))
SEVERAL_LINES = ['class="a\n{% if b %}c{% endif %}"', "{% if d %}ws-key='{{ e\n}}'{% endif %}", "{{ f\n|safe }}"]
GOOD = st.sampled_from(['ws-click="add({{ n }})"', "ws-ignore", "data-x='>'", *SEVERAL_LINES])
BITS = st.sampled_from(["<!-- <b ws-clik>\n -->", "{#\n<b ws-clik>#}", "{% raw %}\n<b ws-clik>{% endraw %}", "<br>\n"])
ELEMENTS = st.lists(GOOD, max_size=3).map(lambda each: f"<b {' '.join(each)}></b>")
PARTS = st.lists(st.one_of(WORDS, BITS, ELEMENTS), max_size=6).map("".join)
SLIPS = st.sampled_from(["ws-clik", "ws-modle", "ws-click.prevnt", "ws-pol", "ws-keydown.entr"])


@given(PARTS, PARTS, st.lists(GOOD, max_size=2), SLIPS)
def test_a_planted_mistake_is_found_on_its_line_and_nothing_else(
    env: jinja2.Environment, before: str, after: str, beside: list[str], slip: str
) -> None:
    start = f"{before}<i {' '.join(beside)} "
    assert [line for line, _ in said(env, f"{start}{slip}='add'>{after}")] == [start.count("\n") + 1]


PIECES = [
    "<p ws-clik",
    "<p ws-click='",
    "'",
    '"',
    ">",
    "{%",
    "%}",
    "{{",
    "}}",
    "<",
    "ws-",
    "=",
    "{% if a %}",
    "\n",
    "(",
]


@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_there_is_an_answer_to_any_text(env: jinja2.Environment, html: str) -> None:
    assert all(line >= 1 and problem for line, problem in said(env, html))


# --- asok check


def test_the_examples_have_no_mistakes() -> None:
    done = asok("check", "gallery/app.py", cwd=EXAMPLES, ASOK_DATABASE=":memory:")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(" templates checked, no mistakes found\n") and done.stdout.count("\n") == 1


def planted_in(folder: Path) -> set[str]:
    """Misspell every click in a folder's templates; gives what is to be said of that."""
    planted = set[str]()
    for file in [*folder.rglob("*.html"), *folder.rglob("*.py")]:
        lines = file.read_text("utf-8").splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            if " ws-click" in line:
                lines[number - 1] = line.replace(" ws-click", " ws-clik")
                planted |= {f"{file.relative_to(folder)}:{number}: {CLIK}"}
        file.write_text("".join(lines), "utf-8")
    return planted


@pytest.mark.parametrize("example", sorted({path.parent.name for path in EXAMPLES.glob("*/app.py")} - {"gallery"}))
def test_mistakes_planted_in_an_example_are_found(example: str, tmp_path: Path) -> None:
    folder = tmp_path / example
    shutil.copytree(EXAMPLES / example, folder, ignore=shutil.ignore_patterns("__pycache__", ".asok"))
    planted = planted_in(folder)
    done = asok("check", cwd=folder)
    assert done.returncode == bool(planted), done.stderr
    assert set(done.stdout.splitlines()) == planted or not planted


def test_an_app_that_raises_is_told_with_its_own_lines_only(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def go():\n    1 / 0\n\ngo()\n")
    done = asok("check", cwd=tmp_path)
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr
    assert "loading.py" not in done.stderr


# --- in development


def app_of(folder: Path, *, debug: bool, **options: object) -> Asok:
    settings = Settings(folder, keys=(KEY,), database=":memory:", debug=debug)
    return Asok(root=folder, settings=settings, **options)  # type: ignore[arg-type]  # whatever the test gives


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    caplog.clear()
    return said


async def test_mistakes_are_told_at_the_start_once_and_when_they_come_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "templates" / "a.html"
    page.parent.mkdir()
    page.write_text("<p ws-clik>\n<p ws-clik>")
    app = app_of(tmp_path, debug=True)
    with registry.isolated(lambda definition: False):
        async with LiveClient(app):
            assert told(caplog) == [f"templates/a.html:{line}: {CLIK}" for line in (1, 2)]
            await app.refresh("template")
            assert told(caplog) == []
            for text in ("<p>", "<p ws-clik>"):
                page.write_text(text)
                await app.refresh("template")
            assert told(caplog) == [f"templates/a.html:1: {CLIK}"]


async def test_a_slot_that_is_called_otherwise_makes_mistakes_elsewhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    components = tmp_path / "src" / "components"
    components.mkdir(parents=True)
    (components / "Inside.py").write_text("from asok import Component\nclass Inside(Component): ...\n")
    (components / "inside.html").write_text("<p>{{ slots.foot }}</p>")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text("{% component 'Inside' %}{% slot 'foot' %}x{% endcomponent %}")
    app = app_of(tmp_path, debug=True)
    async with LiveClient(app):
        assert told(caplog) == []
        (components / "inside.html").write_text("<p>{{ slots.foots }}</p>")
        await app.refresh("template")
        assert told(caplog)[0].endswith("a.html:1: Inside has no slot 'foot'; did you mean 'foots'?")


async def test_an_app_that_starts_again_says_nothing_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text("<p ws-clik>")
    app = app_of(tmp_path, debug=True)
    for times in (1, 0):
        async with LiveClient(app):
            assert len(told(caplog)) == times


async def test_production_does_not_look_for_mistakes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text("<p ws-clik>")
    async with LiveClient(app_of(tmp_path, debug=False)):
        assert told(caplog) == []


async def test_what_cannot_be_checked_keeps_nobody_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Breaking(jinja2.BaseLoader):
        def list_templates(self) -> list[str]:
            raise RuntimeError("no list today")

    async with LiveClient(app_of(tmp_path, debug=True, env=jinja2.Environment(loader=Breaking()))):
        assert "the templates cannot be checked" in told(caplog)


async def test_asok_dev_tells_of_mistakes_and_serves(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "from starlette.applications import Starlette\nfrom starlette.routing import Mount\nfrom asok import Asok\n"
        "inner = Asok()\ninner.page('/', 'a.html')\napp = Starlette(routes=[Mount('/', inner)])\n"
    )
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text("<p ws-clik></p>")
    async with running("dev", cwd=tmp_path) as server:
        await server.announces()
        assert "ws-clik" in await server.get()
        assert server.said.count(f"WARNING: templates/a.html:1: {CLIK}") == 1


# --- the docs

DOCS = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))


@pytest.mark.parametrize("page", DOCS, ids=lambda path: path.stem)
def test_the_html_of_the_docs_has_no_mistakes(env: jinja2.Environment, page: Path) -> None:
    blocks = re.findall(r"```html\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    known = env.overlay(extensions=["jinja2.ext.i18n"])
    found = [finding for block in blocks for finding in check(Source(page.name, block), known, Shown([], known))]
    elsewhere = "no component is called", "there is no template 'html/base.html'"
    assert [each for each in found if not each.problem.startswith(elsewhere)] == []
