"""The fast generator renders what stock Jinja renders, and steps back where it cannot know that."""

from __future__ import annotations

import re
import traceback
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

import jinja2
import jinja2.nativetypes
import jinja2.sandbox
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2.compiler import CodeGenerator, Frame
from markupsafe import Markup

from asok import remembering
from asok.compiling import Generator, install, render, same_as_stock

# Values


class Shouted(str):
    def __str__(self) -> str:
        return f"<{self[:]}!>"


class Numbered(int):
    def __str__(self) -> str:
        return "<number>"


class Measured(float):
    def __str__(self) -> str:
        return "<float>"


class Wrapped(Markup):
    def __html__(self) -> Any:
        return Markup("<wrapped>")


class Html:
    def __html__(self) -> str:
        return "<b>&</b>"

    def __str__(self) -> str:
        return "<not html>"


class HtmlText(str):
    def __html__(self) -> str:
        return "<i>text</i>"


class Described:
    name = "a <name>"
    empty = None
    __iter__ = None  # else there would be an item for each number, without end

    def __str__(self) -> str:
        return "<described & 'quoted'>"

    def __getitem__(self, key: object) -> str:
        return f"item <{key}>"

    @property
    def broken(self) -> str:
        raise ZeroDivisionError("a property broke")

    @property
    def absent(self) -> str:
        raise AttributeError("a property that is not there")


class Lazy:
    """A lazy string as translations have them: what it is said to be is not its type."""

    @property  # type: ignore[misc]  # a lie on purpose, as proxies tell it
    def __class__(self) -> type:
        return str

    def __str__(self) -> str:
        return "<lazy>"


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("cannot be text")


class NoText:
    def __html__(self) -> Any:
        return 3


class Colour(Enum):
    RED = "<red>"


class Flag(str, Enum):  # noqa: UP042  # as older code has them; a StrEnum has its own __str__
    ON = "<on>"


TEXT = st.text(alphabet="ab &<>'\"é\U0001f600\ud800{}%\n", max_size=6)
SCALAR = st.one_of(
    TEXT,
    TEXT.map(Markup),
    TEXT.map(Shouted),
    st.integers(),
    st.just(10**5000),
    st.floats(allow_nan=True),
    st.booleans(),
    st.none(),
    st.binary(max_size=3),
    st.builds(
        lambda kind: kind(name="u"),
        st.sampled_from([jinja2.Undefined, jinja2.ChainableUndefined, jinja2.DebugUndefined, jinja2.StrictUndefined]),
    ),
    st.sampled_from([Numbered(3), Measured(2.5), Decimal("1.50"), date(2026, 1, 2), 1j, range(3), frozenset({"<"})]),
    st.sampled_from([Wrapped("<w>"), Html(), HtmlText("<"), Described(), Lazy(), Colour.RED, Flag.ON]),
    st.sampled_from([Unprintable(), NoText(), Html, object, len, ..., NotImplemented]),
)
ROW = st.dictionaries(st.sampled_from(["name", "items", "empty", "x", "<"]), SCALAR, max_size=4)
VALUE = st.one_of(SCALAR, st.lists(SCALAR, max_size=3), ROW, st.just(Described()), st.tuples(SCALAR, ROW))
VALUES = st.fixed_dictionaries(
    {"a": VALUE, "b": VALUE, "rows": st.lists(st.one_of(ROW, SCALAR), max_size=3), "on": st.booleans()},
    optional={"c": VALUE},
)

# Templates

NAME = st.sampled_from(["a", "b", "c", "nowhere", "row", "rows", "kept"])
LITERAL = st.sampled_from(
    ["'<&>'", '"a"', "(1)", "(2.5)", "1e400", "true", "none", "[1, '<']", "{'name': '<'}", "('<',)"]
)
ATTRIBUTE = st.sampled_from(["name", "items", "empty", "x", "broken", "absent", "__class__.__name__"])
FILTER = st.sampled_from(["e", "string", "upper", "safe", "forceescape", "default('<')", "list|join('<')", "tojson"])
TEST = st.sampled_from(["defined", "none", "string", "mapping", "iterable", "escaped"])


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}.{}".format, inner, ATTRIBUTE),
        st.builds("{}['{}']".format, inner, ATTRIBUTE),
        st.builds("({})|{}".format, inner, FILTER),
        st.builds("({} ~ {})".format, inner, inner),
        st.builds("({} + {})".format, inner, inner),
        st.builds("({} if {} is {} else {})".format, inner, inner, TEST, inner),
        st.builds("({} if {} is {})".format, inner, inner, TEST),
        st.builds("field({}, {})".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("_('<%(x)s>', x={})".format, inner),
    )


EXPRESSION = st.recursive(st.one_of(NAME, NAME, LITERAL), _compound, max_leaves=4)
LOOP = st.sampled_from(["", "{{ loop.index }}", "{{ loop.first }}{{ loop.last }}", "{{ loop.cycle('<', '>') }}"])
FIXED = st.sampled_from(
    [
        "{% include 'part' %}",
        "{% include 'part' without context %}",
        "{% include 'missing' ignore missing %}",
        "{% include ['missing', 'part'] %}",
        "{% import 'macros' as m %}{{ m.field(a, '<') }}{{ m }}",
        "{% from 'macros' import field as other with context %}{{ other(a, b) }}",
        "{% trans %}<i>here</i>{% endtrans %}",
        "{% trans name=a %}<i>{{ name }}</i>{% endtrans %}",
        "{% trans n=rows|length %}{{ n }} row{% pluralize %}{{ n }} rows{% endtrans %}",
        "{% raw %}{{ a }}{% endraw %}",
        "{% do rows.append %}",
        "{% for row in rows recursive %}[{{ row }}{{ loop(row) if row.__class__ == list }}]{% endfor %}",
        "{% for r in rows %}{% if r is none %}{% break %}{% elif on %}{% continue %}{% endif %}{{ r }}{% endfor %}",
        "{% for row in rows %}{% for row in rows %}{{ loop.index }}{{ row.x }}{% endfor %}{{ row.name }}{% endfor %}",
        "{% for k, v in {'<': a, 'b': b}.items() %}{{ k }}={{ v }}{% endfor %}",
        "{% set n = namespace(x=0) %}{% for row in rows %}{% set n.x = n.x + 1 %}{{ n.x }}{% endfor %}{{ n.x }}",
        "{{ a }}\n{{ b }}\n{{ rows }}",
    ]
)


def _statement(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, max_size=3).map("".join)
    return st.one_of(
        body,
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, EXPRESSION, body, body),
        st.builds("{{% for row in {} %}}{}{{% endfor %}}".format, EXPRESSION, body),
        st.builds("{{% for row in rows %}}{}{}{{% else %}}{}{{% endfor %}}".format, LOOP, body, body),
        st.builds("{{% for row in rows if {} %}}{}{}{{% endfor %}}".format, EXPRESSION, LOOP, body),
        st.builds("{{% set kept = {} %}}{}".format, EXPRESSION, body),
        st.builds("{{% set kept %}}{}{{% endset %}}{}".format, body, body),
        st.builds("{{% set kept|{} %}}{}{{% endset %}}{{{{ kept }}}}".format, FILTER, body),
        st.builds("{{% with row = {} %}}{}{{% endwith %}}".format, EXPRESSION, body),
        st.builds("{{% filter {} %}}{}{{% endfilter %}}".format, FILTER, body),
        st.builds("{{% macro own(a, b=2) %}}{}{{% endmacro %}}{{{{ own({}) }}}}".format, body, EXPRESSION),
        st.builds("{{% call(row) field({}) %}}{}{{% endcall %}}".format, EXPRESSION, body),
        st.builds(
            "{{% autoescape {} %}}{}{{% endautoescape %}}".format, st.sampled_from(["true", "false", "on"]), body
        ),
    )


OUTPUT = st.builds("{{{{ {} }}}}".format, EXPRESSION)
PLAIN = st.sampled_from(["<p>", "\n", "{ ", "'", '"', "text & more", "\\", "%s", "é"])
BODY = st.recursive(st.one_of(PLAIN, OUTPUT, OUTPUT, OUTPUT, FIXED), _statement, max_leaves=8)
MACROS = "{% macro field(x, y='<') %}<i>{{ x }}</i>{{ y }}{{ caller(x) if caller }}{% endmacro %}out <"
HEAD = "{% from 'macros' import field %}"
UNDEFINED = st.sampled_from(
    [jinja2.Undefined, jinja2.ChainableUndefined, jinja2.DebugUndefined, jinja2.StrictUndefined]
)


def environment(
    generator: type[CodeGenerator], templates: dict[str, str], undefined: type[jinja2.Undefined] = jinja2.Undefined
) -> jinja2.Environment:
    extensions = ["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"]
    loader = jinja2.DictLoader({"macros": MACROS, **templates})
    env = jinja2.Environment(autoescape=True, loader=loader, undefined=undefined, extensions=extensions)
    env.install_null_translations(newstyle=True)  # type: ignore[attr-defined]  # the i18n extension adds it
    env.code_generator_class = generator
    return env


# Where an object is in memory, however a filter has left it: `AT 0X7F…`, or letter by letter.
BETWEEN = r"(?:\W|lt|amp|u003c)*"
ADDRESS = re.compile(rf"0{BETWEEN}x(?:{BETWEEN}[0-9a-f])+", re.IGNORECASE)


def outcome(env: jinja2.Environment, name: str, values: dict[str, Any], *, ours: bool) -> object:
    """The text, or the error and the lines of the templates that it names."""
    try:
        template = env.get_template(name)
        text = render(template, values) if ours else template.render(values)
        return ADDRESS.sub("", text)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [(frame.name, frame.lineno) for frame in frames if frame.filename == "<template>"]
        return type(error), ADDRESS.sub("", str(error)), lines


def assert_same(templates: dict[str, str], values: dict[str, Any], undefined: type[jinja2.Undefined]) -> None:
    stock = outcome(environment(CodeGenerator, templates, undefined), "page", values, ours=False)
    assert outcome(environment(Generator, templates, undefined), "page", values, ours=False) == stock
    assert outcome(environment(Generator, templates, undefined), "page", values, ours=True) == stock


THOROUGH = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@THOROUGH
@given(BODY, BODY, VALUES, UNDEFINED)
def test_any_template_renders_as_with_stock_jinja(
    page: str, part: str, values: dict[str, Any], undefined: type[jinja2.Undefined]
) -> None:
    assert_same({"page": HEAD + page, "part": _leaf(part)}, values, undefined)


@settings(parent=THOROUGH, max_examples=75)
@given(BODY, BODY, BODY, VALUES, UNDEFINED)
def test_inherited_blocks_render_as_with_stock_jinja(
    base: str, page: str, part: str, values: dict[str, Any], undefined: type[jinja2.Undefined]
) -> None:
    base = f"{HEAD}{{% for row in rows %}}{{% block row scoped %}}{{{{ row }}}}{base}{{% endblock %}}{{% endfor %}}"
    child = f"{{% extends 'base' %}}{HEAD}{{% block row %}}{HEAD}{page}{{{{ super() }}}}{{% endblock %}}{page}"
    assert_same({"base": base, "page": child, "part": _leaf(part)}, values, undefined)


@settings(parent=THOROUGH, max_examples=100)
@given(SCALAR)
def test_any_value_is_escaped_as_with_stock_jinja(value: object) -> None:
    ways = ["{{ a }}", "{% for b in [a] %}{{ b }}{% endfor %}", "{% set c %}{{ a }}{% endset %}{{ c }}", "{{ [a] }}"]
    for way in ways:
        assert_same({"page": way}, {"a": value}, jinja2.Undefined)


def _leaf(part: str) -> str:
    """A part that includes no other, so that no template includes itself."""
    return part if "'part'" not in part else "[{{ a }}{{ row }}]"


# Jinja's own features, one by one.

FEATURES = {
    "a base chosen at run time": "{% extends base if on else 'base' %}{% block row %}{{ a }}{% endblock %}",
    "a base only sometimes": (
        "{% if on %}{% extends 'base' %}{% endif %}{% for r in rows %}{{ r }}{% endfor %}{{ a }}"
    ),
    "a block called again": (
        "{% block x %}{{ a }}{% endblock %}{{ self.x() }}{% for r in rows %}{{ self.x() }}{% endfor %}"
    ),
    "a block in a loop": ("{% for r in rows %}{% block x scoped %}{{ r }}{{ loop.index }}{% endblock %}{% endfor %}"),
    "an include without context in a loop": (
        "{% for r in rows %}{{ r }}{% include 'part' without context %}{% endfor %}"
    ),
    "a list as an include": "{% for r in rows %}{% include ['nope', 'part'] %}{% endfor %}",
    "a macro with a caller": (
        "{% macro m(x) %}{{ caller(x) }}{% endmacro %}{% call(y) m(a) %}{{ y }}{{ b }}{% endcall %}"
    ),
    "a macro in a loop": "{% for r in rows %}{% macro m() %}{{ r }}{{ a }}{% endmacro %}{{ m() }}{% endfor %}",
    "escaping off inside": (
        "{% autoescape false %}{{ a }}{% for r in rows %}{{ r }}{% endfor %}{% endautoescape %}{{ a }}"
    ),
    "escaping by a variable": ("{% autoescape on %}{{ a }}{% for r in rows %}{{ r }}{% endfor %}{% endautoescape %}"),
    "a loop in itself": (
        "{% for r in [1, [2, a]] recursive %}{{ loop.depth }}{{ loop(r) if r is list else r }}{% endfor %}"
    ),
    "a loop's previous": ("{% for r in rows %}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.changed(r) }}{% endfor %}"),
    "a number": "{% for r in rows %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.index0 + 1 }}{% endfor %}",
    "a number in all places": (
        "{% for r in rows %}{% set n = loop.index %}{% if loop.first or n is odd %}{{ [n, loop.index]|join(',') }}"
        "{% elif loop.index0 == 2 %}{{ 'two' if loop.index0 }}{% endif %}{{ loop.index|string ~ a }}"
        "{% set kept %}{{ loop.index }}{{ r }}{% endset %}{{ kept }}{% filter upper %}{{ loop.index }}{% endfilter %}"
        "{% else %}{{ loop }}{% endfor %}{{ loop.index }}"
    ),
    "a number and a loop": "{% for r in rows %}{{ loop.index }}{{ loop.length }}{{ loop.index0 }}{% endfor %}",
    "the numbers of two loops": (
        "{% for r in rows %}{{ loop.index }}{% for s in rows %}{{ loop.index }}{{ s }}{% endfor %}{% endfor %}"
    ),
    "the number of the loop around": "{% for r in rows %}{% for s in loop %}{% endfor %}{{ loop.index }}{% endfor %}",
    "a number of what is chosen": "{% for r in rows if r %}{{ loop.index }}{{ r }}{% endfor %}",
    "a number of pairs": "{% for k, v in {'<': a, 'b': b}.items() %}{{ loop.index }}{{ k }}{{ v }}{% endfor %}",
    "a number that others see": (
        "{% for r in rows %}{{ loop.index }}{% include 'part' %}{% macro m() %}{{ loop }}{% endmacro %}{% endfor %}"
    ),
    "a number of nothing": "{% for r in nowhere %}{{ loop.index }}{% else %}none{% endfor %}",
    "a number of a number": "{% for r in 5 %}{{ loop.index }}{% endfor %}",
    "a loop's own variable": "{% set x = 1 %}{% for r in rows %}{{ x }}{% set x = r %}{{ x }}{% endfor %}{{ x }}",
    "a chain of attributes": (
        "{{ deep.one.two.three }}{{ deep.one.no }}{{ deep['one'].two.three }}{{ deep.items()|list }}"
    ),
    "an attribute of nothing": "{{ nowhere.name }}",
    "an attribute of none": "{{ none.name }}{{ deep.none.name }}",
    "names that compiled code uses": (
        "{{ value }}{{ escaped }}{{ attribute }}{{ found }}{{ t_1 }}{{ concat }}{{ type }}"
    ),
    "such names set": (
        "{% set value = a %}{% set escaped = b %}{% set type = 1 %}{{ value }}{{ escaped }}{{ type }}{{ a }}"
    ),
    "a filter of the context": "{{ a|seen }}{% for r in rows %}{% set here = r %}{{ r|seen }}{% endfor %}",
    "constants": "{{ '<' }}{{ 1 + 1 }}{{ '<'|safe }}{{ ['<'] }}{{ {'a': '<'}.a }}{{ 'a'.nope }}{{ 1e400 }}",
}


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("on", [True, False])
def test_a_feature_renders_as_with_stock_jinja(feature: str, on: bool) -> None:
    templates = {"page": FEATURES[feature], "base": "{{ a }}{% block row %}{% endblock %}", "part": "[{{ a }}{{ r }}]"}
    values = {"a": "<a>", "b": Markup("<b>"), "rows": ["<", Markup("<"), 3, None, {}], "on": on, "value": "<v>"}
    values["deep"] = {"one": {"two": {"three": "<3>"}}, "none": None}

    @jinja2.pass_context
    def seen(context: jinja2.runtime.Context, value: object) -> str:
        return f"<{value}, {sorted(context.get_all())}, {context.get('here')}>"

    environments = [environment(generator, templates) for generator in (CodeGenerator, Generator)]
    for env in environments:
        env.globals.update(globe="<globe>", a="hidden")
        env.filters["seen"] = seen
        env.globals.pop("lipsum")
    stock, fast = environments
    expected = outcome(stock, "page", values, ours=False)
    assert outcome(fast, "page", values, ours=False) == expected
    assert outcome(fast, "page", values, ours=True) == expected


def test_an_error_names_the_line_of_the_template() -> None:
    env = environment(Generator, {"page": "{{ a }}\n{% for row in rows %}\n<p>{{ row }}\n{{ 1 // row }}\n{% endfor %}"})
    with pytest.raises(ZeroDivisionError) as caught:
        render(env.get_template("page"), {"rows": [1, 0]})
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert (frames[-1].filename, frames[-1].lineno) == ("<template>", 4)


def test_globals_of_environment_and_template_are_seen_in_their_order() -> None:
    env = environment(Generator, {"page": "{{ one }}{{ two }}{{ three }}"})
    env.globals.update(one=1, two=1, three=1)
    template = env.get_template("page", globals={"two": 2, "three": 2})
    assert render(template, {"three": 3}) == template.render(three=3) == "123"
    env.globals["one"] = "later"
    assert render(template, {}) == template.render() == "later22"


def test_rendering_leaves_the_given_variables_alone() -> None:
    env = environment(Generator, {"page": "{% set a = 2 %}{{ a }}"})
    values = {"a": 1}
    assert render(env.get_template("page"), values) == "2"
    assert values == {"a": 1}


# Where stock Jinja stays.


def fresh(**options: Any) -> jinja2.Environment:
    return jinja2.Environment(autoescape=True, **options)


def test_an_environment_gets_the_generator_and_keeps_it() -> None:
    env = fresh()
    assert install(env)
    assert env.code_generator_class is Generator
    assert install(env)
    assert jinja2.Environment.code_generator_class is CodeGenerator


class OwnGenerator(CodeGenerator):
    pass


class OwnEnvironment(jinja2.Environment):
    code_generator_class = OwnGenerator


class Joined(jinja2.Environment):
    concat = staticmethod(lambda parts: "+".join(parts))


@pytest.mark.parametrize(
    "env",
    [
        fresh(finalize=lambda value: value),
        fresh(enable_async=True),
        fresh(bytecode_cache=jinja2.FileSystemBytecodeCache()),
        jinja2.sandbox.SandboxedEnvironment(autoescape=True),
        jinja2.nativetypes.NativeEnvironment(autoescape=True),
        OwnEnvironment(autoescape=True),
        Joined(autoescape=True),
    ],
    ids=["finalize", "async", "bytecode", "sandboxed", "native", "own generator", "own concat"],
)
def test_an_environment_with_its_own_ways_keeps_its_generator(env: jinja2.Environment) -> None:
    before = env.code_generator_class
    assert not install(env)
    assert env.code_generator_class is before


def test_a_finalize_set_later_is_still_called() -> None:
    env = fresh()
    assert install(env)
    env.finalize = lambda value: "-" if value is None else value
    assert not install(env)
    assert env.from_string("{{ a }}{{ b }}{% for x in [a] %}{{ x }}{% endfor %}").render(a=None, b="<") == "-&lt;-"


def test_an_environment_with_its_own_lookup_keeps_it() -> None:
    class Polite(jinja2.Environment):
        def getattr(self, obj: Any, attribute: str) -> Any:
            return f"<{attribute}>"

    env = Polite(autoescape=True)
    assert install(env)
    assert env.from_string("{{ a.b }}").render(a={"b": 1}) == "&lt;b&gt;"


def test_render_serves_async_environments_and_own_templates_too() -> None:
    class Signed(jinja2.Template):
        def render(self, *args: Any, **kwargs: Any) -> str:
            return super().render(*args, **kwargs) + " signed"

    assert render(fresh(enable_async=True).from_string("{{ a }}"), {"a": "<"}) == "&lt;"
    assert render(fresh().from_string("{{ a }}", template_class=Signed), {"a": "<"}) == "&lt; signed"


# Where Jinja changes.


def assert_stays_stock() -> None:
    env = fresh()
    assert not install(env)
    assert env.code_generator_class is CodeGenerator
    assert env.from_string("{{ a }}").render(a="<").strip("!") == "&lt;"


def test_a_jinja_that_writes_values_otherwise_stays_stock(unchecked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def pre(self: CodeGenerator, *_: object) -> None:
        self.write("'!' + escape(")

    monkeypatch.setattr(CodeGenerator, "_output_child_pre", pre)
    assert_stays_stock()


def test_a_jinja_that_no_longer_calls_a_hook_stays_stock(unchecked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = CodeGenerator.visit_Output

    def visit_output(self: CodeGenerator, node: jinja2.nodes.Output, frame: Frame) -> None:
        vars(self)["_output_child_pre"] = CodeGenerator._output_child_pre.__get__(self)
        before(self, node, frame)

    monkeypatch.setattr(CodeGenerator, "visit_Output", visit_output)
    assert_stays_stock()


def test_a_jinja_that_calls_a_hook_otherwise_stays_stock(unchecked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = CodeGenerator.visit_For

    def visit_for(self: CodeGenerator, node: jinja2.nodes.For, frame: Frame, extra: int = 0) -> None:
        before(self, node, frame)
        if type(self) is not CodeGenerator:
            raise TypeError("visit_For() got an unexpected argument")

    monkeypatch.setattr(CodeGenerator, "visit_For", visit_for)
    assert_stays_stock()


def test_the_check_passes_with_the_installed_jinja_and_says_nothing_however_slow_the_machine_is(
    unchecked: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "SLOW", -1000.0)
    assert same_as_stock()
    assert not caplog.records
