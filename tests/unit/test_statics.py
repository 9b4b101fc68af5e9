"""The files of components: their order and names, what is served, and what is not there."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from pathlib import Path

import httpx
import pytest
from bs4 import BeautifulSoup
from starlette.applications import Starlette
from starlette.routing import Route

from asok.component import Definition, registry
from asok.errors import ComponentError, RenderError
from asok.statics import Entry, Statics, head, template_without_styles

IMMUTABLE = "public, max-age=31536000, immutable"


def classes(folder: Path, text: str, **files: str) -> None:
    """Component classes in a module of their own, with these files beside it; `_` in a name is its dot."""
    for file, content in files.items():
        (folder / file.replace("_", ".")).write_text(content)
    path = folder / f"{folder.name}_classes.py"
    path.write_text("from asok import Component\n" + text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def find(*names: str) -> list[Definition]:
    return [registry.find(name) for name in names]


def told(entries: list[Entry]) -> list[str]:
    """Class and file of each, without the hash."""
    return ["/".join(entry.url.split("/")[3::2]) for entry in entries]


def get(statics: Statics, url: str) -> httpx.Response:
    async def fetch() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=[Route(statics.route, statics.serve)]))
        async with httpx.AsyncClient(transport=transport, base_url="http://x.test") as client:
            return await client.get(url)

    return asyncio.run(fetch())


CHART = "class Chart(Component):\n  css, js = 'chart.css', 'chart.js'\n"


# --- what a page needs


def test_bases_come_first_and_each_file_once_in_order_of_appearance(tmp_path: Path) -> None:
    fancy = "class Fancy(Chart):\n  css = ['fancy.css', 'chart.css']\nclass Plain(Component): pass\n"
    classes(tmp_path, CHART + fancy, chart_css="a", chart_js="b", fancy_css="c")
    statics = Statics()
    expected = ["Chart/chart.css", "Chart/chart.js", "Fancy/fancy.css", "Fancy/chart.css"]
    assert told(statics.entries(find("Plain", "Fancy", "Chart", "Fancy"))) == expected
    assert told(statics.entries(find("Chart", "Fancy"))) == expected
    assert statics.entries(find("Plain")) == []


def test_what_a_connection_has_had_is_not_sent_again(tmp_path: Path) -> None:
    classes(tmp_path, CHART + "class Fancy(Chart):\n  css = 'fancy.css'\n", chart_css="a", chart_js="b", fancy_css="c")
    statics, sent = Statics(), set[str]()
    assert told(statics.new_for(sent, find("Chart"))) == ["Chart/chart.css", "Chart/chart.js"]
    assert told(statics.new_for(sent, find("Chart", "Fancy"))) == ["Fancy/fancy.css"]
    assert statics.new_for(sent, find("Fancy")) == []


def test_the_head_has_a_tag_for_each_and_no_text_can_leave_its_attribute() -> None:
    entries = [
        Entry("css", "/a.css?x=1&y", {"media": 'print"><script>', "data-asok-scoped": ""}),
        Entry("js", "/b.js", {}),
        Entry("js", "/c.mjs", {}),
        Entry("js", "https://x.test/d", {"type": "module", "integrity": "sha384-x", "crossorigin": "anonymous"}),
    ]
    soup = BeautifulSoup(head(entries, 'n"once', swap="/s.js"), "html.parser")
    tags = [
        (each.name, {name: str(value) for name, value in each.attrs.items() if name != "rel"})
        for each in soup.find_all(True)
    ]
    own = {"data-asok-static": "", "nonce": 'n"once'}
    assert tags == [
        ("link", {"href": "/a.css?x=1&y", **own, "media": 'print"><script>', "data-asok-scoped": ""}),
        ("script", {"defer": "", "src": "/b.js", **own}),
        ("script", {"type": "module", "src": "/c.mjs", **own}),
        ("script", {"src": "https://x.test/d", **own, **entries[3].attributes}),
        ("script", {"type": "module", "src": "/s.js", "nonce": 'n"once'}),
    ]


def test_pages_without_scoped_styles_do_not_fetch_what_helps_with_them() -> None:
    assert "/s.js" not in head([Entry("css", "/a.css", {})], swap="/s.js")


# --- scoped


def test_the_root_names_every_class_whose_styles_reach_it(tmp_path: Path) -> None:
    text = (
        "class Chart(Component):\n  css, scoped = 'chart.css', True\n"
        "class Fancy(Chart):\n  css = 'fancy.css'\n"
        "class Same(Fancy): pass\n"
        "class Loud(Chart):\n  css, scoped = 'loud.css', False\n"
        "class Text(Component):\n  template = '<p></p><style scoped>p {}</style>'\n"
        "class Plain(Component):\n  css = 'fancy.css'\n"
    )
    classes(tmp_path, text, chart_css="a{}", fancy_css="b{}", loud_css="c{}")
    attribute = Statics().scope_attribute
    chart, fancy, same, loud, written, plain = find("Chart", "Fancy", "Same", "Loud", "Text", "Plain")
    assert attribute(chart) == ' data-asok-scope="Chart"'
    assert attribute(fancy) == attribute(same) == ' data-asok-scope="Chart Fancy"'
    assert attribute(loud) == ' data-asok-scope="Chart"'
    assert attribute(written) == ' data-asok-scope="Text"'
    assert attribute(plain) == ""


def test_a_scoped_file_has_a_second_form_for_older_browsers(tmp_path: Path) -> None:
    classes(tmp_path, "class Chart(Component):\n  css, scoped = 'chart.css', True\n", chart_css="\ufeff.a {}")
    statics = Statics()
    [entry] = statics.entries(find("Chart"))
    assert entry.attributes == {"data-asok-scoped": ""}
    assert get(statics, entry.url).text.startswith('@scope ([data-asok-scope~="Chart"])')
    assert get(statics, entry.url + "?flat=&alive=1").text.startswith('.a:where([data-asok-scope~="Chart"]')


def test_the_style_of_a_template_is_found_again_from_its_source(tmp_path: Path) -> None:
    source = "<p>{{ 1 }}</p>\n<style scoped>p { top: 0 }</style>"
    classes(tmp_path, "class Chart(Component): pass\n", chart_html=source)
    [entry] = Statics().entries(find("Chart"))
    # Another worker, which has rendered nothing yet.
    answer = get(Statics(), entry.url)
    assert (answer.headers["cache-control"], "p:where" in answer.text) == (IMMUTABLE, True)
    assert template_without_styles(registry.find("Chart"), "chart.html", source) == "<p>{{ 1 }}</p>\n"


def test_a_style_in_another_file_than_the_template_is_refused(tmp_path: Path) -> None:
    classes(tmp_path, "class Chart(Component): pass\nclass Fancy(Chart): pass\n", chart_html="")
    source = "<style scoped>p {}</style>"
    assert template_without_styles(registry.find("Fancy"), "chart.html", source) == ""
    with pytest.raises(RenderError, match=r"row\.html has a <style scoped>.*put it into chart\.html"):
        template_without_styles(registry.find("Chart"), "row.html", source)


def test_a_file_that_cannot_be_scoped_is_told_in_words(tmp_path: Path) -> None:
    classes(tmp_path, "class Chart(Component):\n  css, scoped = 'chart.css', True\n")
    (tmp_path / "chart.css").write_bytes(b"a { content: '\xe9' }")
    with pytest.raises(ComponentError, match=r"chart\.css of Chart is not UTF-8 text, at byte 14"):
        Statics().entries(find("Chart"))


# --- files


def test_a_file_is_served_under_the_name_of_its_content_and_kept_for_ever(tmp_path: Path) -> None:
    classes(tmp_path, CHART, chart_css="a {}", chart_js="let é")
    statics = Statics("/app/live")
    css, js = statics.entries(find("Chart"), root="/below")
    assert css.url.startswith("/below/app/live/static/Chart/")
    answers = [get(statics, entry.url.removeprefix("/below")) for entry in (css, js)]
    assert [answer.text for answer in answers] == ["a {}", "let é"]
    assert [answer.headers["content-type"] for answer in answers] == [
        "text/css; charset=utf-8",
        "text/javascript; charset=utf-8",
    ]
    for answer in answers:
        assert answer.headers["cache-control"] == IMMUTABLE
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_name_of_an_earlier_release_gives_the_present_file_which_nobody_keeps(tmp_path: Path) -> None:
    classes(tmp_path, CHART, chart_css="a {}", chart_js="")
    answer = get(Statics(), "/live/static/Chart/0123456789ab/chart.css")
    assert (answer.text, answer.headers["cache-control"]) == ("a {}", "no-store")


@pytest.mark.parametrize(
    "path",
    [
        *("Chart/0123456789ab/chart.py", "Chart/0123456789ab/other.css", "Chart/0123456789ab/@style.css"),
        *(
            "Chart/0123456789ab/%2e%2e/chart.css",
            "Chart/0123456789ab/%2e%2e/secret.css",
            "Chart/0123456789ab/..%5cchart.css",
        ),
        *(
            "Chart/0123456789ab//etc/passwd",
            "Chart/x/chart.css",
            "Chart/0123456789AB/chart.css",
            "Nobody/0123456789ab/a.css",
        ),
        *(
            "Chart/0123456789ab/https://x.test/a.css",
            "Chart/0123456789ab/chart.css%00",
            "Component/0123456789ab/chart.css",
        ),
    ],
)
def test_nothing_but_a_declared_file_is_there(tmp_path: Path, path: str) -> None:
    text = "class Chart(Component):\n  css = ['chart.css', 'https://x.test/a.css']\n"
    classes(tmp_path, text, chart_css="a {}", other_css="b {}")
    assert get(Statics(), f"/live/static/{path}").status_code == 404


def test_that_a_file_of_a_later_release_is_not_there_yet_is_kept_by_nobody(tmp_path: Path) -> None:
    answer = get(Statics(), "/live/static/Later/0123456789ab/later.css")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


def test_a_link_on_the_disk_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret.css").write_text("secret")
    classes(folder, "class Chart(Component):\n  css = 'chart.css'\n")
    (folder / "chart.css").symlink_to(tmp_path / "secret.css")
    with pytest.raises(ComponentError, match="leads out of"):
        Statics().entries(find("Chart"))
    assert get(Statics(), "/live/static/Chart/0123456789ab/chart.css").status_code == 404


def test_a_missing_file_is_told_with_class_file_and_folder(tmp_path: Path) -> None:
    classes(tmp_path, "class Chart(Component):\n  css = 'chrat.css'\n", chart_css="")
    words = rf"Chart\.css names 'chrat\.css', and there is no such file in {tmp_path}; did you mean 'chart\.css'\?"
    with pytest.raises(ComponentError, match=words):
        Statics().entries(find("Chart"))


@pytest.mark.parametrize("debug", [True, False])
def test_a_changed_file_has_a_new_name_at_once_in_development_only(tmp_path: Path, debug: bool) -> None:
    source = "<p></p><style scoped>{}</style>"
    classes(tmp_path, CHART, chart_css="a {}", chart_js="", chart_html=source.format("p {}"))
    statics = Statics(debug=debug)
    before = statics.entries(find("Chart"))
    for file, text in {"chart.css": "b {}", "chart.html": source.format("q {}")}.items():
        (tmp_path / file).write_text(text)
        os.utime(tmp_path / file, ns=(1, 1))
    after = statics.entries(find("Chart"))
    assert [old != new for old, new in zip(before, after, strict=True)] == [debug, False, debug]
    assert get(statics, after[0].url).text == ("b {}" if debug else "a {}")


def test_a_style_that_comes_into_a_template_is_seen_in_development(tmp_path: Path) -> None:
    classes(tmp_path, "class Chart(Component): pass\n", chart_html="<p></p>")
    statics = Statics(debug=True)
    assert statics.scope_attribute(registry.find("Chart")) == ""
    (tmp_path / "chart.html").write_text("<p></p><style scoped>p {}</style>")
    assert told(statics.entries(find("Chart"))) == ["Chart/@style.css"]
    assert statics.scope_attribute(registry.find("Chart")) == ' data-asok-scope="Chart"'
