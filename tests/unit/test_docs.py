"""Every snippet of README and docs runs, and what the pages say of wire, settings and commands is so.

A page is cut into sections at its `##` headings; each section is a project folder of its own, unless the page
says `<!-- one project -->`. A block whose first line names a file becomes that file. Other Python runs, with
`await` allowed, and so does what stands in a comment `<!-- check … -->`, which readers do not see, or, for
`tests/browser/test_docs.py`, in `<!-- browser … -->`. A block of text after Python is the error that it raises.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import json
import re
import shlex
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import click
import httpx
import msgspec
import pytest
import uvicorn

from asok import Component, figures, log_lines, protocol
from asok.attributes import ATTRIBUTES, EVENT, EVENTS
from asok.cli import main
from asok.errors import AsokError
from asok.loading import load
from asok.protocol import EventData
from asok.settings import Limits, Settings
from asok.targets import TargetData
from asok.testing import LiveClient, Page

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FILE_NAME = re.compile(r"(?:#|//|<!--|/\*) ([\w./-]+\.(?:py|html|css|js|toml|env))(?: -->| \*/)?\s*\n")
HIDDEN = ("check", "browser")
OTHER_PROGRAMS = {"cd", "pip", "pytest", "sqlite3"}


# --- reading a page


@dataclass
class Block:
    """Something fenced, or a check: what kind it is, its text, and the line where that begins."""

    kind: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        found = FILE_NAME.match(self.text)
        return found[1] if found and self.kind not in HIDDEN else None


@dataclass
class Section:
    """A part of a page whose blocks belong together."""

    page: str
    title: str
    blocks: list[Block] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.page}: {self.title}"


def sections_of(path: Path) -> list[Section]:
    text = path.read_text("utf-8")
    found = [Section(path.name, "beginning")]
    kind, start, lines = "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if kind and line in ("```", "-->"):
            found[-1].blocks.append(Block(kind, "\n".join(lines) + "\n", start))
            kind, lines = "", []
        elif kind:
            lines.append(line)
        elif line.removeprefix("<!-- ") in HIDDEN or re.fullmatch(r"```\w+", line):
            kind, start = line[3:].removeprefix("- "), number
        elif line.startswith("## ") and "<!-- one project -->" not in text:
            found.append(Section(path.name, line[3:]))
    assert not kind, f"{path.name}:{start}: this block has no end"
    return [section for section in found if section.blocks]


SECTIONS = [section for path in PAGES for section in sections_of(path)]


# --- running it


class Stage:
    """A project folder, and the names that the snippets of one section share."""

    def __init__(self, section: Section, folder: Path, stack: AsyncExitStack) -> None:
        self.section, self.folder, self._stack = section, folder, stack
        self.module = ModuleType(f"snippets_{id(self)}")
        self.module.__file__ = str(folder / "snippets.py")
        self.names = vars(self.module)
        self.names.update(mount=self.mount, open=self.open, start=self.start, sh=self.sh)
        self.names.update(client=self.client, pytest=pytest)
        self._client: tuple[Any, LiveClient] | None = None

    async def play(self, *kinds: str) -> None:
        """Write the section's files, and run what is Python of these kinds."""
        blocks = [*self.section.blocks, Block("", "", 0)]
        for block, following in pairwise(blocks):
            if block.file:
                path = self.folder / block.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, "utf-8")
                self._client = None
                self.forget()
            elif block.kind in kinds and following.kind == "text":
                with pytest.raises(AsokError) as raised:
                    await self._run(block)
                said = str(raised.value).replace(self.module.__name__, "app")
                assert said.split() == following.text.split()
            elif block.kind in kinds:
                await self._run(block)
            self.names[block.kind] = block.text

    async def _run(self, block: Block) -> None:
        source = "\n" * block.line + block.text
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(source, self.section.page, "exec", flags=flags, dont_inherit=True)
        result = eval(code, self.names)
        if inspect.iscoroutine(result):
            await result

    async def mount(self, component: type[Component], **given: Any) -> Page:
        """The component on a page of its own."""
        return await (await self._stack.enter_async_context(LiveClient())).mount(component, **given)

    async def open(self, path: str = "/") -> Page:
        """A page of the section's app: that of its app.py, else the newest of its snippets."""
        return await (await self.start()).open(path)

    async def start(self) -> LiveClient:
        """A browser at that app, which runs from now on."""
        app = self._client[0] if self._client and (self.folder / "app.py").exists() else self.app
        if self._client is None or self._client[0] is not app:
            self._client = app, await self._stack.enter_async_context(LiveClient(app))
        return self._client[1]

    @property
    def app(self) -> Any:
        file = self.folder / "app.py"
        return load(file).asoks[0] if file.exists() else self.names.get("app")

    def client(self) -> LiveClient:
        """The browser that `open` uses."""
        assert self._client is not None, "open a page first"
        return self._client[1]

    def forget(self) -> None:
        """Import the project's files anew, as a restart does."""
        for name, module in list(sys.modules.items()):
            if module is not self.module and str(getattr(module, "__file__", "")).startswith(str(self.folder)):
                del sys.modules[name]
        gc.collect()  # a store that is forgotten may be there again under its name

    async def sh(self, *command: str) -> str:
        """What a command of this environment writes; it must end well."""
        program = Path(sys.executable).with_name(command[0])
        process = await asyncio.create_subprocess_exec(
            program, *command[1:], cwd=self.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output = (await process.communicate())[0].decode()
        assert process.returncode == 0, output
        return output


@asynccontextmanager
async def setting(section: Section, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A stage for the section, and an environment without settings of other projects."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "app", raising=False)  # of another test
    for name in ("SECRET_KEY", "ASOK_KEYS", "ASOK_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DEBUG", "true")
    monkeypatch.setenv("ASOK_DATABASE", ":memory:")
    async with AsyncExitStack() as stack:
        stage = Stage(section, folder, stack)
        monkeypatch.setitem(sys.modules, stage.module.__name__, stage.module)
        stack.callback(stage.forget)
        stack.callback(stage.names.clear)
        yield stage


@pytest.mark.parametrize("section", SECTIONS, ids=str)
async def test_the_snippets_of_a_section_run(section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with setting(section, tmp_path, monkeypatch) as stage:
        await stage.play("python", "check")


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    kinds = {block.kind for section in SECTIONS for block in section.blocks}
    assert kinds <= {"python", "check", "html", "css", "console", "json", "text", "toml", "ini", "js", "browser"}


# --- commands


def commands() -> Iterator[tuple[str, list[str]]]:
    for section in SECTIONS:
        for block in section.blocks:
            if block.kind == "console":
                for line in block.text.splitlines():
                    if line.startswith("$ "):
                        yield f"{section.page}:{block.line}", shlex.split(line[2:], comments=True)


def test_every_command_exists_and_takes_its_options() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for where, words in commands():
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            assert words[0].partition("=")[0] in variables() | OF_THE_COMMAND | {"PORT"}, where
            words = words[1:]
        program, *arguments = words
        if program == "make":
            targets = [word for word in arguments if "=" not in word]
            assert all(f"\n{target}:" in (ROOT / "Makefile").read_text("utf-8") for target in targets), where
        elif program == "asok":
            check_options(where, main, arguments)
        elif program == "uvicorn":
            check_options(where, uvicorn.main, arguments)
        elif program == "pip":
            for requirement in arguments[1:]:
                name, _, extra = requirement.rstrip("]").partition("[")
                assert name == project["name"] and (not extra or extra in project["optional-dependencies"]), where
        else:
            assert program in OTHER_PROGRAMS, f"{where}: {program}"


def check_options(where: str, command: click.Command, arguments: list[str]) -> None:
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        name = arguments.pop(0)
        assert name in command.commands, f"{where}: asok has no command {name}"
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    assert {word for word in arguments if word.startswith("-")} <= known, where


async def test_the_fifteen_lines_of_the_readme_are_served_by_asok_dev(tmp_path: Path) -> None:
    blocks = (block for section in SECTIONS if section.page == "README.md" for block in section.blocks)
    block = next(block for block in blocks if block.file == "app.py")
    lines = [line for line in block.text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 15
    (tmp_path / "app.py").write_text(block.text, "utf-8")
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("asok"), "dev", "app.py", "--port", "0"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        said = (await process.stdout.readline()).decode()
        address = re.search(r"http://\S+", said)
        assert address is not None, said
        async with httpx.AsyncClient(timeout=30) as client:
            assert "data-asok-state" in (await client.get(address[0])).text
    finally:
        process.terminate()
        await process.wait()


# --- settings and limits


OF_THE_COMMAND = {figures.SETTING, log_lines.SETTING}


def variables() -> set[str]:
    """The environment variables that the settings read."""
    return set(re.findall(r'env\.get\("(\w+)"', inspect.getsource(Settings)))


def test_the_pages_name_the_environment_variables_that_there_are() -> None:
    named = {name for page in PAGES for name in re.findall(r"\bASOK_[A-Z_]+", page.read_text("utf-8"))}
    there = variables() | OF_THE_COMMAND
    assert named <= there
    told = {name for row in rows_of("deployment.md", "variable") for name in re.findall(r"`(\w+)`", row[0])}
    assert told == there


UNITS = {"KiB": 1024, "MiB": 1024**2, "s": 1, "h": 3600, "d": 86400, "": 1}


def test_the_limits_are_told_as_they_are() -> None:
    told = {}
    for name, value, *_ in rows_of("deployment.md", "limit"):
        number, _, unit = value.partition(" ")
        told[name.strip("`")] = float(number.replace(",", "")) * UNITS[unit]
    assert told == {each.name: float(each.default) for each in fields(Limits)}  # type: ignore[arg-type]  # all have plain defaults


def rows_of(page: str, header: str) -> list[list[str]]:
    """The cells of the rows of a page's tables whose first column has this heading."""
    found: list[list[str]] = []
    inside = False
    for line in (ROOT / "docs" / page).read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        inside = line.startswith("|") and (inside or cells[0] == header)
        if inside and cells[0] != header and not cells[0].startswith("--"):
            found.append(cells)
    return found


# --- the wire


def fields_of(*unions: Any) -> dict[str, list[str]]:
    """The messages of these unions by name, with their items."""
    structs = [each for union in unions for each in get_args(union)]
    return {each.__struct_config__.tag: list(each.__struct_fields__) for each in structs}


MESSAGES = fields_of(protocol.ClientMessage, protocol.ServerMessage)
STORE_MESSAGES = fields_of(protocol.StoreMessage)


@pytest.mark.parametrize(("header", "messages"), [("message", MESSAGES), ("kind", STORE_MESSAGES)])
def test_the_protocol_page_lists_every_message_with_its_fields_and_no_other(
    header: str, messages: dict[str, list[str]]
) -> None:
    rows = rows_of("protocol.md", header)
    assert {name.strip("`"): re.findall(r"`(\w+)`", items) for name, items, *_ in rows} == messages


def test_the_protocol_page_names_every_member_of_an_event() -> None:
    text = (ROOT / "docs/protocol.md").read_text("utf-8")
    members = {field.encode_name for each in (EventData, TargetData) for field in msgspec.structs.fields(each)}
    assert [name for name in sorted(members) if f"`{name}`" not in text] == []


def test_the_protocol_page_lists_every_close_code() -> None:
    told = {int(code.strip("`")) for code, *_ in rows_of("protocol.md", "code")}
    known = {code for name, code in vars(protocol.CLOSE).items() if name.isupper()}
    assert told == known


def test_the_frames_of_the_protocol_page_are_frames() -> None:
    frames = [
        line
        for section in SECTIONS
        if section.page == "protocol.md"
        for block in section.blocks
        if block.kind == "json"
        for line in block.text.splitlines()
    ]
    client = fields_of(protocol.ClientMessage)
    names, kinds = set(), set()
    for frame in frames:
        name, *rest = json.loads(frame)
        if name == "store":
            kinds.add(rest[0])
            check_encoding(frame, msgspec.convert(rest, protocol.StoreMessage))
            continue
        names.add(name)
        if name in client:
            protocol.decode(frame, Limits())
        else:
            check_encoding(frame, msgspec.json.decode(frame, type=protocol.ServerMessage))
    assert (names, kinds) == (set(MESSAGES), set(STORE_MESSAGES))


def check_encoding(frame: str, message: Any) -> None:
    assert json.loads(protocol.encode(message)) == json.loads(frame)


def test_the_attribute_page_names_every_event_and_modifier() -> None:
    text = (ROOT / "docs/attributes.md").read_text("utf-8")
    named = [f"`ws-{event.name}`" for event in EVENTS] + [f"`.{each.name}" for each in EVENT.modifiers]
    named += [f"`{attribute.name}`" for attribute in ATTRIBUTES]
    assert [name for name in named if name not in text] == []


# --- links


def test_every_link_leads_somewhere() -> None:
    for page in [*PAGES, *(ROOT / "docs/decisions").glob("*.md")]:
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
            if "://" in target:
                continue
            name, _, anchor = target.partition("#")
            file = (page.parent / name).resolve() if name else page
            assert file.exists(), f"{page.name} links to {target}"
            assert not anchor or anchor in anchors(file), f"{page.name} links to {target}"


def anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_leads_to_every_page() -> None:
    text = (ROOT / "docs/index.md").read_text("utf-8")
    assert [path.name for path in PAGES[1:] if path.name != "index.md" and f"({path.name})" not in text] == []
