#!/bin/sh
# Everything that must hold, in the order in which it is cheap to know. All steps run, pytest last; any failure counts.
set -u
cd "$(dirname "$0")/.." || exit
PATH=$PWD/.venv/bin:$PATH

sh tools/chromium.sh && sh tools/servers.sh && sh tools/node.sh || exit 1

failed=
step() {
    printf '\n--- %s\n' "$*"
    "$@" || failed="$failed${failed:+, }$*"
}

step ruff check
step ruff format --check
step mypy --strict asok tests
step npm --prefix alive-js run --silent test
step npm --prefix alive-js run --silent check

printf '\n--- pytest\n'
# Hundreds of processes begin here. Where Python may not write bytecode, each would compile all that it imports: 0.6 s.
python -m compileall -qq -j 0 asok tests .venv/lib || true
# A file's tests stay together, since they share servers; the files are spread over the processors, the slow ones first.
spread="--numprocesses auto --dist loadfile --no-loadscope-reorder"
# shellcheck disable=SC2086  # options, split on purpose
ASOK_FAILED_STEPS=$failed python -m pytest $spread "$@" && [ -z "$failed" ]
