"""The stylesheets and scripts of components: gathered in order, named by their content, and served."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from weakref import WeakKeyDictionary

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from asok.component import Component, Definition, definition_of, registry
from asok.errors import ComponentError, RenderError, UnknownComponent, nearest
from asok.links import Link, links_of
from asok.scoping import SCOPE, flat_css, scoped_css, split_styles

__all__ = ["FLAT", "SCOPED", "Entry", "Statics", "head", "template_without_styles", "text_of"]

HASH = re.compile(r"[0-9a-f]{12}")
TYPES = {"css": "text/css", "js": "text/javascript"}
# No declared file can be called so.
STYLE = "@style.css"
# The attribute of a link whose file has a second form, and the query that asks for that.
SCOPED, FLAT = "data-asok-scoped", "flat"


class Entry(NamedTuple):
    """One thing for the head of a page, as the browser is sent it. kind: `css` or `js`."""

    kind: str
    url: str
    attributes: dict[str, str]


class Stamp(NamedTuple):
    """What changes when a file does."""

    path: Path
    changed: int
    size: int


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is served. flat: its form for browsers without `@scope`."""

    link: Link
    stamp: Stamp | None
    content: bytes
    flat: bytes
    hash: str


class Statics:
    """The files of an app's components. live: the path below which they are. debug: they may change while it runs."""

    def __init__(self, live: str = "/live", *, debug: bool = False) -> None:
        self.route = f"{live}/static/{{name}}/{{hash}}/{{file:path}}"
        self._live, self._debug = live, debug
        self._files: WeakKeyDictionary[Definition, dict[str, File]] = WeakKeyDictionary()
        self._links: WeakKeyDictionary[Definition, list[Link]] = WeakKeyDictionary()
        self._bare: WeakKeyDictionary[Definition, bool] = WeakKeyDictionary()
        self._scopes: WeakKeyDictionary[Definition, str] = WeakKeyDictionary()

    def entries(self, definitions: Iterable[Definition], root: str = "") -> list[Entry]:
        """What these classes need in the head, in order of first appearance, bases before those who build on them.

        root: the address below which the app lies. Raises ComponentError where a file is missing.
        """
        found: dict[str, Entry] = {}
        for definition in definitions:
            if self._bare.get(definition):
                continue
            links = [(owner, link) for owner in _lineage(definition) for link in self._own(owner)]
            for owner, link in links:
                entry = self._entry(owner, link, root)
                found.setdefault(entry.url, entry)
            self._bare[definition] = not links and not self._debug
        return list(found.values())

    def new_for(self, sent: set[str], definitions: Iterable[Definition], root: str = "") -> list[Entry]:
        """What of that is not in `sent`, where it is noted."""
        fresh = [entry for entry in self.entries(definitions, root) if entry.url not in sent]
        sent.update(entry.url for entry in fresh)
        return fresh

    def scope_attribute(self, definition: Definition) -> str:
        """For the root element of an instance: ` data-asok-scope="Chart"`, empty where no style is scoped."""
        known = None if self._debug else self._scopes.get(definition)
        if known is None:
            owners = [each.name for each in _lineage(definition) if any(link.scoped for link in self._own(each))]
            known = self._scopes[definition] = f' {SCOPE}="{escape(" ".join(owners))}"' if owners else ""
        return known

    async def serve(self, request: Request) -> Response:
        """A declared file of a registered class; any other does not exist. Route it at `route`."""
        given = request.path_params
        file = self._find(given["name"], given["file"]) if HASH.fullmatch(given["hash"]) else None
        if file is None:
            # One of a later release, perhaps, which another process has: nobody keeps that it is not here.
            return Response(status_code=404, headers={"cache-control": "no-store"})
        # A page of an earlier release still finds its files, but nobody keeps them under that name.
        cache = "public, max-age=31536000, immutable" if given["hash"] == file.hash else "no-store"
        headers = {"cache-control": cache, "x-content-type-options": "nosniff"}
        body = file.flat if FLAT in request.query_params else file.content
        return Response(body, media_type=f"{TYPES[file.link.kind]}; charset=utf-8", headers=headers)

    def _find(self, name: str, target: str) -> File | None:
        try:
            owner = registry.find(name)
            declared = {link.target: link for link in self._own(owner)}
            return self._file(owner, declared[target])
        except (UnknownComponent, KeyError, ComponentError):
            return None

    def _own(self, owner: Definition) -> list[Link]:
        """What the class itself brings: the files that it declares, then the styles of its template."""
        known = None if self._debug else self._links.get(owner)
        if known is None:
            known = links_of(owner.cls)
            if _style_of(owner):
                known.append(Link("css", STYLE, scoped=True))
            self._links[owner] = known
        return known

    def _entry(self, owner: Definition, link: Link, root: str) -> Entry:
        if link.external:
            return Entry(link.kind, link.target, dict(link.attributes))
        file = self._file(owner, link)
        url = f"{root}{self._live}/static/{quote(owner.name)}/{file.hash}/{quote(link.target, safe='/@')}"
        return Entry(link.kind, url, {**link.attributes, **({SCOPED: ""} if link.scoped else {})})

    def _file(self, owner: Definition, link: Link) -> File:
        files = self._files.setdefault(owner, {})
        known = files.get(link.target)
        if known is not None and (not self._debug or known.stamp == _stamp(owner, link)):
            return known
        files[link.target] = made = _read(owner, link)
        return made


def head(entries: Iterable[Entry], nonce: str | None = None, *, swap: str = "") -> Markup:
    """The tags of a page's head. swap: where `statics.js` is, which helps browsers without `@scope`."""
    entries = list(entries)
    extra = {"nonce": nonce} if nonce else {}
    tags = [_tag(entry, extra) for entry in entries]
    if swap and any(SCOPED in entry.attributes for entry in entries):
        tags.append(f"<script{_written({'type': 'module', 'src': swap, **extra})}></script>")
    return Markup("".join(tags))


def _tag(entry: Entry, extra: Mapping[str, str]) -> str:
    rest = {"data-asok-static": "", **entry.attributes, **extra}
    if entry.kind == "css":
        return f"<link{_written({'rel': 'stylesheet', 'href': entry.url, **rest})}>"
    module = entry.attributes.get("type") == "module" or entry.url.endswith(".mjs")
    return (
        f"<script{_written({**({'type': 'module'} if module else {'defer': ''}), 'src': entry.url, **rest})}></script>"
    )


def _written(attributes: Mapping[str, str]) -> str:
    return "".join(f' {name}="{escape(value)}"' if value else f" {name}" for name, value in attributes.items())


def template_without_styles(owner: Definition, file: str, source: str) -> str:
    """What Jinja is to read of a template file beside a class; its scoped styles are served on their own.

    Raises RenderError where they stand in another file than the class's template, from where nobody would serve them.
    """
    rest, styles = split_styles(source, file)
    own = {(each.folder, each.template_name) for each in _lineage(owner) if each.cls.template is None}
    if styles and (owner.folder, file) not in own:
        raise RenderError(
            f"{file} has a <style scoped>, which only the template of a component can have; put it into "
            f"{owner.template_name}, or into a file that {owner.name} names as its css"
        )
    return rest


def _lineage(definition: Definition) -> Iterator[Definition]:
    """The class after its bases."""
    for base in reversed(definition.cls.__mro__):
        if issubclass(base, Component) and base is not Component:
            yield definition_of(base)


# --- files as they stand


def _style_of(owner: Definition) -> str:
    """The text of every `<style scoped>` in the class's own template."""
    if owner.cls.template is not None:
        return split_styles(vars(owner.cls).get("template") or "", owner.name)[1]
    path = _path(owner, STYLE)
    return split_styles(text_of(path), path.name)[1] if path is not None and path.is_file() else ""


def text_of(path: Path) -> str:
    """What stands in a project's file. Raises RenderError where it is of another encoding."""
    try:
        # Editors on Windows begin a file with a mark, which would be text in front of the first element.
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise RenderError(f"{path} is not UTF-8; save it again with that encoding") from None


def _path(owner: Definition, target: str) -> Path | None:
    return owner.folder / (owner.template_name if target == STYLE else target) if owner.folder else None


def _stamp(owner: Definition, link: Link) -> Stamp | None:
    path = _path(owner, link.target)
    if path is None or not path.is_file():
        return None
    told = path.stat()
    return Stamp(path, told.st_mtime_ns, told.st_size)


def _read(owner: Definition, link: Link) -> File:
    stamp = _stamp(owner, link)
    raw = _style_of(owner).encode() if link.target == STYLE else _content(owner, link, stamp)
    if not link.scoped:
        return File(link, stamp, raw, raw, _hash(raw))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"{link.target} of {owner.name} is not UTF-8 text, at byte {error.start}"
        raise ComponentError(f"{problem}; save it as UTF-8") from None
    content, flat = scoped_css(text, owner.name).encode(), flat_css(text, owner.name).encode()
    return File(link, stamp, content, flat, _hash(content + flat))


def _content(owner: Definition, link: Link, stamp: Stamp | None) -> bytes:
    folder, named = owner.folder, f"{owner.name}.{link.kind} names {link.target!r}"
    if folder is None:
        raise ComponentError(f"{named}, but {owner.origin} stands in no file that it could be beside")
    if stamp is None:
        there = [path.name for path in folder.glob(f"*{Path(link.target).suffix}")]
        raise ComponentError(
            f"{named}, and there is no such file in {folder}{nearest(link.target, there)}; write it, or correct "
            "the name"
        )
    if not stamp.path.resolve().is_relative_to(folder):
        raise ComponentError(f"{named}, a link that leads out of {folder}; put the file itself there")
    return stamp.path.read_bytes()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
