"""What a page holds for browsers without JavaScript, and what its text must not hold."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from asok.form_html import Posting, attributes_of, postable

POSTING = Posting("/live/form", "CSRF", {"A": "TOKEN-A", "B": "TOKEN-B"}.get)
PROOFS = (
    '<input type="hidden" name="_asok-token A" value="TOKEN-A"><input type="hidden" name="_asok-csrf" value="CSRF">'
)


def made(html: str, *, inside: bool = False) -> str:
    return postable(html, "A", POSTING, inside=inside)[0]


def test_a_form_with_a_call_is_posted_with_what_proves_it() -> None:
    assert made("<form ws-submit=\"save(1, 'x')\"><button>Save</button></form>") == (
        '<form ws-submit="save(1, \'x\')" method="post" action="/live/form">'
        f'{PROOFS}<input type="hidden" name="_asok-call" value="A save(1, &#39;x&#39;)">'
        "<button>Save</button></form>"
    )


def test_enter_presses_no_button_that_has_a_call_of_its_own() -> None:
    child = '<template data-asok="aaaaaaaaaaaa.00000000"></template>'
    for first in ('<button ws-click="more">', '<input type="button" ws-click="more">', child):
        html = made(f'<form ws-submit="save"><input name="x">{first}<button>Save</button></form>')
        assert html.index('<span hidden ws-key="_asok-enter"><button></button></span>') < html.index('name="x"')
    assert "_asok-enter" not in made('<form ws-submit="a"><button>Save</button><button ws-click="more"></form>')


def test_modifiers_make_no_difference_and_what_is_said_of_elsewhere_is_no_call() -> None:
    assert 'value="A save"' in made("<form ws-submit.prevent.stop='save'></form>")
    assert made('<form><button ws-click.outside="close">x</button></form>').count("formaction") == 0


def test_a_form_that_goes_elsewhere_is_left_alone() -> None:
    for form in ('<form action="/search">', '<form method="dialog">', '<form enctype="multipart/form-data">', "<form>"):
        text = f'{form}<input name="q" ws-input="look"></form>'
        assert made(text) == text


def test_a_button_carries_its_call_and_keeps_its_value() -> None:
    html = made('<form ws-submit="save"><button type="button" name="x" value="7" ws-click="more">+</button></form>')
    where = "/live/form?call=A+more&amp;value=7"
    assert f'<button type="submit" formnovalidate formaction="{where}"  name="x" value="7" ws-click="more">+' in html
    assert 'type="button"' not in html


def test_only_buttons_in_forms_are_changed() -> None:
    html = '<div><button type="button" ws-click="more">+</button><form ws-submit="a"></form><button ws-click="b"></div>'
    assert made(html).count("formaction") == 0
    checkbox = '<form ws-submit="a"><input type="checkbox" name="on" ws-click="toggle"></form>'
    assert '<input type="checkbox" name="on" ws-click="toggle">' in made(checkbox)


def test_what_only_looks_like_a_form_is_passed_over() -> None:
    for text in (
        '<div><!-- <form ws-submit="x"> --></div>',
        "<div><script>\"<form ws-submit='x'>\"</script></div>",
        "<div><textarea><form ws-submit='x'></textarea></div>",
        "<div title=\"<form ws-submit='x'>\"></div>",
        '<div>&lt;form ws-submit="x"&gt;</div>',
        '<div><form ws-submit="x"',
    ):
        assert made(text) == text


def test_content_of_a_slot_belongs_to_whoever_gave_it() -> None:
    form = '<form ws-submit="save"></form>'
    html = made(f'<div><slot data-asok-slot="B">{form}<slot>{form}</slot></slot>{form}</div>')
    assert re.findall(r'value="(\w) save"', html) == ["B", "B", "A"]
    strange = f'<div><slot data-asok-slot="C">{form}</slot></div>'
    assert made(strange) == strange


def test_children_inside_of_a_form_are_known_and_bring_their_own_token() -> None:
    child = '<template data-asok="aaaaaaaaaaaa.00000000"></template>'
    other = '<template data-asok="bbbbbbbbbbbb.00000000"></template>'
    _, within = postable(f'<div>{other}<form ws-submit="a">{child}</form>{other}</div>', "A", POSTING, inside=False)
    assert within == {"aaaaaaaaaaaa"}
    html, within = postable(f'<p><button ws-click="x">x</button>{other}</p>', "B", POSTING, inside=True)
    assert '<input type="hidden" name="_asok-token B" value="TOKEN-B"><button type="submit"' in html
    assert within == {"bbbbbbbbbbbb"}


def test_attributes_are_read_as_a_browser_does() -> None:
    assert attributes_of(""" a="1" B='2 "x"' c=3 d e = "&lt;&#39;" a="9" """) == {
        "a": "1",
        "b": '2 "x"',
        "c": "3",
        "d": "",
        "e": "<'",
    }


PIECES = st.sampled_from(
    """<form> <form&ws-submit='x'> </form> <button&ws-click=y> </button> <slot&data-asok-slot=B> </slot> <!-- -->
    <textarea> </textarea> text < > " ' <p&a='""".replace("\n", " ").split()
).map(lambda piece: piece.replace("&", " "))


@given(st.lists(PIECES))
def test_nothing_of_a_text_is_lost_whatever_it_holds(pieces: list[str]) -> None:
    text = "".join(pieces)
    html = made(text)
    for added in re.findall(
        r"<span hidden ws-key=\"_asok-enter\"><button></button></span>|<input type=\"hidden\"[^>]*>", html
    ):
        html = html.replace(added, "", 1)
    html = html.replace(' method="post" action="/live/form"', "")
    html = re.sub(r'<button type="submit" formnovalidate formaction="[^"]*"', "<button", html)
    assert html == text


def test_a_long_text_takes_time_in_proportion() -> None:
    for piece in ("<a ", "<a '", "<!--", "<textarea>", "<form ws-submit=x>", "</"):
        made("<form ws-submit='x'>" + piece * 20_000)


def test_a_button_outside_of_its_form_does_not_send_it_for_another_call_than_its_own() -> None:
    html = made('<form id="f" ws-submit="save"></form><button form="f" ws-click="drop">x</button><button form="f">')
    assert html.endswith('<button type="button" form="f" ws-click="drop">x</button><button form="f">')
