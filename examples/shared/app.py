"""One counter for everybody who has the page open."""

from asok import Asok, Component, Store

counter = Store({"count": 0}, name="shared")


class Shared(Component):
    """Counts for everybody at once: open it in two browsers, and press a button in one of them."""

    template = """
        <div class="counter shared">
          {{ counter.react("count", tag="output") }}
          <button {{ counter.do.update("count", -1) }} aria-label="Less">&minus;</button>
          <button {{ counter.do.update("count", 1) }} aria-label="More">+</button>
          {{ component("Words") }}
        </div>
    """

    def load(self) -> None:
        self.counter = counter


class Words(Component):
    template = "<p>{{ number }} is {{ 'an even' if number % 2 == 0 else 'an odd' }} number.</p>"

    def load(self) -> None:
        self.number = counter.read("count")


app = Asok()
app.page("/", Shared)
