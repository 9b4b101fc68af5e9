"""Settings that Python and the scripts of the page both set, each told of what the other does."""

from typing import Any, ClassVar

from asok import Asok, Component, Store, exposed

DEFAULT = {"theme": "system", "volume": 50, "size": 100}
EVENING = {"theme": "dark", "volume": 20, "size": 120}

heard = Store({"javascript": 0, "python": 0}, name="settings")


class Ear:
    """Counts the changes that Python hears of, by the side that made them."""

    async def update_state(self, namespace: str, key: str, value: Any, source: str) -> None:
        await heard.update(source, 1)


class Settings(Component):
    """Set by a script or by Python, shown by both. They are yours: your other tabs follow, and no stranger does."""

    css = "settings.css"
    js = {"src": "settings.js", "type": "module"}
    scoped = True
    app: ClassVar[Asok]

    def load(self) -> None:
        self.now = {key: self.app.get_state("settings", key) for key in DEFAULT}
        self.heard = heard

    @exposed
    def evening(self) -> None:
        self._set(EVENING)

    @exposed
    def default(self) -> None:
        self._set(DEFAULT)

    def _set(self, values: dict[str, Any]) -> None:
        for key, value in values.items():
            self.app.set_state("settings", key, value)


def connect(app: Asok) -> None:
    """What everybody begins with, and who is told of changes."""
    Settings.app = app
    for key, value in DEFAULT.items():
        app.set_state("settings", key, value)
    app.add_state_handler(Ear(), ["settings"])


app = Asok()
connect(app)
app.page("/", Settings)
