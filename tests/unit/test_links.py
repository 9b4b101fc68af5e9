"""`css` and `js` of a class: what may be declared, and what is refused in words."""

from __future__ import annotations

from typing import Any

import pytest

from asok.errors import ComponentError
from asok.links import Link, check_statics, links_of


class Base:
    """Stands for the component class, which declares nothing."""


def declared(**attributes: Any) -> type:
    cls = type("Chart", (Base,), attributes)
    check_statics(cls, Base)
    return cls


def test_files_and_links_are_taken_in_order_stylesheets_first() -> None:
    cls = declared(
        js=["a.js", "parts/b.mjs"],
        css=("chart.css", {"href": "print.css", "media": "print"}, "https://fonts.test/css2?family=A|B&x=1"),
    )
    assert links_of(cls) == [
        Link("css", "chart.css"),
        Link("css", "print.css", {"media": "print"}),
        Link("css", "https://fonts.test/css2?family=A|B&x=1"),
        Link("js", "a.js"),
        Link("js", "parts/b.mjs"),
    ]


def test_only_the_own_stylesheets_of_a_scoped_class_are_scoped() -> None:
    links = links_of(declared(css=["a.css", "https://x.test/b.css"], js="c.js", scoped=True))
    assert [link.target for link in links if link.scoped] == ["a.css"]


def test_a_link_to_another_server_may_say_how_it_is_fetched() -> None:
    attributes = {"integrity": "sha384-x", "crossorigin": "anonymous", "type": "module"}
    [link] = links_of(declared(js={"src": "https://x.test/a.js", **attributes}))
    assert (link.external, link.attributes) == (True, attributes)


@pytest.mark.parametrize(
    "target",
    [
        *("../secret.css", "/etc/x.css", "a/../b.css", ".hidden.css", "a\\b.css", "C:/x.css", "a//b.css", "a\0.css"),
        *("http://x.test/a.css", "//x.test/a.css", "https:///a.css", 'https://x.test/">', "https://x.test/a b"),
        *("chart", "chart.py", "chart.js", "a.css?x", "@style.css", "", "javascript:a.css"),
    ],
)
def test_what_is_neither_a_file_beside_the_class_nor_a_link_is_refused(target: str) -> None:
    with pytest.raises(
        ComponentError, match=r"Chart\.css names .*: expected a file beside the class, such as 'chart\.css'"
    ):
        declared(css=target)


@pytest.mark.parametrize("value", [3, ["a.css", None], {"href": 1}, b"a.css", {"a.css"}, [["a.css"]]])
def test_a_wrong_type_is_refused_when_the_class_is_made(value: Any) -> None:
    with pytest.raises(ComponentError, match=r"Chart\.css holds .*: expected a file such as 'chart\.css'"):
        declared(css=value)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"css": {"href": "a.css", "onload": "x"}}, "no attribute 'onload' is known; write crossorigin, href"),
        ({"css": {"src": "a.css"}}, "no attribute 'src' is known"),
        ({"js": {"src": "a.js", "type": "text/plain"}}, "write 'module' or nothing"),
        ({"js": {"src": "a.js", "integrity": "sha384-x"}}, "integrity is for links to other servers"),
        ({"scoped": "yes"}, "Chart.scoped is 'yes'; write scoped = True"),
    ],
)
def test_attributes_that_mean_nothing_are_refused(attributes: dict[str, Any], words: str) -> None:
    with pytest.raises(ComponentError, match=words):
        declared(**attributes)


def test_files_of_a_mixin_that_is_no_component_are_refused() -> None:
    mixin = type("Styled", (), {"css": "a.css"})
    with pytest.raises(ComponentError, match="takes its css from Styled, which is no component"):
        check_statics(type("Chart", (mixin, Base), {}), Base)
