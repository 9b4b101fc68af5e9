#!/bin/sh
# Makes .venv and installs asok into it: `tools/install.sh .`, or `tools/install.sh '.[dev]'` with what the tests need.
#
# A bare Debian has python3 but neither pip nor ensurepip. Pip is then had, in this order, from Python itself, from
# another pip on the machine, from the system's package manager (root), or out of a package unpacked beside (not root).
set -eu
cd "$(dirname "$0")/.."
what=$1

say() { printf 'asok: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
is_root_with_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

find_python() {
    for python in "${PYTHON:-python3}" python3.13 python3.12 python3.11 \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[1-9].*/bin/python3; do
        "$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    fail "Python 3.11 or newer is needed, $(python3 --version 2>&1 || echo none) was found." \
        "Install one, or name it: make PYTHON=/path/to/python3.12"
}

make_venv() {
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear --without-pip .venv
}

venv_pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

get_pip() {
    venv_pip --version >/dev/null 2>&1 && return
    .venv/bin/python -m ensurepip >/dev/null 2>&1 && return
    "$python" -m pip --python .venv/bin/python install --quiet pip 2>/dev/null && return
    if is_root_with_apt; then pip_from_system; else pip_from_unpacked_package; fi
    venv_pip --version >/dev/null 2>&1 || fail "pip cannot be had on this machine." \
        "Ask its administrator for: apt-get install $venv_package"
}

venv_package=python3-venv

pip_from_system() {
    venv_package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    say "installing the system package $venv_package"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null && apt-get install -y -qq --no-install-recommends "$venv_package" </dev/null >/dev/null || return 0
    .venv/bin/python -m ensurepip >/dev/null || true
}

# Who is not root may not install a package, but may fetch and unpack one: with package lists of their own.
pip_from_unpacked_package() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 0
    say "unpacking pip from the system package python3-pip-whl into .venv"
    unpacked=$PWD/.venv/.unpacked
    mkdir -p "$unpacked/lists/partial" "$unpacked/cache/archives/partial"
    private="-o Dir::State::Lists=$unpacked/lists -o Dir::Cache=$unpacked/cache -o Debug::NoLocking=1 -o APT::Sandbox::User="
    # shellcheck disable=SC2086  # options, split on purpose
    (cd "$unpacked" && apt-get $private update -qq && apt-get $private download -qq python3-pip-whl) </dev/null >&2 || return 0
    dpkg-deb -x "$unpacked"/python3-pip-whl_*.deb "$unpacked"
    for wheel in "$unpacked"/usr/share/python-wheels/pip-*.whl; do
        .venv/bin/python "$wheel/pip" install --quiet pip || true
    done
    rm -rf "$unpacked"
}

# uv installs in a tenth of pip's time, but knows nothing of the index that pip was told to use.
install_with_uv() {
    export UV_SYSTEM_CERTS=1
    venv_pip config list | grep -q '\.index-url=' && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ] && return 1
    [ -x .venv/bin/uv ] || venv_pip install --quiet -c constraints.txt uv || return 1
    .venv/bin/uv pip install --quiet --python .venv/bin/python -c constraints.txt -e "$what"
}

find_python
make_venv
get_pip
say "installing $what and what it needs"
install_with_uv ||
    { say "using pip"; venv_pip install --quiet -c constraints.txt -e "$what"; } ||
    fail "the packages of constraints.txt could not be installed; is the package index within reach?"
