"""What a method makes the page do: what is refused at the call, and what a test sees of it."""

from __future__ import annotations

from typing import Any

import pytest

from asok import Component, exposed, on
from asok.component import surroundings_of
from asok.effects import FILE, TOGETHER
from asok.errors import ComponentError
from asok.testing import LiveClient


class Desk(Component):
    template = "<div><input id='name'><button ws-click='act'>Act</button></div>"

    @exposed
    def act(self) -> None:
        self.copy("copied")
        self.announce("Saved")
        self.announce("Lost", assertive=True)
        self.download(b"a;b\n", "orders.csv")
        self.download("/files/7.pdf")
        self.focus("#name")
        self.scroll_into_view("#name")
        self.blur()
        self.click("#name")
        self.select("#name")


def effects_of(desk: Component) -> list[list[Any]]:
    return surroundings_of(desk).effects


async def test_a_test_sees_what_is_copied_announced_and_saved() -> None:
    async with LiveClient() as live:
        page = await live.mount(Desk)
        await page.click("button")
    assert page.clipboard == "copied"
    assert page.announced == ["Saved", "Lost"]
    assert page.downloads == [("orders.csv", b"a;b\n"), ("7.pdf", "/files/7.pdf")]
    assert page.effects[5:] == [
        ["focus", "#name"],
        ["scroll_into_view", "#name"],
        ["blur", ":focus"],
        ["click", "#name"],
        ["select", "#name"],
    ]


@pytest.mark.parametrize("name", ["focus", "blur", "click", "select", "scroll_into_view", "dispatch", "announce"])
@pytest.mark.parametrize("wrong", [3, None, "", "  ", ["#a"]])
def test_what_is_no_text_is_refused_where_it_is_asked(name: str, wrong: Any) -> None:
    desk = Desk()
    with pytest.raises(ComponentError, match=rf"{name}\(.*\): expected"):
        getattr(desk, name)(wrong)
    assert effects_of(desk) == []


def test_copy_takes_any_text_and_nothing_else() -> None:
    desk = Desk()
    desk.copy("")
    assert effects_of(desk) == [["copy", ""]]
    with pytest.raises(ComponentError, match="expected text; write str"):
        desk.copy(3)  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize(
    "source", ["//x.org/a", "https://x.org/a", "javascript:alert(1)", "a.pdf", "", "/a\\b", "data:,"]
)
def test_a_download_comes_from_this_site(source: str) -> None:
    desk = Desk()
    with pytest.raises(ComponentError, match=r"expected a path of this site, such as '/files/7\.pdf', or bytes"):
        desk.download(source, "a.pdf")
    assert effects_of(desk) == []


@pytest.mark.parametrize(
    "name",
    [
        *("../a", "a/b", "a\\b", ".bashrc", "a.", " a", "a ", "a\n.txt", "a\x00", "a:b", 'a"b', "a|b", "a?", "CON*"),
        *(
            "photo\u202egpj.exe",
            "photo\u061cgpj.exe",
            "a\xadb",
            "a\U000e0041b",
            "a\u200bb",
            "x" * 121,
            "\x9f",
            "\ufeffa",
        ),
    ],
)
def test_a_file_name_that_could_mislead_is_refused(name: str) -> None:
    desk = Desk()
    with pytest.raises(ComponentError, match="is no name for a file"):
        desk.download(b"", name)
    assert effects_of(desk) == []


@pytest.mark.parametrize("name", ["orders.csv", "Bücher - 2026 (1).tar.gz", "x" * 120, "注文.txt"])
def test_other_file_names_are_as_people_write_them(name: str) -> None:
    desk = Desk()
    desk.download(b"\x00\xff", name)
    assert effects_of(desk) == [["download", "data:application/octet-stream;base64,AP8=", name]]


def test_a_file_needs_a_name_and_may_not_be_large() -> None:
    desk = Desk()
    with pytest.raises(ComponentError, match="give the file a name"):
        desk.download(b"a")
    with pytest.raises(ComponentError, match="got int"):
        desk.download(3, "a")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(ComponentError, match=rf"{FILE + 1} bytes, {FILE} are allowed; serve the file"):
        desk.download(b"x" * (FILE + 1), "a")
    desk.download(b"x" * FILE, "a")
    assert len(effects_of(desk)) == 1


def test_what_one_method_asks_for_stays_small_enough_to_be_kept() -> None:
    desk = Desk()
    desk.copy("x" * (TOGETHER - 100))
    with pytest.raises(ComponentError, match="what one method asks of the page would be"):
        desk.copy("y" * 100)
    assert len(effects_of(desk)) == 1


class EmptiedCart(Component):
    """Tells of what it holds, and lets go of it."""

    cart: list[int] = [1]
    heard: list[int] = []
    template = "<div>{{ heard }}<button ws-click='sell'>sell</button></div>"

    @exposed
    def sell(self) -> None:
        """Tell the page and all who listen."""
        self.dispatch("sold", {"cart": self.cart})
        self.broadcast("sold", self.cart)
        self.cart.clear()

    @on("sold")
    def hear(self, message: list[int]) -> None:
        """What was sold."""
        self.heard += message


async def test_what_a_method_has_told_stays_what_it_was_when_it_told_it() -> None:
    async with LiveClient() as live:
        page = await live.mount(EmptiedCart)
        await page.click("button")
        assert page.effects == [["dispatch", "sold", {"cart": [1]}]]
        await page.until(lambda: page.text("div") == "[1]sell")
