#!/bin/sh
# Everything that must hold, in the order in which it is cheap to know. All steps run, pytest last; any failure counts.
set -u
cd "$(dirname "$0")/.." || exit
PATH=$PWD/.venv/bin:$PATH
# Hundreds of processes begin here. Where none may write bytecode, each would compile what it imports: a pytest, 2 s.
unset PYTHONDONTWRITEBYTECODE

sh tools/chromium.sh && sh tools/servers.sh && sh tools/node.sh || exit 1

failed=
step() {
    printf '\n--- %s\n' "$*"
    "$@" || failed="$failed${failed:+, }$*"
}

# It takes as long as the others of these steps together, on a processor of its own.
mypy --strict asok tests >.venv/.types 2>&1 &
types() {
    wait $! && good=true || good=false
    cat .venv/.types
    $good
}

step ruff check
step ruff format --check
step npm --prefix alive-js run --silent test
step npm --prefix alive-js run --silent check
python -m compileall -qq -j 0 asok tests .venv/lib || true
step types

printf '\n--- pytest\n'
# A file's tests stay together, since they share servers; the slow ones first. Each process waits a third of its time, for
# servers, clocks and browsers: one more than there are processors keeps these busy.
spread="--numprocesses $(($(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile --no-loadscope-reorder"
# shellcheck disable=SC2086  # options, split on purpose
ASOK_FAILED_STEPS=$failed python -m pytest $spread "$@" && [ -z "$failed" ]
