"""The fixture `live` as a project uses it: in a pytest of its own."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from asok.testing_plugin import load_app

pytest_plugins = ["pytester"]

APP = """
from asok import Asok, Component, Store, exposed
from jinja2 import DictLoader, Environment

votes = Store({"count": 0}, name="plugin_votes")

class PluginCounter(Component):
    count = 0
    template = "<div><output>{{ count }}</output><button ws-click='up'>+</button></div>"

    @exposed
    def up(self):
        self.count += 1
        votes.update("count", 1)

page = "<html><head>{{ alive() }}</head><body>{{ component('PluginCounter') }}</body></html>"
app = Asok(env=Environment(loader=DictLoader({"index.html": page})))
app.page("/", "index.html")
"""
TEST = """
from the_app import votes

async def test_a_click(live):
    page = await live.open("/")
    await page.click("button")
    assert page.text("output") == "1"
    assert votes.read("count") == 1

async def test_another_person_and_a_store_as_it_begins(live):
    page = await live.open("/")
    assert page.text("output") == "0"
    assert votes.read("count") == 0
"""


def test_the_app_of_the_option_is_driven(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml("""
        [tool.pytest.ini_options]
        asyncio_mode = "auto"
        asok_app = "the_app:app"
    """)
    pytester.makepyfile(the_app=APP, test_app=TEST)
    pytester.runpytest_subprocess("-p", "no:playwright", "-p", "no:cacheprovider").assert_outcomes(passed=2)
    assert not (pytester.path / ".asok").exists()


def test_a_test_file_may_import_the_app_before_the_fixture_does(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml("""
        [tool.pytest.ini_options]
        asyncio_mode = "auto"
        asok_app = "the_app:app"
        pythonpath = ["."]
    """)
    pytester.makepyfile(the_app=APP, test_app="from the_app import app\n" + TEST)
    pytester.runpytest_subprocess("-p", "no:playwright", "-p", "no:cacheprovider").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("the_app", 'expected "module:attribute", such as "app:app"'),
        ("asok:not_there", "asok has no 'not_there'"),
        ("nowhere:app", "no module 'nowhere' here"),
    ],
)
def test_a_wrong_option_says_what_is_wrong(option: str, message: str) -> None:
    with pytest.raises(pytest.UsageError, match=re.escape(message)):
        load_app(option)


def test_the_plugin_loads_nothing_of_asok_that_is_heavy() -> None:
    code = "import sys, asok.testing_plugin; print([m for m in ('bs4', 'httpx', 'asok.testing') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
