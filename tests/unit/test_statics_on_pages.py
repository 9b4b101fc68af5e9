"""The stylesheets and scripts of components, on whole pages and over the socket."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.requests import Request
from starlette.templating import Jinja2Templates

from tests.rig import PAGE, asok_app, rig

SOURCES = {
    "plot.css": ".plot { color: teal }",
    "plot.js": "window.plotted = true;",
    "late.css": ".late { color: plum }",
    "tinted.html": "<div class='tinted'><style scoped>p { color: tomato }</style><p>hello</p></div>",
}
CLASSES = """
from asok import Component, exposed



class Plot(Component):
    css = "plot.css"
    js = ["plot.js", "https://cdn.example.com/lib.js"]
    template = "<div class='plot'></div>"

class Late(Component):
    css = "late.css"
    template = "<p class='late'></p>"

class Opener(Component):
    opened = 0
    template = "<div>{% for n in range(opened) %}{{ component('Late', key=n) }}{% endfor %}</div>"

    @exposed
    def open(self):
        self.opened += 1

class Tinted(Component):
    pass
"""
LINKS = re.compile(r"<(?:link|script)[^>]*data-asok-static[^>]*>")


@pytest.fixture
def classes(tmp_path: Path) -> Any:
    for name, text in SOURCES.items():
        (tmp_path / name).write_text(text)
    module = ModuleType("statics_on_pages")
    module.__file__ = str(tmp_path / "statics_on_pages.py")
    sys.modules["statics_on_pages"] = module
    exec(CLASSES, vars(module))
    yield module
    del sys.modules["statics_on_pages"]


async def test_a_page_has_each_file_once_in_its_head_and_serves_it(tmp_path: Path, classes: Any) -> None:
    app = asok_app(tmp_path, {"/": "{{ component('Plot') }}{{ component('Plot') }}"})
    async with rig(app) as served:
        visitor = await served.visitor()
        page = await visitor.open("/")
        links = LINKS.findall(page.text.partition("</head>")[0])
        assert [name for each in links for name in re.findall(r"[\w.]+\.(?:css|js)", each)[-1:]] == [
            "plot.css",
            "plot.js",
            "lib.js",
        ]
        for url in re.findall(r'(?:href|src)="(/[^"]*)"', "".join(links)):
            answer = await visitor.http.get(url)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]


async def test_a_page_without_such_components_has_none(tmp_path: Path, classes: Any) -> None:
    app = asok_app(tmp_path, {"/": "{{ component('Opener') }}"})
    async with rig(app) as served:
        page = await (await served.visitor()).open("/")
        assert not LINKS.findall(page.text)
        assert "asok-head" not in page.text


async def test_what_arrives_late_brings_its_files_before_it_and_once(tmp_path: Path, classes: Any) -> None:
    app = asok_app(tmp_path, {"/": "{{ component('Opener') }}"})
    async with rig(app) as served:
        tab = await served.tab()
        await tab.event("open")
        await tab.event("open")
        kinds = [frame[0] for frame in tab.frames]
        assert kinds.count("statics") == 1
        assert kinds.index("statics") < kinds.index("update")
        told = next(frame for frame in tab.frames if frame[0] == "statics")
        assert "late.css" in told[1][0][1]


async def test_scoped_styles_leave_the_template_and_the_root_says_whose_it_is(tmp_path: Path, classes: Any) -> None:
    app = asok_app(tmp_path, {"/": "{{ component('Tinted') }}"})
    async with rig(app) as served:
        visitor = await served.visitor()
        page = await visitor.open("/")
        assert "<style" not in page.text
        assert re.search(r"<div data-asok-state=\"[^\"]*\" data-asok-scope=\"Tinted\" class='tinted'>", page.text)
        href = re.search(r'href="([^"]*@style\.css)"', page.text)
        assert href is not None
        assert "@scope" in (await visitor.http.get(href[1])).text


async def test_a_stock_template_response_brings_the_files_with_the_component(tmp_path: Path, classes: Any) -> None:
    (tmp_path / "templates").mkdir()
    body = "{{ component('Plot') }}{{ component('Plot') }}"
    (tmp_path / "templates" / "stock.html").write_text(PAGE % body)
    app = asok_app(tmp_path)
    templates = Jinja2Templates(env=app.env)

    async def stock(request: Request) -> Any:
        return templates.TemplateResponse(request, "stock.html")

    app.add_route("/stock", stock)
    async with rig(app) as served:
        page = await (await served.visitor()).open("/stock")
        assert len(LINKS.findall(page.text)) == 3


async def test_the_nonce_of_the_page_is_on_every_tag(tmp_path: Path, classes: Any) -> None:
    page = "<!doctype html><html><head>{{ alive(nonce='n0nce') }}</head><body>{{ component('Plot') }}</body></html>"
    app = asok_app(tmp_path, templates={"nonced": page})
    app.page("/", "nonced")
    async with rig(app) as served:
        text = (await (await served.visitor()).open("/")).text
        tags = re.findall(r"<(?:script|link)[^>]*>", text)
        assert len(tags) >= 4
        assert all('nonce="n0nce"' in tag for tag in tags)
