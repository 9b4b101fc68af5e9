"""What `asok check` says of templates that are not there."""

from __future__ import annotations

import logging
from pathlib import Path

import jinja2
import pytest

from asok import Component
from asok.checking import check, page_findings
from asok.checking_components import Shown
from asok.sources import Source
from asok.testing import LiveClient
from tests.rig import asok_app
from tests.unit.commands import asok


class FileLess(Component):
    count = 0


class FileHeir(FileLess):
    template = "<p></p>"


def said(env: jinja2.Environment, html: str) -> list[tuple[int, str]]:
    source = Source("a.html", html)
    return [(finding.line, finding.problem) for finding in check(source, env, Shown([source], env))]


@pytest.fixture
def env(tmp_path: Path) -> jinja2.Environment:
    return asok_app(tmp_path, templates={"base.html": "<p></p>", "macros.html": "{% macro m() %}{% endmacro %}"}).env


@pytest.mark.parametrize(
    "tag",
    [
        "{% extends 'bse.html' %}",
        "{% include 'bse.html' %}",
        "{% include ['bse.html', 'none.html'] %}",
        "{% import 'bse.html' as b %}",
        "{% from 'bse.html' import b %}",
    ],
)
def test_a_target_that_is_missing_is_said_with_its_line(env: jinja2.Environment, tag: str) -> None:
    problem = "there is no template 'bse.html' in src/templates or templates; did you mean 'base.html'?"
    assert said(env, f"\n{tag}") == [(2, problem)]


@pytest.mark.parametrize(
    "html",
    [
        "{% extends 'base.html' %}",
        "{% include 'bse.html' ignore missing %}",
        "{% include ['bse.html', 'base.html'] %}",
        "{% set x = 'bse.html' %}{% include x %}",
        "{% extends 'bse.html' if x else 'base.html' %}",
        "{% from 'asok/charts.html' import line %}{% import 'macros.html' as m %}",
    ],
)
def test_what_is_there_or_may_be_there_is_no_mistake(env: jinja2.Environment, html: str) -> None:
    assert said(env, html) == []


def test_a_file_of_the_project_is_not_taken_for_one_of_asoks_own(tmp_path: Path) -> None:
    (problem,) = said(asok_app(tmp_path).env, "{% include 'chart.html' %}")
    assert "did you mean" not in problem[1]


def test_a_component_without_a_template_is_said_where_it_is_shown(env: jinja2.Environment) -> None:
    problem = "FileLess has no template 'file_less.html' in unit, and no `template` in its class"
    assert said(env, "<p>\n{{ component('FileLess') }}{{ component('FileHeir') }}") == [(2, problem)]


async def test_pages_without_a_template_are_told_where_the_app_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = asok_app(tmp_path, templates={"index.html": "<p></p>"}, debug=True)
    app.page("/", "index.html")
    app.page("/x", "indx.html")
    app.page("/y", FileLess)
    found = list(page_findings(app.mistakes.pages, app.env))
    assert [finding.problem for finding in found] == [
        "there is no template 'indx.html' in src/templates or templates; did you mean 'index.html'?",
        "FileLess has no template 'file_less.html' in unit, and no `template` in its class",
    ]
    assert found[0].file == __file__ and found[0].line == found[1].line - 1
    async with LiveClient(app):
        told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [line.partition(": ")[2] for line in told if "no template" in line] == [each.problem for each in found]


def test_the_command_says_it_with_the_line_of_the_app(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from asok import Asok\n\napp = Asok()\napp.page('/', 'indx.html')\n", "utf-8")
    done = asok("check", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()) == (
        1,
        ["app.py:4: there is no template 'indx.html' in src/templates or templates"],
    )
