"""What an untouched form of the test client sends, as Chromium does: tests/browser/test_testing_client.py compares."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from asok.testing_forms import Forms

SENT: dict[str, list[list[str]]] = {
    "<select name=a><option value='' disabled selected>Choose<option value=x>X</select>": [],
    "<select name=a></select>": [],
    "<select name=a size=3><option>x<option>y</select>": [],
    "<select name=a><optgroup disabled><option>x</optgroup><option>y</select>": [["a", "y"]],
    "<select name=a multiple><option selected disabled>x<option selected>y</select>": [["a", "y"]],
    "<fieldset disabled><legend><input name=a></legend><input name=b></fieldset>": [["a", ""]],
    "<fieldset disabled><fieldset><legend><input name=a></legend></fieldset></fieldset>": [],
    "<input type=radio name=a value=1 checked><input type=radio name=a value=2 checked>": [["a", "2"]],
    "<template><input name=a value=1></template><input name=b value=2>": [["b", "2"]],
    "<input type=range name=a>": [["a", "50"]],
    "<input type=range name=a min=10 max=20 value=99>": [["a", "20"]],
    "<input type=range name=a min=0 max=10 step=3 value=5>": [["a", "6"]],
    "<input type=range name=a max=1 step=any value=0.25>": [["a", "0.25"]],
    "<input type=range name=a min=5 max=1 value=3>": [["a", "5"]],
    "<input type=color name=a><input type=color name=b value='#ABCDEF'>": [["a", "#000000"], ["b", "#abcdef"]],
    "<input type=number name=a value=abc><input type=number name=b value=1e3>": [["a", ""], ["b", "1e3"]],
    "<input type=date name=a value=2026-02-30><input type=date name=b value=2026-02-28>": [
        ["a", ""],
        ["b", "2026-02-28"],
    ],
    "<input type=time name=a value=9:00><input type=time name=b value=09:00:00>": [["a", ""], ["b", "09:00:00"]],
    "<input type=datetime-local name=a value='2026-01-01 10:00:00'>": [["a", "2026-01-01T10:00"]],
    "<input type=datetime-local name=a value='2026-01-01'>": [["a", ""]],
    "<input type=month name=a value=2026-13><input type=week name=b value=2026-W01>": [["a", ""], ["b", "2026-W01"]],
    "<input type=email name=a value=' a@b.de '><input type=url name=b value=' http://x '>": [
        ["a", "a@b.de"],
        ["b", "http://x"],
    ],
    "<input name=a value='1&#10;2'><input type=hidden name=b value='1&#10;2'>": [["a", "12"], ["b", "1\n2"]],
    "<textarea name=a>x&#13;&#10;y</textarea>": [["a", "x\ny"]],
    "<input type=mystery name=a value='1&#10;2'>": [["a", "12"]],
}


@pytest.mark.parametrize("html", SENT)
def test_an_untouched_form_sends_what_a_browser_makes_of_its_html(html: str) -> None:
    form = BeautifulSoup(f"<form>{html}</form>", "html.parser").form
    assert form is not None
    assert Forms().fields(form) == SENT[html]
