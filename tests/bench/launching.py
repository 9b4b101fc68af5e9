"""The Chromium that the figures come from."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

from tests.browser.conftest import CHROMIUM_FLAGS, CHROMIUM_NAMES

__all__ = ["chromium", "chromium_version"]


def installed() -> str | None:
    """The path of the machine's own; where there is none, Playwright takes the one that it has downloaded."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser until the block ends."""
    flags = [*CHROMIUM_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=installed(), args=flags)
        yield browser
        await browser.close()


def chromium_version() -> str:
    """As the program tells it, `Chromium 156.0.8000.1`; its bare name where it is not the machine's own."""
    path = installed()
    if path is None:
        return "Chromium"
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    return " ".join(said.split()[:2])
