"""Styles and scripts of components in Chromium: scoped styles reach what they should, and all come once, in order."""

from __future__ import annotations

import importlib.util
import json
import random
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from asok.component import Definition, registry
from asok.scoping import flat_css, scoped_css
from asok.statics import Entry, Statics, head
from tests.browser.alive_rig import Line, Rig, root
from tests.browser.conftest import Serve

SWAP = "/live/build/statics.js"
WITHOUT_SCOPE = "delete window.CSSScopeRule"
# Every rule says something that the others do not, so that a lost or leaking one is seen.
CSS = """
@layer low, high;
/* a comment with } and { and " in it */
.plain { color: rgb(1, 0, 0); }
.frame { border-top-width: 5px; border-top-style: solid }
:scope { outline: 6px solid rgb(4, 0, 0) }
> .first { padding-left: 5px }
.box { .deep { padding-top: 6px; &.twice { padding-right: 7px } } }
.box { @media all { margin-left: 8px; .deep { margin-top: 9px } } }
.text::before { content: "}"; color: rgb(10, 0, 0) }
@media all and (min-width: 1px) { .media { color: rgb(11, 0, 0) } @keyframes within { from { left: 0 } } }
@media print { .media { color: rgb(99, 0, 0) } }
@supports (display: grid) { @media all { .supported { color: rgb(12, 0, 0) } } }
@layer high { .layer { color: rgb(13, 0, 0) } }
@layer low { .layer { color: rgb(99, 0, 0) } }
.holder { container-type: inline-size }
@container (min-width: 1px) { .contained { color: rgb(14, 0, 0) } }
@keyframes turn { from { rotate: 0deg } to { rotate: 90deg } }
.turning { animation: turn 5s }
@property --length { syntax: "<length>"; inherits: false; initial-value: 15px }
.property { padding-bottom: var(--length) }
.list:is(.a, .b), [title="a,{b"] { color: rgb(16, 0, 0) }
"""
INSIDE = """
<p class="plain first">p</p><div class="box"><i class="deep twice">i</i></div><p class="text">t</p>
<p class="media">m</p><p class="supported">s</p><p class="layer">l</p>
<div class="holder"><p class="contained">c</p></div><p class="turning">k</p><p class="property">v</p>
<p class="list b">li</p><p title="a,{b">ti</p>
"""
SHOWN = {
    ".plain": {"color": "rgb(1, 0, 0)", "paddingLeft": "5px"},
    ".deep": {"paddingTop": "6px", "paddingRight": "7px", "marginTop": "9px"},
    ".box": {"marginLeft": "8px"},
    ".text": {"::before": "rgb(10, 0, 0)"},
    ".media": {"color": "rgb(11, 0, 0)"},
    ".supported": {"color": "rgb(12, 0, 0)"},
    ".layer": {"color": "rgb(13, 0, 0)"},
    ".contained": {"color": "rgb(14, 0, 0)"},
    ".turning": {"animationName": "turn"},
    ".property": {"paddingBottom": "15px"},
    ".list": {"color": "rgb(16, 0, 0)"},
    "[title]": {"color": "rgb(16, 0, 0)"},
}
ROOT = {"borderTopWidth": "5px", "outlineWidth": "6px"}

READ = """([within, wanted]) => Object.fromEntries(Object.entries(wanted).map(([selector, properties]) => {
  const element = document.querySelector(`${within} > ${selector}, ${within} > div:not([id]) > ${selector}`);
  return [selector, Object.fromEntries(Object.keys(properties).map((name) =>
    [name, name.startsWith("::") ? getComputedStyle(element, name).color : getComputedStyle(element)[name]]))];
}))"""
STYLE = "([selector, names]) => names.map((name) => getComputedStyle(document.querySelector(selector))[name])"


def component(folder: Path, name: str, body: str, **files: str) -> Definition:
    """A class in a module of its own, with these files beside it; `_` in a name is its dot."""
    for file, text in files.items():
        (folder / file.replace("_", ".")).write_text(text)
    path = folder / f"{name.lower()}_module.py"
    path.write_text(f"from asok import Component\n\n\nclass {name}(Component):\n    {body}\n")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return registry.find(name)


class Site:
    """The rig's page and socket, and beside it the files of components."""

    def __init__(self, statics: Statics) -> None:
        self.rig, self.asked = Rig(), list[str]()
        self._files = Starlette(routes=[Route(statics.route, statics.serve)])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/live/static/"):
            self.asked.append(scope["path"] + ("?" + scope["query_string"].decode() if scope["query_string"] else ""))
            return await self._files(scope, receive, send)
        await self.rig(scope, receive, send)


async def shown(page: Page, serve: Serve, statics: Statics, entries: list[Entry], body: str) -> tuple[Site, Line]:
    site = Site(statics)
    site.rig.head, site.rig.body = head(entries, swap=SWAP), body
    await page.goto(await serve(site) + "/")
    return site, await site.rig.line()


def outside(name: str) -> str:
    return f'<div id="{name}" class="frame">{INSIDE}</div>'


# --- scoped styles


async def scoped_page(page: Page, serve: Serve, folder: Path) -> Site:
    """A Chart with a Kid in it and another Chart in that place; the same elements stand in and outside of all."""
    chart = component(folder, "Chart", "css, scoped = 'chart.css', True", chart_css=CSS)
    statics = Statics()
    scope = statics.scope_attribute(chart)
    kid = root(INSIDE, "component002", attributes='id="kid" class="frame"')
    inner = root(INSIDE, "component003", attributes=f'id="inner" class="frame"{scope}')
    body = root(INSIDE + kid + inner, attributes=f'id="chart" class="frame"{scope}')
    site, _ = await shown(page, serve, statics, statics.entries([chart]), body + outside("outside"))
    return site


@pytest.mark.parametrize("form", ["native", "flat"])
async def test_scoped_styles_reach_the_component_and_nothing_else(
    page: Page, serve: Serve, tmp_path: Path, form: str
) -> None:
    if form == "flat":
        await page.add_init_script(WITHOUT_SCOPE)
    site = await scoped_page(page, serve, tmp_path)
    link = page.locator("link[data-asok-scoped]")
    await expect(link).to_have_attribute("href", re.compile(r"\.css\?flat=$" if form == "flat" else r"\.css$"))
    await expect(page.locator("#chart")).to_have_css("outline-width", "6px")
    for there in ("#chart", "#inner"):
        assert await page.evaluate(READ, [there, SHOWN]) == SHOWN
        assert await page.evaluate(STYLE, [there, list(ROOT)]) == list(ROOT.values())
    for elsewhere in ("#kid", "#outside"):
        found = await page.evaluate(READ, [elsewhere, SHOWN])
        assert not [(each, name) for each in SHOWN for name in SHOWN[each] if found[each][name] == SHOWN[each][name]]
        assert not set(await page.evaluate(STYLE, [elsewhere, list(ROOT)])) & set(ROOT.values())
    assert any(asked.endswith("?flat=") for asked in site.asked) == (form == "flat")


# The rules of a sheet as Chromium reads them, without what scoping has added.
RULES = r"""([texts, added]) => texts.map((text) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  const nameOf = (rule) => added.reduce((name, [each, instead]) => name.replaceAll(each, instead),
    rule.selectorText ?? rule.conditionText ?? rule.name ?? "");
  const told = (rules, around) => [...rules].flatMap((rule) => {
    if (rule.end === ":scope [data-asok-state]") return told(rule.cssRules, around);
    const inside = [...around, rule.constructor.name, nameOf(rule)];
    const group = rule.cssRules && rule.constructor.name !== "CSSKeyframesRule";
    const own = group ? rule.style?.cssText : rule.cssText;
    // Of an open bracket at the end Chromium says that it is open, and we close it.
    return [JSON.stringify([inside, own?.replace(/[^\w]+$/, "")]), ...(group ? told(rule.cssRules, inside) : [])];
  });
  return told(sheet.cssRules, []);
})"""
PIECES = (
    *("{", "}", "{", "}", "(", ")", "[", "]", ";", ",", ":", " ", "\n", "&", "a>b", "\\", '"', "'", "/*", "*/"),
    *("a", ".b", "#c", "::before", ":hover", ":is(a, .b)", "[x='}']", "color", ":red", "a:b{", "e\\{", "url(", "<!--"),
    *("a{color:red}", ".b{.c &{color:red}}", "@media all{", "@layer l{", "@layer m;", "@keyframes k{0%{top:0}}"),
    *("@font-face{", "--d:{a}", "/*}*/", "'}'", "url({)", "@x y{", "@supports (a:b){", "a{b{", "}}", "::part(p)"),
)
ROOT_OF = '[data-asok-scope~="Chart"]'


async def test_whatever_the_text_all_rules_are_there_and_none_gets_out_of_the_scope(page: Page) -> None:
    async def rules(texts: list[str]) -> list[Counter[str]]:
        return [Counter(each) for each in await page.evaluate(RULES, [texts, added])]

    # What Chromium writes of the condition depends on its version.
    condition = flat_css("i{}", "Chart").removesuffix("{}")
    added: list[tuple[str, str]] = []
    [written] = await rules([condition + "{}"])
    flat_condition = json.loads(next(iter(written)))[0][1].removeprefix("i")
    added += [(flat_condition, ""), (":where(:scope, :scope *)", ""), (f":where({ROOT_OF})", "&")]

    chance = random.Random(12)
    texts = ["".join(chance.choices(PIECES, k=chance.randint(1, 14))) for _ in range(3000)]
    # Whatever is left open by the text has ended here.
    end = ";{}.end{}"
    original = await rules(texts)
    native = await rules([scoped_css(text, "Chart") + end for text in texts])
    flat = await rules([flat_css(text, "Chart") + end for text in texts])
    ended = Counter(['[["CSSStyleRule",".end"],""]'])
    for text, before, *after in zip(texts, original, native, flat, strict=True):
        for rules_now in after:
            assert not before + ended - rules_now, text
            # A pseudo-element with `&` after it is no selector; with our words there it is one, for nothing.
            new = {rule for rule in rules_now - before - ended if ":where()" not in rule}
            # In a group, CSS Syntax 3 lets a lone semicolon pass; Chromium drops the rule after it.
            assert not new or ";" in text, text
    assert sum(map(len, original)) > 1000


# --- what comes later


async def test_what_a_late_component_needs_is_put_into_the_head_once_and_in_order(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    said = "(window.said ??= []).push('{}')".format
    files = {"first_js": said("first"), "second_mjs": "export {};" + said("second"), "third_js": said("third")}
    early = component(tmp_path, "Early", "js, css = 'first.js', 'early.css'", early_css="p { top: 1px }", **files)
    late = component(tmp_path, "Late", "css, js = 'late.css', ['second.mjs', 'third.js']", late_css="p { left: 2px }")
    statics, sent = Statics(), set[str]()
    site, line = await shown(page, serve, statics, statics.new_for(sent, [early]), root("<p>text</p>"))
    news = statics.entries([early, late])
    await line.say("statics", news)
    await line.say("statics", news)
    await page.wait_for_function("() => window.said?.length === 3")
    await expect(page.locator("p")).to_have_css("left", "2px")
    await line.say("statics", news)
    await page.evaluate("import('/live/build/statics.js')")
    there = await page.evaluate(
        """[...document.querySelectorAll("head [data-asok-static]")].map(
          (each) => each.getAttribute("href") ?? each.getAttribute("src"))"""
    )
    assert there == [entry.url for entry in news]
    assert await page.evaluate("said") == ["first", "second", "third"]
    assert Counter(site.asked) == Counter(entry.url for entry in news)


async def test_a_newer_release_replaces_a_style_and_does_not_run_a_script_again(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    script = "window.ran = (window.ran ?? 0) + 1"
    body = "css, js, scoped = 'chart.css', 'chart.js', True"
    chart = component(tmp_path, "Chart", body, chart_css=":scope { top: 1px }", chart_js=script)
    statics = Statics(debug=True)
    scope = statics.scope_attribute(chart)
    _, line = await shown(page, serve, statics, statics.entries([chart]), root("", attributes=scope))
    (tmp_path / "chart.css").write_text(":scope { left: 2px }")
    (tmp_path / "chart.js").write_text(script + "// changed")
    news = statics.entries([chart])
    await line.say("statics", news)
    await expect(page.locator("link[data-asok-static]")).to_have_count(1)
    await expect(page.locator("div")).to_have_css("left", "2px")
    await expect(page.locator("div")).to_have_css("top", "auto")
    assert await page.evaluate("ran") == 1


async def test_a_late_scoped_style_comes_in_the_form_that_the_browser_knows(
    page: Page, serve: Serve, tmp_path: Path
) -> None:
    await page.add_init_script(WITHOUT_SCOPE)
    chart = component(tmp_path, "Chart", "css, scoped = 'chart.css', True", chart_css=":scope { top: 1px }")
    statics = Statics()
    site, line = await shown(page, serve, statics, [], root("", attributes=statics.scope_attribute(chart)))
    [entry] = statics.entries([chart])
    await line.say("statics", [entry, entry])
    await expect(page.locator("div")).to_have_css("top", "1px")
    assert site.asked == [entry.url + "?flat="]
