"""Which templates an app has, and where they stand."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from asok import Asok, Component, exposed
from asok.checking import findings
from asok.component import definition_of, registry
from asok.settings import Settings
from tests.rig import KEY, asok_app

CARD = """\
from asok import Component, exposed

class Card(Component):
    @exposed
    def flip(self): ...

    def render(self):
        return self.html("other.html")
"""
CLIK = "there is no ws-clik; did you mean 'ws-click'?"


def project(folder: Path, files: dict[str, str]) -> Asok:
    """An app whose project has these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return asok_app(folder)


def said(folder: Path, app: Asok) -> list[str]:
    """What the checker says of the project's own templates, with paths from its folder on."""
    own = [each for each in registry if each.cls.__module__.startswith("src.components.")]
    found, _ = findings(own, app.env)
    return [f"{Path(each.file).relative_to(folder)}:{each.line}: {each.problem}" for each in found]


def test_files_beside_a_class_are_checked_with_it(tmp_path: Path) -> None:
    files = {
        "card.py": CARD,
        "card.html": "<style scoped>\n.a { }\n</style>\n<p\n ws-click='flp'></div>",
        "other.html": "\n<p ws-click='flap'>",
    }
    app = project(tmp_path, {f"src/components/{name}": text for name, text in files.items()})
    assert said(tmp_path, app) == [
        "src/components/card.html:5: ws-click: Card has no method 'flp'; did you mean 'flip'?",
        "src/components/other.html:2: ws-click: Card has no method 'flap'; did you mean 'flip'?",
    ]


def test_a_file_that_nobody_names_belongs_to_no_class_and_may_be_of_another_kind(tmp_path: Path) -> None:
    files = {
        "card.py": CARD,
        "part.html": "<p ws-click='flap'>\n<p ws-clik='flap'>",
        "vue.html": "{% vue %}<p ws-clik>",
    }
    app = project(tmp_path, {f"src/components/{name}": text for name, text in files.items()})
    assert said(tmp_path, app) == [f"src/components/part.html:2: {CLIK}"]


def test_scoped_styles_that_nobody_would_serve_are_found(tmp_path: Path) -> None:
    files = {"card.py": CARD, "other.html": "<style scoped>p {}</style><p>"}
    app = project(tmp_path, {f"src/components/{name}": text for name, text in files.items()})
    (problem,) = said(tmp_path, app)
    assert problem.startswith("src/components/other.html:1: other.html has a <style scoped>, which only the template")


def test_pages_are_checked(tmp_path: Path) -> None:
    app = project(
        tmp_path, {"templates/a/index.html": "\n<p ws-clik>", "templates/b.html": "{{ }}", "templates/c.txt": "{{"}
    )
    assert said(tmp_path, app) == [
        f"templates/a/index.html:2: {CLIK}",
        "templates/b.html:1: Jinja cannot read this: Expected an expression, got 'end of print statement'",
    ]


def test_a_page_that_is_no_text_is_found(tmp_path: Path) -> None:
    app = project(tmp_path, {"templates/a.html": ""})
    (tmp_path / "templates/a.html").write_bytes(b"\xff")
    (problem,) = findings([], app.env)[0]
    assert problem.file == "a.html" and "is not UTF-8; save it again" in problem.problem


INLINE = '''\
from asok import Component

class First(Component):
    template = """
    <p>
      <b ws-clik="x">
    </p>"""

class Second(Component):
    template: str = """\\
    <b ws-clik="x">"""

class Third(Component):
    template = "<p>\\n<b ws-clik='x'>"

HTML = "<p><b ws-clik='x'></p>"

class Fourth(Component):
    template = HTML
'''


def test_a_text_in_a_class_is_found_in_its_module(tmp_path: Path) -> None:
    app = project(tmp_path, {"src/components/all.py": INLINE})
    assert said(tmp_path, app) == [f"src/components/all.py:{line}: {CLIK}" for line in (6, 11, 14, 18)]


def test_a_base_class_may_leave_methods_to_those_derived_from_it(tmp_path: Path) -> None:
    class Base(Component):
        template = "<p ws-click='go'></p>"

    env = asok_app(tmp_path).env
    assert len(findings([definition_of(Base)], env)[0]) == 1

    class Derived(Base):
        @exposed
        def go(self) -> None: ...

    assert findings([definition_of(Base), definition_of(Derived)], env)[0] == []


def test_templates_of_any_loader_are_checked_if_it_can_list_them(tmp_path: Path) -> None:
    texts = {"x.html": "<p ws-clik>", "x.txt": "<p ws-clik>"}
    loader = jinja2.ChoiceLoader([jinja2.FunctionLoader(lambda name: None), jinja2.DictLoader(texts)])
    settings = Settings(tmp_path, keys=(KEY,), database=":memory:")
    app = Asok(root=tmp_path, settings=settings, env=jinja2.Environment(loader=loader))
    found, number = findings([], app.env)
    assert (list(map(str, found)), number) == ([f"x.html:1: {CLIK}"], 1)


def test_templates_of_libraries_are_their_own_affair(tmp_path: Path) -> None:
    app = project(tmp_path, {"templates/site-packages/a.html": "<p ws-clik>", "templates/b.html": "<p>"})
    assert findings([], app.env) == ([], 1)


@pytest.mark.parametrize("name", ["../outside.html", "a\x00.html", "x" * 300 + ".html"])
def test_a_text_that_only_looks_like_a_file_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "outside.html").write_text("<p ws-clik>")
    card = CARD.replace('"other.html"', repr(name))
    assert said(tmp_path, project(tmp_path, {"src/components/card.py": card})) == []
