"""A live search through the Unicode character database."""

import sys
import unicodedata

from markupsafe import Markup

from asok import Asok, Component, exposed

# Named by a rule, not one by one.
RANGES = ("CJK UNIFIED IDEOGRAPH-", "HANGUL SYLLABLE ", "TANGUT IDEOGRAPH-")
SHOWN = 200


def named_characters() -> dict[str, tuple[str, str, str, str]]:
    """What is searched -> glyph, code point, name and category, some 34,000 times."""
    found = {}
    for character in map(chr, range(sys.maxunicode + 1)):
        name = unicodedata.name(character, "")
        if name and not name.startswith(RANGES):
            code, category = f"U+{ord(character):04X}", unicodedata.category(character)
            # A combining mark needs something to combine with.
            glyph = "◌" + character if category[0] == "M" else character
            found[f"{character} {name} {code}".casefold()] = (glyph, code, name, category)
    return found


INDEX = named_characters()


class Unicode(Component):
    """Searches the named characters of Unicode as you type, and lets you type."""

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
