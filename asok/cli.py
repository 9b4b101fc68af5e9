"""The command `asok`: begin a project, work on it, check it, run it, and make its keys."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from asok.errors import AsokError, ConfigurationError
from asok.settings import Settings, read_dotenv

__all__ = ["main"]

PORT = click.IntRange(0, 65535)


def bare(context: click.Context, option: click.Parameter, host: str) -> str:
    """An address of IPv6 without the brackets that it has in a URL."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


HOST = click.option(
    "--host", default="127.0.0.1", show_default=True, callback=bare, help="Address to listen on; 0.0.0.0 for all."
)


class Commands(click.Group):
    """Commands whose mistakes end in one sentence and a non-zero exit."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of asok's own is said, not traced."""
        try:
            return super().invoke(ctx)
        except AsokError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="asok-live", prog_name="asok", message="%(prog)s %(version)s")
def main() -> None:
    """Interactive pages from Python classes and Jinja templates.

    Begin with `asok new demo`, then `cd demo` and `asok dev`.
    """


@main.command()
@click.argument("name")
def new(name: str) -> None:
    """Make a folder NAME with a small project that runs."""
    from asok.scaffold import create_project

    create_project(here(), name)
    click.echo(f"{name} is ready:\n\n    cd {name}\n    asok dev\n")


@main.command()
@click.argument("app", default="app.py", metavar="[APP.PY]")
@HOST
@click.option("--port", type=PORT, default=8000, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option("--access-log", is_flag=True, help="Log every request.")
def dev(app: str, host: str, port: int, access_log: bool) -> None:
    """Serve APP.PY and follow every change, with DEBUG=true.

    A change of Python code starts the server again, a change of a template or stylesheet does not; open pages
    keep their state either way.
    """
    from asok.loading import app_file
    from asok.server import Serving
    from asok.supervisor import bind, develop

    os.environ.setdefault("DEBUG", "true")
    serving = Serving(app_file(app), host, development=True, access_log=access_log)
    with bind(host, port) as listener:
        url = address(host, listener.getsockname()[1])
        develop(serving, listener, lambda: greet(f"asok: {url} follows your changes; Ctrl+C ends it"))


@main.command()
@click.argument("app", default="app.py", metavar="[APP.PY]")
@HOST
@click.option("--port", type=PORT, default=8000, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Number of processes.")
@click.option(
    "--forwarded-allow-ips",
    default="",
    metavar="IPS",
    help="Proxies whose X-Forwarded-* headers are believed: addresses or networks, with commas.  [default: none]",
)
@click.option(
    "--limit-concurrency",
    type=click.IntRange(1),
    default=8192,
    show_default=True,
    help="Connections of one worker; above that it answers 503.",
)
@click.option("--access-log", is_flag=True, help="Log every request.")
def run(
    app: str,
    host: str,
    port: int,
    workers: int,
    forwarded_allow_ips: str,
    limit_concurrency: int,
    access_log: bool,
) -> None:
    """Serve APP.PY in production.

    SECRET_KEY (or ASOK_KEYS) must be set, and ASOK_HOSTS to the names under which the app is reached. DEBUG
    counts only in the environment, not in .env. SIGTERM drains and ends; SIGHUP replaces the workers one by one,
    with the code, the settings and the keys of that moment. ASOK_LOG=json writes the log as JSON,
    ASOK_METRICS=127.0.0.1:9100 serves figures for Prometheus there.
    """
    from asok.loading import app_file
    from asok.log_lines import check_log, say, wants_json
    from asok.proxies import named_proxies
    from asok.server import Serving
    from asok.supervisor import bind, supervise

    os.environ.setdefault("DEBUG", "false")
    path = app_file(app)
    take_over(path, "ASOK_LOG", "ASOK_METRICS")
    check_log()
    serving = Serving(
        path,
        host,
        workers,
        concurrency=limit_concurrency,
        trusted_proxies=named_proxies(forwarded_allow_ips),
        access_log=access_log,
        metrics=bool(os.environ.get("ASOK_METRICS")),
    )
    with bind(host, port) as listener:
        greeting = f"asok: {address(host, listener.getsockname()[1])} with {count(workers, 'worker')}"
        supervise(serving, listener, lambda: say(greeting, "INFO") if wants_json() else greet(greeting))


@main.command()
@click.argument("app", default="app.py", metavar="[APP.PY]")
def check(app: str) -> None:
    """Look for mistakes in the templates of APP.PY.

    Says one line for each, with file and line, and ends with exit code 1 if there are any.
    """
    from asok.checking import findings, page_findings
    from asok.component import registry
    from asok.loading import app_file, load, print_failure

    os.environ.setdefault("DEBUG", "true")
    path = app_file(app)
    try:
        loaded = load(path)
    except AsokError:
        raise
    except Exception as error:
        print_failure(error, path)
        sys.exit(1)
    found, number = findings(registry, *(asok.env for asok in loaded.asoks))
    found += sorted({missing for asok in loaded.asoks for missing in page_findings(asok.mistakes.pages, asok.env)})
    for finding in found:
        click.echo(finding)
    if found:
        sys.exit(1)
    click.echo(f"{count(number, 'template')} checked, no mistakes found")


@main.command()
@click.argument("folder", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
def editor(folder: Path) -> None:
    """Let VS Code and JetBrains editors know Alive's attributes in the project FOLDER.

    Writes .vscode/asok.html-data.json and web-types.json; run it again after an update of asok.
    """
    from asok.editors import write_editor_files

    for line in write_editor_files(folder):
        click.echo(line)


@main.group()
def keys() -> None:
    """Make and check signing keys."""


@keys.command("new")
def keys_new() -> None:
    """Print a fresh key for SECRET_KEY.

    To change keys while pages are open, name both in ASOK_KEYS, with a comma between: the first signs, all are
    believed. With several workers, begin with the old one first, so that all believe the new one; after a SIGHUP
    put the new one first, and send another SIGHUP.
    """
    from asok.scaffold import fresh_key

    click.echo(fresh_key())


@keys.command("check")
def keys_check() -> None:
    """Say whether the keys of the environment and ./.env are good enough for production."""
    settings = Settings.read(here(), {**os.environ, "DEBUG": "false"})
    click.echo(f"{count(len(settings.keys), 'key')}, good for production; the first signs")


def here() -> Path:
    """The current folder. Raises ConfigurationError where it has been removed meanwhile."""
    try:
        return Path.cwd()
    except OSError as error:
        problem = f"the current folder cannot be found: {error.strerror}"
        raise ConfigurationError(f"{problem}; change to one that is there") from None


def take_over(path: Path, *names: str) -> None:
    """Let settings in the .env beside the app count for all processes that begin; the environment wins."""
    found = read_dotenv(path.parent / ".env")
    for name in names:
        if name in found:
            os.environ.setdefault(name, found[name])


def greet(text: str) -> None:
    with suppress(OSError):  # who has read it may have gone, and the server goes on
        click.echo(text)


def address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
