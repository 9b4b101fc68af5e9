"""The scripts on the pages of the documentation do in a browser what the pages say."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import Serve
from tests.unit.test_docs import SECTIONS, Section, setting

SCRIPTED = [section for section in SECTIONS if any(block.kind == "browser" for block in section.blocks)]


@pytest.mark.parametrize("section", SCRIPTED, ids=str)
async def test_the_scripts_of_a_section_do_what_it_says(
    section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Page, browser: Browser, serve: Serve
) -> None:
    """`page` and `other` are two people's browsers; `url` is where the section's app is served."""
    async with setting(section, tmp_path, monkeypatch) as stage:
        other = await browser.new_page()
        stage.names.update(page=page, other=other, expect=expect, serve=lambda: serve(stage.app))
        await stage.play("python", "browser")
        await other.close()
