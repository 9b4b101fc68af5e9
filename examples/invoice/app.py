"""An invoice with as many lines as it takes: add them, remove them, and see the sum while you type."""

import asyncio
from decimal import Decimal
from typing import Annotated, Any

from asok import Asok, Component, exposed
from asok.forms import Form, Meta, form_of


class Line(Form):
    what: Annotated[str, Meta(max_length=60)]
    quantity: Annotated[int, Meta(ge=1, le=999)] = 1
    price: Annotated[Decimal, Meta(ge=0, le=99999)]


class Bill(Form):
    to: Annotated[str, Meta(title="Bill to", max_length=60)]
    lines: Annotated[list[Line], Meta(min_length=1, max_length=12)]


class Invoice(Component):
    """What you type in one line stays when another goes. Nothing is saved before all of it is right."""

    css = "invoice.css"
    scoped = True
    bill = form_of(Bill)
    saved: list[str] = []

    def amount(self, line: Any) -> Decimal:
        try:
            return Decimal(line.quantity.value) * Decimal(line.price.value)
        except ArithmeticError:
            return Decimal(0)

    @property
    def total(self) -> Decimal:
        return sum(map(self.amount, self.bill.lines), Decimal(0))

    @exposed
    async def save(self, bill: Bill) -> None:
        await asyncio.sleep(0.5)  # as long as it takes to print one
        total = sum(line.quantity * line.price for line in bill.lines)
        self.saved = [f"{bill.to}: {total:,.2f}", *self.saved][:5]
        self.bill = form_of(Bill)


app = Asok()
app.page("/", Invoice)
