"""What a person who types `asok …` gets: a project, a server, a key, or one clear sentence."""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from asok import Asok, Settings
from asok.bus import LocalBus
from asok.errors import ConfigurationError
from asok.server import check_sharing
from asok.supervisor import family_of
from tests.unit.commands import COMMAND, GOOD_KEY, asok, clean_environment, fails

COUNTER = """\
# src/components/Counter.py
from asok import Component
from asok.component import exposed

class Counter(Component):
    count = 0

    @exposed
    def increment(self):
        self.count += 1

    def render(self):
        return self.html("counter.html")
"""
COUNTER_HTML = """\
<!-- src/components/counter.html -->
<div>
  <h3>Count: {{ count }}</h3>
  <button ws-click="increment">Add 1</button>
</div>
"""
INDEX = """\
{% extends "html/base.html" %}
{% block main %}<h1>Welcome</h1>{{ component('Counter', count=10) }}{% endblock %}
"""
ONE_FILE = "from asok import Asok\n\napp = Asok()\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `asok new demo` has made, once for all."""
    folder = tmp_path_factory.mktemp("made")
    done = asok("new", "demo", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "demo"


@pytest.fixture
def demo(made: Path, tmp_path: Path) -> Path:
    """A copy of the test's own, with the modes of its files."""
    return shutil.copytree(made, tmp_path / "demo")


def key_of(project: Path) -> str:
    found = re.search("^SECRET_KEY=(.+)$", (project / ".env").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


# --- asok


def test_the_version_is_said() -> None:
    assert re.fullmatch(r"asok \d+\.\d+\.\d+\n", asok("--version", cwd=Path.cwd()).stdout)


def test_the_help_names_every_command() -> None:
    said = asok("--help", cwd=Path.cwd()).stdout
    assert all(f"  {command} " in said for command in ("new", "dev", "check", "editor", "run", "keys"))


def test_the_version_needs_neither_server_nor_watcher() -> None:
    script = "import sys, asok.cli; print({'uvicorn', 'watchfiles'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], env=clean_environment(), capture_output=True, text=True)
    assert done.stdout == "set()\n"


# --- asok new


def test_a_new_project_has_what_was_promised_in_at_most_14_files(demo: Path) -> None:
    files = {path.relative_to(demo).as_posix() for path in demo.rglob("*") if path.is_file()}
    promised = {
        *("app.py", "src/components/Counter.py", "src/components/counter.html", "src/templates/index.html"),
        *("src/templates/html/base.html", "src/static/app.css", "tests/test_counter.py", "pyproject.toml"),
        *(".env", ".gitignore", "README.md", "Dockerfile"),
    }
    assert promised <= files and len(files) <= 14


def test_the_counter_of_a_new_project_is_the_documented_one_letter_for_letter(demo: Path) -> None:
    assert (demo / "src/components/Counter.py").read_text() == COUNTER
    assert (demo / "src/components/counter.html").read_text() == COUNTER_HTML
    assert (demo / "src/templates/index.html").read_text() == INDEX


def test_a_new_project_is_named_and_no_placeholder_is_left(demo: Path) -> None:
    texts = [path.read_text() for path in demo.rglob("*") if path.is_file()]
    assert not [text for text in texts if "PROJECT_" in text]
    assert 'name = "demo"' in (demo / "pyproject.toml").read_text()


def test_a_new_project_keeps_its_key_to_its_owner(demo: Path) -> None:
    assert stat.S_IMODE((demo / ".env").stat().st_mode) == 0o600
    assert ".env" in (demo / ".gitignore").read_text().splitlines()


def test_each_new_project_has_a_key_of_its_own_that_is_good_for_production(demo: Path) -> None:
    assert asok("new", "other", cwd=demo.parent).returncode == 0
    assert key_of(demo) != key_of(demo.parent / "other")
    assert asok("keys", "check", cwd=demo).stdout == "1 key, good for production; the first signs\n"


def test_the_test_of_a_new_project_passes(demo: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=demo, env=clean_environment(), capture_output=True, text=True)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "is no name for a project" in fails("new", "../demo", cwd=tmp_path)
    assert not list(tmp_path.parent.glob("demo"))


# --- asok keys


def test_each_new_key_is_another_one() -> None:
    first, second = (asok("keys", "new", cwd=Path.cwd()).stdout.strip() for _ in range(2))
    assert first != second and re.fullmatch("[0-9a-f]{64}", first)


def test_a_ring_of_keys_is_checked(tmp_path: Path) -> None:
    other = GOOD_KEY[::-1]
    assert asok("keys", "check", cwd=tmp_path, ASOK_KEYS=f"{GOOD_KEY},{other}").stdout.startswith("2 keys, good")


def test_a_bad_key_is_refused_and_not_repeated(tmp_path: Path) -> None:
    said = fails("keys", "check", cwd=tmp_path, SECRET_KEY="hunter2")
    assert "signing key 1 is too short" in said and "hunter2" not in said


# --- asok check, asok editor


def test_a_new_project_has_no_mistakes(demo: Path) -> None:
    assert asok("check", cwd=demo).stdout == "3 templates checked, no mistakes found\n"


def test_a_mistake_is_one_line_with_file_and_line_and_an_exit_code(demo: Path) -> None:
    (demo / "src/components/counter.html").write_text(COUNTER_HTML.replace("increment", "incremnt"))
    done = asok("check", "app.py", cwd=demo)
    problem = "ws-click: Counter has no method 'incremnt'; did you mean 'increment'?"
    assert (done.returncode, done.stdout) == (1, f"src/components/counter.html:4: {problem}\n")


def test_editors_learn_the_attributes(demo: Path) -> None:
    assert asok("editor", cwd=demo).returncode == 0
    assert (demo / ".vscode/asok.html-data.json").exists() and (demo / "web-types.json").exists()
    assert "there is no" not in asok("editor", str(demo), cwd=demo.parent).stderr
    assert asok("editor", "nowhere", cwd=demo).returncode == 2


# --- asok dev, asok run: what does not start


@pytest.mark.parametrize(
    ("keys", "words"),
    [("", "no signing key"), ("change-me-before-you-go-live-0123456789", "signing key 1 is a placeholder")],
)
def test_production_needs_a_good_key(tmp_path: Path, keys: str, words: str) -> None:
    (tmp_path / "app.py").write_text(ONE_FILE)
    (tmp_path / ".env").write_text("DEBUG=true\n")  # is meant for development and does not count
    assert words in fails("run", "--port", "0", cwd=tmp_path, ASOK_KEYS=keys)


@pytest.mark.parametrize("command", ["dev", "run", "check"])
def test_a_missing_app_is_refused(tmp_path: Path, command: str) -> None:
    assert "there is no app.py here" in fails(command, cwd=tmp_path)
    assert "there is no other.py here" in fails(command, "other.py", cwd=tmp_path)


@pytest.mark.parametrize(
    ("command", "source", "words"),
    [
        ("dev", "x = 1\n", "app.py makes no app; write `app = Asok()` in it"),
        ("run", "from asok import Asok\na = Asok()\nb = Asok()\n", "app.py makes several apps (a, b)"),
        ("dev", "raise SystemExit(0)\n", "app.py ends Python with sys.exit()"),
    ],
)
def test_a_file_without_the_one_app_is_refused(tmp_path: Path, command: str, source: str, words: str) -> None:
    (tmp_path / "app.py").write_text(source)
    assert words in fails(command, "--port", "0", cwd=tmp_path, SECRET_KEY=GOOD_KEY)


def test_a_file_that_is_not_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>")
    assert "page.html is no Python file" in fails("dev", "page.html", cwd=tmp_path)


@pytest.mark.parametrize("command", ["dev", "run"])
def test_a_port_in_use_is_refused(tmp_path: Path, command: str) -> None:
    (tmp_path / "app.py").write_text(ONE_FILE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is in use" in fails(
            command, "--port", str(port), cwd=tmp_path, SECRET_KEY=GOOD_KEY
        )


def test_an_address_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(ONE_FILE)
    assert "cannot listen on 192.0.2.1:0" in fails("dev", "--host", "192.0.2.1", "--port", "0", cwd=tmp_path)


@pytest.mark.parametrize("command", ["dev", "run"])
def test_an_empty_host_is_not_all_addresses(tmp_path: Path, command: str) -> None:
    (tmp_path / "app.py").write_text(ONE_FILE)
    said = fails(command, "--host", "", "--port", "0", cwd=tmp_path, SECRET_KEY=GOOD_KEY)
    assert "--host is empty; name an address of this machine, 0.0.0.0 for all of them" in said


def test_a_name_that_has_no_address_but_of_ipv6_is_listened_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: object, family: int = 0, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert family_of("six.example.org") == socket.AF_INET6


def test_an_address_of_ipv6_may_have_the_brackets_of_a_url(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(ONE_FILE)
    assert "cannot listen on 2001:db8::1:0" in fails("dev", "--host", "[2001:db8::1]", "--port", "0", cwd=tmp_path)


def test_a_folder_that_was_removed_is_said(tmp_path: Path) -> None:
    for words in "asok new demo", "asok keys check":
        gone = tmp_path / "gone"
        gone.mkdir()
        command = f"rmdir ../gone && exec {Path(COMMAND).parent}/{words}"
        done = subprocess.run(command, shell=True, cwd=gone, capture_output=True, text=True, timeout=60)
        said = "Error: the current folder cannot be found: No such file or directory; change to one that is there\n"
        assert (done.returncode, done.stderr) == (1, said)


def test_a_file_that_cannot_be_looked_at_is_said(tmp_path: Path) -> None:
    assert f"{'a' * 300}.py cannot be read: File name too long" in fails("run", f"{'a' * 300}.py", cwd=tmp_path)


@pytest.mark.parametrize("closed", ["src/components/Counter.py", "src/templates/index.html"])
def test_a_component_or_template_that_may_not_be_read_is_said(
    demo: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    monkeypatch.setattr(os, "access", lambda file, mode: file != str(demo / closed))  # root may read any file
    with pytest.raises(ConfigurationError, match=rf"{closed} cannot be read: Permission denied; .*chmod -R a\+rX"):
        Asok(root=demo)


def test_a_folder_of_components_that_may_not_be_listed_is_said(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = os.scandir

    def scandir(folder: Path | str) -> object:
        if Path(folder).name == "components":
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ConfigurationError, match="src/components cannot be read: Permission denied"):
        Asok(root=demo)


@pytest.mark.parametrize("option", [("--workers", "2"), ("--host", "0.0.0.0")])
def test_debug_is_refused_where_others_could_reach_it(tmp_path: Path, option: tuple[str, str]) -> None:
    (tmp_path / "app.py").write_text(ONE_FILE)
    said = fails("run", "--port", "0", *option, cwd=tmp_path, DEBUG="true", SECRET_KEY=GOOD_KEY)
    assert "DEBUG=true works only with one worker on this machine's own address" in said


def test_workers_that_would_share_nothing_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(ONE_FILE)
    options = {"SECRET_KEY": GOOD_KEY, "ASOK_DATABASE": ":memory:"}
    said = fails("run", "--port", "0", "--workers", "2", cwd=tmp_path, **options)
    assert "with ASOK_DATABASE=:memory: each worker has sessions, stores and rooms of its own" in said
    assert "\n" not in said


def test_workers_without_sockets_between_them_are_refused_in_words(tmp_path: Path) -> None:
    settings = Settings(tmp_path, keys=(GOOD_KEY,), database=str(tmp_path / "db"))
    check_sharing(Asok(root=tmp_path, settings=settings), 2)
    lonely = Asok(root=tmp_path, settings=settings, bus=LocalBus())
    check_sharing(lonely, 1)
    with pytest.raises(ConfigurationError, match=r"workers cannot tell each other what has changed: .*set ASOK_REDIS"):
        check_sharing(lonely, 2)


def test_a_key_that_can_be_guessed_does_not_leave_the_machine(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(ONE_FILE)
    assert "its key can be guessed" in fails("dev", "--port", "0", "--host", "0.0.0.0", cwd=tmp_path)
