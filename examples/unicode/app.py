"""A live search through the Unicode character database: `asok dev examples/unicode/app.py`."""

import sys
import unicodedata

from markupsafe import Markup

from asok import Asok, Component, exposed

UNNAMED = ("CJK UNIFIED IDEOGRAPH-", "HANGUL SYLLABLE ", "TANGUT IDEOGRAPH-")  # their names are rules, not entries
SHOWN = 200


def named_characters() -> dict[str, tuple[str, str, str, str]]:
    """What is searched -> character, code point, name and category of each of some 34,000 characters."""
    found = {}
    for character in map(chr, range(sys.maxunicode + 1)):
        name = unicodedata.name(character, "")
        if name and not name.startswith(UNNAMED):
            code, category = f"U+{ord(character):04X}", unicodedata.category(character)
            # A combining mark is shown on a dotted circle, else it would land on the cell's border.
            glyph = "◌" + character if category[0] == "M" else character
            found[f"{character} {name} {code}".casefold()] = (glyph, code, name, category)
    return found


INDEX = named_characters()


class Unicode(Component):
    """Searches the 34,000 named characters of Unicode while you type, and never touches what you type."""

    query: str = ""

    @exposed
    def search(self, query: str) -> None:
        self.query = query[:100]

    def render(self) -> Markup:
        words = self.query.casefold().split()
        keys = list(INDEX) if words else []
        for word in words:
            keys = [key for key in keys if word in key]
        found = [INDEX[key] for key in keys[:SHOWN]]
        return self.html("unicode.html", found=found, total=len(keys), size=len(INDEX))


app = Asok()
app.page("/", Unicode)
