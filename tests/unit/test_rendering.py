"""Rendering: one root, placeholders for children, and templates of the class only."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.templating import Jinja2Templates

from asok import Asok, Component, Settings, Store, exposed
from asok.errors import AsyncHook, FieldError, RenderError, UnknownComponent
from asok.markup import PLACEHOLDER, children_in, single_root, with_state
from tests.rig import KEY, asok_app, rig

TEXT = st.text("ab <>&\"'é😀", max_size=6).map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;"))
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["class", "title", "data-x"]), st.text("ab</>div ", max_size=8), max_size=2
)


def element(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def made(tag: str, attributes: dict[str, str], children: list[str]) -> str:
        written = "".join(f' {name}="{value}"' for name, value in attributes.items())
        return f"<{tag}{written}>{''.join(children)}</{tag}>"

    return st.builds(made, st.sampled_from(["div", "section", "span", "b"]), ATTRIBUTES, st.lists(inner, max_size=3))


VOID = st.sampled_from(["<br>", '<input value="x">', "<hr/>", "<!-- c -->", "<!-- </div> -->"])
TREES = st.recursive(TEXT | VOID, element, max_leaves=8)
ROOTS = element(TREES)


class Roots(HTMLParser):
    """Counts what stands at the top: elements, and text that is no space."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.depth, self.tops, self.loose = 0, 0, ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tops += self.depth == 0
        self.depth += tag not in ("br", "input", "hr", "img")

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tops += self.depth == 0

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def handle_data(self, data: str) -> None:
        self.loose += data.strip() if self.depth == 0 else ""


@given(st.lists(TREES | ROOTS, max_size=4).map("".join))
def test_whatever_is_rendered_has_one_root(html: str) -> None:
    whole = single_root(html)
    found = Roots(whole)
    assert (found.tops, found.depth, found.loose) == (1, 0, "")
    assert whole in (html.strip(), f"<div>{html.strip()}</div>") or "<!--" in html
    assert len(BeautifulSoup(with_state(whole, 'tok<en"'), "html.parser").select('[data-asok-state="tok<en\\""]')) == 1


@given(ROOTS)
def test_one_element_is_left_as_it_is(html: str) -> None:
    # What looks like a tag inside of a comment or an attribute may cost a <div> around it, no more.
    if "<!--" not in html and not any("<" in part for part in html.split('"')[1::2]):
        assert single_root(f"\n {html} ") == html


def root_by_walking(html: str) -> str:
    """The same as `single_root`, tag by tag."""
    html = re.sub(r"\A(?:\s*<!--(?:(?!-->).)*-->)+", "", html, flags=re.DOTALL).strip()
    root = re.match(r"<([A-Za-z][^\s/>]*)", html)
    if root is None or PLACEHOLDER.match(html):
        return f"<div>{html}</div>"
    if root[1].lower() in ("br", "input"):
        return html if html.find(">") == len(html) - 1 else f"<div>{html}</div>"
    depth, end = 0, -1
    for found in re.finditer(rf"<(/?){re.escape(root[1])}(?=[\s/>])", html, re.IGNORECASE):
        depth += -1 if found[1] else 1
        if depth == 0:
            end = found.start()
            break
    alone = html.count(f"</{root[1]}") == html.count(f"<{root[1]}") == 1
    closed = html.endswith(f"</{root[1]}>") and (alone or end == len(html) - len(root[1]) - 3)
    ends = {"p": "p(?:re)?", "a": "a"}.get(root[1].lower(), "-")
    early = re.search(rf"<{ends}(?=[\s/>])", html[2:], re.IGNORECASE)
    return html if closed and not early else f"<div>{html}</div>"


TAGS = "<p|</p|<P|</P>|<p>|</p>|<pre>|</pre>|<p<|<a<a>|</a<a>|<br>|<!--|-->|</template>|>|/| |a|\n|\x85|\x1c|İ"
PIECES = st.sampled_from([*TAGS.split("|"), '<template data-asok="abcdefghijkl.01234567"></template>'])


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=9).map("".join), st.sampled_from(["{}", "<p>{}</p>", "<p {}</p>", "<!--{}--><p></p>"]))
def test_the_root_is_the_one_that_a_walk_from_tag_to_tag_finds(html: str, around: str) -> None:
    html = around.format(html)
    assert single_root(html) == root_by_walking(html)


@pytest.mark.parametrize("html", ["<tr><td>1</td></tr>", "<li>a</li>", "<input>", "<p>a</p>", "<img src=x>"])
def test_a_row_or_an_item_may_be_the_root(html: str) -> None:
    assert single_root(f"<!-- a comment before -->\n{html}\n") == html


@pytest.mark.parametrize("html", ["", "text", "<p>a</p><p>b</p>", "<br>x", "<p>a</p>text", "<input><input>"])
def test_several_roots_or_bare_text_are_wrapped(html: str) -> None:
    assert single_root(html) == f"<div>{html}</div>"


@pytest.mark.parametrize("html", ["<p>a<p>b</p>", "<li>a<li>b</li>"])
def test_an_end_tag_left_out_makes_two_roots(html: str) -> None:
    assert single_root(html) == f"<div>{html}</div>"


@pytest.mark.parametrize(
    "html",
    [
        "<p>one<div>two</div></p>",
        "<P>one<UL><li>two</UL></P>",
        "<h1>one<h2>two</h2></h1>",
        "<a href='/'>one<a href='/two'>two</a></a>",
        "<button>one<button>two</button></button>",
        "<form><form></form></form>",
        "<table><p>none yet</p><tr><td>1</td></tr></table>",
        "<table title='a>b'>\n none yet</table>",
        "<table><thead><tr><th>1</th></tr></thead>\n<p>none yet</p></table>",
        "<table><tr><td>1</td></tr> in all</table>",
        "<body>one</body>",
        "<html><body>one</body></html>",
    ],
)
def test_what_a_browser_ends_early_or_puts_elsewhere_is_wrapped(html: str) -> None:
    assert single_root(html) == f"<div>{html}</div>"


@pytest.mark.parametrize(
    "html",
    [
        "<p>one<span>two</span><dfn>three</dfn></p>",
        "<a href='/'>one<abbr>two</abbr></a>",
        "<h2>one<hr></h2>",
        "<table></table>",
        "<table title='a>b'>\n<caption>1</caption></table>",
        "<table><tr><td>1</table>",
        "<table><thead><tr><th>1</th></tr></thead><tr><td><table><tr><td>1</td></tr></table> two</td></table>",
        "<table><tr><td>1</td></tr><!-- one --></table>",
        '<table><tr><td>1</td></tr><template data-asok="abcdefghijkl.01234567"></template></table>',
    ],
)
def test_what_a_browser_leaves_inside_is_left_as_it_is(html: str) -> None:
    assert single_root(html) == html


def test_the_placeholders_of_a_text_are_found() -> None:
    text = '<template data-asok="AAAAAAAAAAAA.01234567"></template><template data-asok="short.0"></template>'
    assert children_in(text) == {"AAAAAAAAAAAA": "01234567"}


class Leaf(Component):
    label = ""
    template = "<i>{{ label }}</i>"


async def page_with(tmp_path: Path, body: str, *, debug: bool = True) -> tuple[int, str]:
    async with rig(asok_app(tmp_path, {"/": body}, debug=debug)) as served:
        answer = await (await served.visitor()).http.get("/")
        return answer.status_code, answer.text


@pytest.fixture(autouse=True)
def leaf() -> None:
    type("Leaf", (Component,), {"label": "", "template": "<i>{{ label }}</i>", "__module__": __name__})


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ("{{ component('Leef') }}", UnknownComponent, "did you mean 'Leaf'"),
        ("{{ component('Leaf', lable=1) }}", FieldError, "did you mean 'label'"),
        ("{{ component('Leaf', key=1) }}{{ component('Leaf', key=1) }}", RenderError, "a key of its own"),
    ],
)
async def test_a_wrong_component_in_a_template_is_told_in_words(
    tmp_path: Path, body: str, error: type[Exception], words: str
) -> None:
    app = asok_app(tmp_path, {"/": body})
    with pytest.raises(error, match=words):
        await app.render(request_of(app), "page0.html")


async def test_an_argument_that_does_not_fit_is_told_in_words(tmp_path: Path) -> None:
    app = asok_app(tmp_path)
    with pytest.raises(FieldError, match="declared as str"):
        await alone(app, "Leaf", label=1)


@pytest.mark.parametrize("template", ["<g><circle r='1'/></g>", "<clipPath id='a'></clipPath>", " <text>a</text>"])
async def test_a_part_of_an_svg_that_an_update_would_lose_is_refused_as_a_root(tmp_path: Path, template: str) -> None:
    type("PartOfSvg", (Component,), {"template": template, "__module__": __name__})
    with pytest.raises(RenderError, match="render the whole <svg>"):
        await alone(asok_app(tmp_path), "PartOfSvg")


async def alone(app: Asok, component: str, **arguments: Any) -> None:
    """A page of nothing but this component, whose errors are the page's."""
    await app.render(request_of(app), "asok/page.html", name=component, arguments=arguments, title="")


def request_of(app: Asok) -> Request:
    from asok.sessions import Session

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "session": Session()}
    return Request({**scope, "scheme": "http", "server": ("localhost", 80), "app": app.starlette})


@pytest.mark.parametrize(
    ("rendered", "words"),
    [(None, "returned NoneType"), (3, "returned int"), ("x" * 2**21, "page the list"), ("\ud800", "half a character")],
)
async def test_what_is_no_rendering_is_told_in_words(tmp_path: Path, rendered: Any, words: str) -> None:
    type("Odd", (Component,), {"render": lambda self: rendered})
    app = asok_app(tmp_path)
    with pytest.raises(RenderError, match=words):
        await alone(app, "Odd")


async def test_a_missing_template_is_told_with_the_place_where_it_was_looked_for(tmp_path: Path) -> None:
    type("Lost", (Component,), {"__module__": __name__})
    app = asok_app(tmp_path)
    with pytest.raises(RenderError, match=r"Lost has no template 'lost\.html' beside"):
        await alone(app, "Lost")


async def test_a_template_that_is_named_like_the_class_is_told_how_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "src" / "components").mkdir(parents=True)
    (tmp_path / "src" / "components" / "Capital.html").write_text("<p></p>")
    (tmp_path / "src" / "components" / "Capital.py").write_text(
        "from asok import Component\nclass Capital(Component): ..."
    )
    with pytest.raises(RenderError, match=r"no template 'capital\.html' beside .* 'Capital\.html' is there; rename it"):
        await alone(asok_app(tmp_path), "Capital")


async def test_a_missing_page_is_told_with_the_name_that_comes_nearest(tmp_path: Path) -> None:
    (tmp_path / "src" / "templates" / "html").mkdir(parents=True)
    (tmp_path / "src" / "templates" / "html" / "base.html").write_text("<html></html>")
    (tmp_path / "src" / "templates" / "index.html").write_text("{% extends 'html/bas.html' %}")
    env = asok_app(tmp_path).env
    with pytest.raises(jinja2.TemplateNotFound, match=r"'indx\.html' in src/templates .* did you mean 'index\.html'\?"):
        env.get_template("indx.html")
    with pytest.raises(jinja2.TemplateNotFound, match=r"'html/bas\.html' .*; did you mean 'html/base\.html'\?"):
        env.get_template("index.html").render()
    assert env.from_string("{% include ['none.html', 'html/base.html'] %}").render() == "<html></html>"
    assert env.from_string("{% include 'none.html' ignore missing %}").render() == ""


async def test_a_page_may_come_into_a_folder_that_was_not_there_at_the_start(tmp_path: Path) -> None:
    env = asok_app(tmp_path).env
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "index.html").write_text("here")
    assert env.get_template("index.html").render() == "here"


async def test_the_mark_with_which_windows_begins_a_file_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "src" / "templates").mkdir(parents=True)
    (tmp_path / "src" / "templates" / "index.html").write_bytes(b"\xef\xbb\xbf<html></html>")
    (tmp_path / "src" / "components").mkdir()
    (tmp_path / "src" / "components" / "marked.html").write_bytes(b"\xef\xbb\xbf<p>one</p>\r\n")
    module = "from asok import Component\r\nclass Marked(Component): ...\r\n"
    (tmp_path / "src" / "components" / "Marked.py").write_bytes(b"\xef\xbb\xbf" + module.encode())
    env = asok_app(tmp_path).env
    assert env.get_template("index.html").render() == "<html></html>"
    assert env.get_template("@Marked/marked.html").render() == "<p>one</p>"


async def test_a_template_of_another_encoding_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "src" / "templates").mkdir(parents=True)
    (tmp_path / "src" / "templates" / "menu.html").write_bytes("<p>café</p>".encode("latin-1"))
    with pytest.raises(RenderError, match=r"menu\.html is not UTF-8; save it again with that encoding"):
        asok_app(tmp_path).env.get_template("menu.html")


async def test_a_template_sees_fields_loaded_names_properties_and_what_html_gives(tmp_path: Path) -> None:
    def load(self: Any) -> None:
        self.loaded = "L"

    doubled = property(lambda self: self.count * 2)
    source = "<p>{{ count }}{{ loaded }}{{ doubled }}{{ session is defined }}{{ request.url.path }}{{ _hidden }}</p>"
    type("Sees", (Component,), {"count": 2, "load": load, "doubled": doubled, "_hidden": "H", "template": source})
    status, text = await page_with(tmp_path, "{{ component('Sees') }}")
    assert status == 200
    assert ">2L4True/</p>" in text


def templates_app(tmp_path: Path, *, database: str) -> Asok:
    app = asok_app(
        tmp_path, templates={"stock.html": "{{ alive() }}{{ component('Leaf', label='x') }}"}, database=database
    )
    stock = Jinja2Templates(env=app.env)

    async def page(request: Request) -> Any:
        return stock.TemplateResponse(request, "stock.html")

    app.add_route("/", page)
    return app


@pytest.mark.parametrize("database", [":memory:", "s.db"])
async def test_a_stock_template_response_shows_live_components(tmp_path: Path, database: str) -> None:
    @exposed
    def rename(self: Any, label: str) -> None:
        self.label = label

    source = "<i>{{ label }}{{ component('Deep') }}</i>"
    type("Leaf", (Component,), {"label": "", "template": source, "rename": rename, "__module__": __name__})
    type("Deep", (Component,), {"template": "<b>deep</b>"})
    where = database if database == ":memory:" else str(tmp_path / database)
    async with rig(templates_app(tmp_path, database=where)) as served:
        visitor = await served.visitor()
        tab = await visitor.tab()
        assert len(tab.shown) == 2
        assert "y<template" in await tab.text_after("rename('y')")
        assert ">y<b" in (await visitor.open()).text


async def test_a_stock_template_response_says_what_to_call_where_a_hook_is_async(tmp_path: Path) -> None:
    import asyncio

    async def load(self: Any) -> None:
        await asyncio.sleep(0)

    type("Leaf", (Component,), {"label": "", "template": "<i></i>", "load": load, "__module__": __name__})
    async with rig(templates_app(tmp_path, database=":memory:")) as served:
        with pytest.raises(AsyncHook, match=r"await app\.render"):
            raise_what_the_log_holds(served)
            await (await served.visitor()).open()


def raise_what_the_log_holds(served: Any) -> None:
    """Let errors of the app out of the server: they are what the test is about."""
    template = served.app.env.get_template("stock.html")
    request = request_of(served.app)
    template.render({"request": request})


async def test_a_users_environment_keeps_its_filters_globals_and_loader(tmp_path: Path) -> None:
    env = jinja2.Environment(loader=jinja2.DictLoader({"p.html": "{{ alive() }}{{ component('Loud') }}{{ 'a'|loud }}"}))
    env.filters["loud"] = lambda text: text.upper() + "!"
    type("Loud", (Component,), {"template": "<p>{{ 'b'|loud }}</p>"})
    app = Asok(root=tmp_path, settings=Settings(tmp_path, keys=(KEY,), database=":memory:"), env=env)
    app.page("/", "p.html")
    async with rig(app) as served:
        text = (await (await served.visitor()).open()).text
    assert ">B!</p>A!" in text


async def test_the_runtime_takes_a_nonce(tmp_path: Path) -> None:
    app = asok_app(tmp_path, templates={"n.html": "{{ alive(nonce='n\"once') }}"})
    app.page("/", "n.html")
    async with rig(app) as served:
        text = (await (await served.visitor()).open()).text
    assert 'nonce="n&#34;once"' in text
    assert 'data-csrf=""' in text


async def test_a_page_with_a_component_but_without_the_runtime_is_told_in_development(tmp_path: Path) -> None:
    app = asok_app(tmp_path, templates={"bare.html": "{{ component('Leaf') }}"}, debug=True)
    with pytest.raises(RenderError, match=r"alive\(\)"):
        await app.render(request_of(app), "bare.html")


async def test_text_that_looks_like_the_place_of_the_token_gets_none(tmp_path: Path) -> None:
    import asok.pages

    type("Leaf", (Component,), {"label": "", "template": "<i>{{ label }}</i>", "__module__": __name__})
    async with rig(asok_app(tmp_path, {"/": "{{ component('Leaf', label='asok-csrf-is-put-here') }}"})) as served:
        page = await (await served.visitor()).open()
    assert page.text.count(page.csrf) == 1
    assert len(asok.pages.CSRF_PLACE) > 40


beside = Store({"count": 7}, name="rendering_beside")


class UsesStoreBeside(Component):
    template = "<p>{{ beside.read('count') }}{{ beside.react('count') }}</p>"


async def test_a_template_finds_a_store_of_its_components_module_and_any_by_name(tmp_path: Path) -> None:
    app = asok_app(
        tmp_path, {"/": "{{ component('UsesStoreBeside') }}{{ store('rendering_beside').read('count') + 1 }}"}
    )
    async with rig(app) as served:
        page = await (await served.visitor()).open("/")
        assert ">7<span" in page.text
        assert "</p>8" in page.text
