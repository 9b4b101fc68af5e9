"""The runtime's files: served under a name that tells what they hold, and the script tags that load them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import FileResponse, Response

__all__ = ["runtime_file", "runtime_url", "script_tags"]

STATIC = Path(__file__).parent / "static"
DEVELOPMENT = {"refresh.js", "speller.js"}
HASH = re.compile(r"[0-9a-f]{12}")


def runtime_url(base: str, file: str, *, debug: bool) -> str:
    """Where browsers get one of the files. base: the path of the live endpoint, with what is mounted around it."""
    return f"{base}/{_runtime_hash(debug=debug)}/{file}"


def script_tags(
    base: str, csrf: str, modules: Collection[str], flags: Collection[str], *, nonce: str | None, debug: bool
) -> Markup:
    """The tag of the core, and one for each of the modules that a page loads with it.

    flags: attributes of the core's tag that tell it what the page needs.
    """
    extra = f' nonce="{escape(nonce)}"' if nonce else ""
    told = "".join(f" data-{flag}" for flag in flags)
    core = f'<script defer src="{runtime_url(base, "alive.js", debug=debug)}" data-live="{base}" data-csrf="{csrf}"'
    urls = [runtime_url(base, f"{name}.js", debug=debug) for name in modules]
    return Markup(f"{core}{told}{extra}></script>") + Markup("").join(
        Markup(f'<script type="module" src="{url}"{extra}></script>') for url in urls
    )


async def runtime_file(request: Request) -> Response:
    """One of the runtime's files; only those exist, and those for development only there."""
    file, name, debug = request.path_params["file"], request.path_params["hash"], request.app.debug
    if file not in _runtime_files(debug) or not HASH.fullmatch(name):
        # A page of a later release asks for it, and finds it in another process: nobody keeps that it is not here.
        return Response(status_code=404, headers={"cache-control": "no-store"})
    current = name == _runtime_hash(debug=debug)
    # A page of an earlier release still finds its modules, but nobody keeps them under that name.
    cache = "public, max-age=31536000, immutable" if current else "no-store"
    headers = {"cache-control": cache, "x-content-type-options": "nosniff"}
    return FileResponse(STATIC / file, media_type="text/javascript", headers=headers)


def _runtime_files(debug: bool) -> set[str]:
    return {path.name for path in STATIC.glob("*.js") if debug or path.name not in DEVELOPMENT}


@lru_cache
def _runtime_hash(*, debug: bool) -> str:
    """A name for the files as they are, so that browsers may keep them for ever."""
    digest = hashlib.sha256()
    for file in sorted(_runtime_files(debug)):
        digest.update(file.encode() + (STATIC / file).read_bytes())
    return digest.hexdigest()[:12]
