"""What a newcomer writes at first, and what is said then."""

from __future__ import annotations

import copy
import dataclasses
import functools
import pathlib
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest
from starlette.requests import Request

from asok import Component, Session, exposed
from asok.calls import bind_arguments, parameters_of, parse_call
from asok.checking import check
from asok.checking_components import Shown
from asok.errors import BadArguments, ComponentError, ConfigurationError, FieldError
from asok.loading import app_file, load
from asok.sources import Source
from asok.testing import LiveClient
from asok.testing_events import NotWired
from tests.rig import asok_app


@pytest.mark.parametrize("kind", [property, classmethod, staticmethod])
def test_what_stands_above_exposed_and_hides_it_is_named(kind: type) -> None:
    with pytest.raises(ComponentError, match=f"MistakenKind.go is a {kind.__name__}, which nobody can call"):

        class MistakenKind(Component):
            @kind
            @exposed
            def go(self) -> None: ...


def test_a_default_as_a_dataclass_writes_it_is_told_how_to_write_it() -> None:
    with pytest.raises(FieldError, match=r"MistakenFactory\.rows .* such as \[\]: each instance gets a copy"):

        class MistakenFactory(Component):
            rows: list[str] = dataclasses.field(default_factory=list)


def test_a_method_that_no_attribute_can_name_is_refused() -> None:
    with pytest.raises(ComponentError, match=r"MistakenName\.größe cannot be @exposed: .* ASCII letters; rename it"):

        class MistakenName(Component):
            @exposed
            def größe(self) -> None: ...


class MistakenInit(Component):
    count = 0

    def __init__(self) -> None:
        self.count = 4


class MistakenOrder(Component):
    count = 0
    template = "<p>{{ count }}</p>"

    def __init__(self, **fields: int) -> None:
        self._kept = 1
        super().__init__(**fields)
        self.count = 4


async def test_an_init_that_sets_fields_first_is_told_of_the_hooks() -> None:
    with pytest.raises(FieldError, match=r"sets count before Component.__init__ has run; .* in mount\(\) or load\(\)"):
        MistakenInit()
    async with LiveClient() as client:
        assert (await client.mount(MistakenOrder)).text("p") == "4"


class MistakenSilence(Component):
    def __init__(self, **fields: int) -> None:
        pass


async def test_an_init_that_leaves_out_the_base_is_told_so() -> None:
    async with LiveClient() as client:
        with pytest.raises(ComponentError, match=r"MistakenSilence.__init__ has not called super\(\).__init__"):
            await client.mount(MistakenSilence)


class MistakenProcess(Component):
    rows: list[int] = [1]

    def work(self) -> None: ...


@pytest.mark.parametrize("carried", [lambda it: pickle.dumps(it.work), copy.deepcopy])
def test_a_component_that_is_to_leave_its_process_is_told_what_may(carried: Callable[[Component], object]) -> None:
    with pytest.raises(TypeError, match=r"neither pickled nor copied deeply: .* and no method"):
        carried(MistakenProcess())
    assert copy.copy(MistakenProcess()).rows == [1]


def test_a_component_is_no_dataclass() -> None:
    @dataclasses.dataclass
    class MistakenDataclass(Component):
        count: int = 0

    with pytest.raises(FieldError, match="MistakenDataclass is decorated with @dataclass; leave it out"):
        MistakenDataclass()


@pytest.mark.parametrize(
    ("hook", "wanted"),
    [
        ("def mount(self, request): pass", "(missing a required argument: 'request'); write def mount(self)"),
        ("async def load(self, *, number): pass", "load cannot be called (missing a required argument: 'number')"),
        ("def load(): pass", "load cannot be called (too many positional arguments)"),
        ("def updated(self): pass", "(too many positional arguments); write def updated(self, changed)"),
        ("def guard(self, request): pass", "write def guard(self, request, session)"),
        ("def migrate(self): pass", "write def migrate(self, old)"),
        ("def template(self): pass", "template is the template's source, a text, and not a function; for what"),
        ("template = property(str)", "template is the template's source, a text, and not a property"),
        ("template = pathlib.Path('counter.html')", "a text, and not a PosixPath"),
    ],
)  # fmt: skip
def test_a_hook_that_cannot_be_called_and_a_template_that_is_no_text_are_named(hook: str, wanted: str) -> None:
    with pytest.raises(ComponentError, match=re.escape(wanted)):
        exec(f"class MistakenHook(Component):\n    {hook}\n", {"Component": Component, "pathlib": pathlib})


def test_hooks_may_take_more_and_be_decorated() -> None:
    def given(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def around(self: Component) -> Any:
            return function(self, "database")

        return around

    class MistakenByNobody(Component):
        @given
        def load(self, database: str) -> None: ...

        def mount(self, number: int = 3, **more: int) -> None: ...

        @staticmethod
        def guard(request: Request, session: Session) -> bool:
            return True

        @classmethod
        def migrate(cls, old: dict[str, Any]) -> dict[str, Any]:
            return old


@pytest.mark.parametrize("default", [pydantic.Field(default_factory=list), msgspec.field(default_factory=list)])
def test_a_default_as_other_libraries_write_it_is_told_how_to_write_it(default: Any) -> None:
    with pytest.raises(
        FieldError, match=r"MistakenField.items has [Ff]ield\(…\) of \w+ as its default; write the value"
    ):

        class MistakenField(Component):
            items: list[int] = default


@pytest.mark.parametrize("name", ["app", "create_app"])
def test_a_factory_that_nobody_calls_is_named(tmp_path: Path, name: str) -> None:
    file = tmp_path / "app.py"
    file.write_text(f"from asok import Asok\n\n\ndef {name}():\n    return Asok()\n", "utf-8")
    with pytest.raises(ConfigurationError, match=rf"write `app = {name}\(\)` at its end"):
        load(file)


def test_an_app_of_another_kind_is_no_factory(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("async def app(scope, receive, send): ...\n", "utf-8")
    assert load(file).asoks == ()


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<b ws:click="go">', "there is no ws:click; did you mean 'ws-click'?"),
        ('<b wsclick="go">', "there is no wsclick; did you mean 'ws-click'?"),
        ('<b ws_model="go">', "there is no ws_model; did you mean 'ws-model'?"),
        ('<form><button ws-submit="go">', "ws-submit: a submit is an event of the form; put it on the <form>"),
    ],
)
def test_the_checker_knows_attributes_that_do_nothing(tmp_path: Path, html: str, problem: str) -> None:
    source, env = Source("a.html", html), asok_app(tmp_path).env
    assert [finding.problem for finding in check(source, env, Shown([source], env))] == [problem]


def test_attributes_of_others_are_no_mistakes(tmp_path: Path) -> None:
    html = '<div ws-submit="go"><form><b ws:else="x" ws_="y"></b></form></div>'
    source, env = Source("a.html", html), asok_app(tmp_path).env
    assert list(check(source, env, Shown([source], env))) == []


def test_an_argument_that_is_taken_by_name_only_is_named() -> None:
    def go(self: object, *, by: int = 1) -> None: ...

    with pytest.raises(BadArguments, match="takes 0 arguments, got 1; by name it takes by=…"):
        bind_arguments(parse_call("go(4)"), parameters_of(go), None)


class MistakenModifier(Component):
    template = "<button ws-click.prevnt='go'>go</button>"

    @exposed
    def go(self) -> None: ...


async def test_a_click_that_a_wrong_modifier_hides_is_told_so() -> None:
    async with LiveClient() as client:
        page = await client.mount(MistakenModifier)
        with pytest.raises(NotWired, match=r"what follows the dot in ws-click\.prevnt is no modifier of it"):
            await page.click("button")


def test_a_component_that_imports_the_app_is_told_that_this_is_a_circle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBUG", "true")
    (tmp_path / "src" / "components").mkdir(parents=True)
    (tmp_path / "src" / "components" / "InACircle.py").write_text("from round_app import db\n", "utf-8")
    file = tmp_path / "round_app.py"
    file.write_text("from asok import Asok\napp = Asok()\ndb = 1\n", "utf-8")
    with pytest.raises(ImportError) as told:
        load(file)
    assert "so none of them can import from round_app what is made after it" in told.value.__notes__[0]


@pytest.mark.parametrize("argument", ["shop.web:app", "shop/web.py:app", "shop.web"])
def test_an_app_that_is_named_as_a_module_is_told_its_file(
    argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "web.py").write_text("app = None\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigurationError, match=r"asok takes the file that makes the app: shop/web\.py; or put an app"
    ):
        app_file(argument)
