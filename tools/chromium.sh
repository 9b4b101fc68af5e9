#!/bin/sh
# A Chromium for the browser tests: its headless shell, which opens a page at a fifth of the cost, else a whole one. One
# that is installed, else the system's package (root), else Playwright's own.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'asok: %s\n' "$*" >&2; }

# Playwright drives Chromium through a program of its own, which a minimal system may lack a library for.
driver_starts() { .venv/bin/playwright --version >/dev/null 2>&1; }

# The same names as in tests/browser/conftest.py. A stub that only advertises another package does not answer.
shell_is_installed() { chromium-headless-shell --version >/dev/null 2>&1; }
is_installed() {
    shell_is_installed && return
    for name in chromium chromium-browser google-chrome-stable google-chrome; do
        "$name" --version >/dev/null 2>&1 && return
    done
    return 1
}

from_system() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null >&2 || return 1
    for package in chromium-headless-shell chromium; do
        is_installed && [ $package = chromium ] && return
        say "installing the system package $package"
        apt-get install -y -qq --no-install-recommends $package fonts-dejavu-core fonts-liberation libatomic1 </dev/null >/dev/null && return
    done
    return 1
}

playwrights_own_starts() { .venv/bin/playwright screenshot --browser chromium about:blank .venv/.blank.png >/dev/null 2>&1; }

driver_starts && shell_is_installed && exit
from_system || true
driver_starts && is_installed && exit
driver_starts && playwrights_own_starts && exit
say "downloading Playwright's Chromium"
.venv/bin/playwright install chromium </dev/null >&2 && playwrights_own_starts && exit
say "the browser tests need a Chromium that starts. Ask the machine's administrator for:" \
    "apt-get install chromium-headless-shell fonts-liberation libatomic1"
exit 1
