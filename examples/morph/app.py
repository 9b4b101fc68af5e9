"""A page that is rendered anew and shuffled every second, while somebody types, listens and opens things in it."""

import io
import math
import random
import wave

from starlette.requests import Request
from starlette.responses import Response

from asok import Asok, Component, exposed

CARDS = ("words", "sound", "frame", "choices", "rich", "opened", "turning", "rows")
RATE, SECONDS, CHORD = 8000, 4, (220, 275, 330)


def tone() -> bytes:
    """A quiet chord that goes on without a seam."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 1, RATE, 0, "NONE", ""))
        for step in range(RATE * SECONDS):
            turn = 2 * math.pi * step / RATE
            sound.writeframesraw(bytes([128 + round(sum(8 * math.sin(turn * hertz) for hertz in CHORD))]))
    return file.getvalue()


class Morph(Component):
    """Shuffles its cards, every second if you like. What you type, hear, open, choose and scroll in them goes on."""

    css = "morph.css"
    order: list[str] = list(CARDS)
    times: int = 0
    running: bool = False

    @exposed
    def shuffle(self) -> None:
        self.order, self.times = random.sample(self.order, len(self.order)), self.times + 1

    @exposed
    def start_or_stop(self) -> None:
        self.running = not self.running


def serve_tone(app: Asok) -> None:
    """The sound of the page, at an address of its own."""
    sound = tone()

    async def answer(request: Request) -> Response:
        return Response(sound, media_type="audio/wav")

    app.add_route("/morph/tone.wav", answer)


app = Asok()
serve_tone(app)
app.page("/", Morph)
