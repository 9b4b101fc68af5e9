"""Arguments of `component()` that Jinja has made HTML of."""

from __future__ import annotations

from pathlib import Path

import pytest

from asok import Component, exposed
from asok.errors import FieldError
from asok.testing import LiveClient
from tests.rig import asok_app


class Titled(Component):
    title: str = ""
    names: list[str] = []
    about: dict[str, tuple[str, ...]] = {"n": ("",)}
    said: int = 0
    template = "<p>{{ title }} {{ names | join(' ') }} {{ about.n.0 }} <b ws-click='say'>{{ said }}</b></p>"

    @exposed
    def say(self) -> None:
        self.said += 1


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("title=_('Name')", "Name"),
        ("title=_('%(who)s & Co', who='O\\'Neil <x')", "O'Neil <x & Co"),
        ("title=_('a < b')", "a < b"),
        ("title='<b>' | e", "<b>"),
        ("title=_('a') ~ '&'", "a&"),
        ("title=block", "hi 3 >"),
        ("names=[_('a'), 'b']", "a b"),
        ("about={'n': (_('deep'),)}", "deep"),
    ],
)
@pytest.mark.parametrize("lazy", [False, True])
async def test_a_field_takes_the_text_of_what_gettext_set_or_a_filter_has_made(
    arguments: str, shown: str, lazy: bool, tmp_path: Path
) -> None:
    block = "{% set block %}hi {{ 1 + 2 }} {{ '>' }}{% endset %}"
    app = asok_app(tmp_path, {"/": block + "{{ component('Titled', " + f"{arguments}, lazy={lazy}) }}}}"})
    app.env.add_extension("jinja2.ext.i18n")
    app.env.install_null_translations(newstyle=True)  # type: ignore[attr-defined]  # the i18n extension adds it
    async with LiveClient(app) as live:
        opened = await live.open("/")
        await opened.click("b")
        assert " ".join(opened.text("p").split()) == f"{shown} 1"


@pytest.mark.parametrize("argument", ["'<b>x</b>' | safe", "['<br>' | safe]"])
async def test_tags_in_an_argument_are_refused_with_what_to_write(argument: str) -> None:
    class Tagging(Component):
        template = "<div>{{ component('Titled', title=" + argument + ") }}</div>"

    async with LiveClient() as live:
        with pytest.raises(FieldError, match=r"title=…\) is HTML, '<b.*\{% component 'Titled' %\}…"):
            await live.mount(Tagging)
