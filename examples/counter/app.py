"""A counter that outlives a reload and a restart of the server."""

from asok import Asok, Component, exposed


class Counter(Component):
    """Counts clicks, and goes on after a reload or a restart of the server."""

    count = 0

    template = """
        <div class="counter">
          <output>{{ count }}</output>
          <button ws-click="add(-1)" aria-label="Less">&minus;</button>
          <button ws-click="add(1)" aria-label="More">+</button>
        </div>
    """

    @exposed
    def add(self, step: int) -> None:
        self.count += step


app = Asok()
app.page("/", Counter)
