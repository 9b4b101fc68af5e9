"""Three stations of a city, asked side by side."""

import asyncio
from typing import ClassVar, Literal

from asok import Asok, Component, async_, exposed

ANSWERS = {
    "Oslo": {"temperature": "4.5 °C", "wind": "12 km/h from the west", "air": "good"},
    "Rome": {"temperature": "16.0 °C", "wind": "5 km/h from the south", "air": "fair"},
    "Quito": {"temperature": "13.5 °C", "wind": "8 km/h from the east"},
}


async def ask(city: str, station: str, *, seconds: float) -> str:
    """What a station would answer, as slowly."""
    await asyncio.sleep(seconds)
    if station not in ANSWERS[city]:
        raise ConnectionError(f"no station in {city}")
    return ANSWERS[city][station]


class Weather(Component):
    """Three stations are asked side by side; each answer is shown when it is there, and the old one until then."""

    css = "weather.css"
    scoped = True
    cities: ClassVar = tuple(ANSWERS)
    city: Literal["Oslo", "Rome", "Quito"] = "Oslo"

    @async_
    async def temperature(self) -> str:
        return await ask(self.city, "temperature", seconds=0.4)

    @async_
    async def wind(self) -> str:
        return await ask(self.city, "wind", seconds=1.6)

    @async_
    async def air(self) -> str:
        return await ask(self.city, "air", seconds=1)

    @exposed
    def choose(self, city: Literal["Oslo", "Rome", "Quito"]) -> None:
        self.city = city
        for each in (self.temperature, self.wind, self.air):
            each.reload()

    @exposed
    def again(self, station: Literal["temperature", "wind", "air"]) -> None:
        getattr(self, station).reload()


app = Asok()
app.page("/", Weather)
