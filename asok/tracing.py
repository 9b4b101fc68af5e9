"""A span for each event, for OpenTelemetry: `pip install asok-live[opentelemetry]`, then `app.observe(Tracing())`."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, Status, StatusCode, TracerProvider

from asok.observing import Observer

__all__ = ["Tracing"]

# What was the program's fault, not the browser's.
ERRORS = frozenset({"failed", "timeout", "parked"})


class Tracing(Observer):
    """Makes a span of each event, and whatever the method does in it becomes a part of that.

    A span tells the component, the method, the event's id, its outcome and how many bytes were sent; never
    a value, an argument or a token. provider: whose tracer makes the spans; by default the global one's.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer("asok", tracer_provider=provider)
        self._sent: ContextVar[list[int] | None] = ContextVar("asok_sent", default=None)

    def event(self, component: str, method: str, event: str) -> Callable[[str], None]:
        """Begin a span."""
        attributes = {"asok.component": component, "asok.method": method, "asok.event": event}
        name = f"{component}.{method}" if method else component
        span = self._tracer.start_span(name, kind=SpanKind.SERVER, attributes=attributes)
        before, sizes = context.attach(trace.set_span_in_context(span)), [0]
        counted = self._sent.set(sizes)

        def ended(outcome: str) -> None:
            self._sent.reset(counted)
            context.detach(before)
            span.set_attribute("asok.outcome", outcome)
            span.set_attribute("asok.patch_bytes", sum(sizes))
            if outcome in ERRORS:
                span.set_status(Status(StatusCode.ERROR, outcome))
            span.end()

        return ended

    def sent(self, size: int) -> None:
        """Add what is sent to the span of the event that sends it."""
        sizes = self._sent.get()
        if sizes is not None:
            sizes.append(size)
