"""How a browser goes from page to page: by links, redirects, and forms that are sent by HTTP."""

from __future__ import annotations

from urllib.parse import urldefrag

import httpx
from bs4.element import Tag

from asok.testing_asgi import App, Lifespan
from asok.testing_forms import Forms, text_of
from asok.testing_instances import Refused
from asok.testing_markup import parse, text_in

__all__ = ["Browser", "refusal_in"]


class Browser:
    """What the pages of one browser share: the running app, its cookies, and how refusals are met."""

    def __init__(
        self, app: App, lifespan: Lifespan, http: httpx.AsyncClient, *, patience: float, raise_refused: bool
    ) -> None:
        self.app, self.lifespan, self.http = app, lifespan, http
        self.patience, self.raise_refused = patience, raise_refused
        self.local_storage: dict[str, str] = {}

    async def get(self, url: str) -> httpx.Response:
        """A page."""
        return await self.http.get(url)

    async def send(self, url: str, forms: Forms, form: Tag, submitter: Tag | None) -> httpx.Response:
        """What comes of a form on the page `url`, and of the button that sends it."""
        entries = forms.fields(form, submitter)
        own = submitter if submitter is not None else form
        target = httpx.URL(url).join(text_of(own, "formaction") or text_of(form, "action"))
        method = text_of(own, "formmethod") or text_of(form, "method")
        fields: dict[str, list[str]] = {}
        for name, value in entries:
            fields.setdefault(name, []).append(value)
        if method.lower() != "post":
            return await self.http.get(target, params=fields)
        headers = {"Origin": str(self.http.base_url).rstrip("/")}
        return await self.http.post(target, data=fields, headers=headers)

    def target(self, url: str, link: str) -> tuple[str, bool] | None:
        """Where a link on the page `url` leads, and whether that is a page of this site; None within the page."""
        target = httpx.URL(url).join(link)
        if urldefrag(str(target)).url == urldefrag(url).url and "#" in link:
            return None
        return str(target), target.scheme in ("http", "https") and target.host == httpx.URL(url).host


def refusal_in(response: httpx.Response) -> Refused | None:
    """Why a form was not taken, as the answer says: in development with the code that an event would have got."""
    if response.status_code < 400:
        return None
    page = parse(response.text)
    words, problem = (" ".join(text_in(each) for each in page.find_all(tag)) for tag in ("h1", "code"))
    code, _, text = problem.partition(" ")
    return Refused(code, text) if problem else Refused(str(response.status_code), words)
