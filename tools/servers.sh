#!/bin/sh
# The servers that tests start for themselves, from the system's packages (root): Redis, and the proxies of docs/deploy.
# Who is not root uses the Valkey of the Python packages, and the tests behind proxies say what to ask for.
set -eu

say() { printf 'asok: %s\n' "$*" >&2; }

missing=
for each in redis-server:redis-server nginx:nginx-light haproxy:haproxy caddy:caddy; do
    PATH=$PATH:/usr/sbin command -v "${each%:*}" >/dev/null || missing="$missing ${each#*:}"
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0

say "installing the system packages$missing"
# RUNLEVEL=1: none of them is started; the tests start their own, on free ports.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
# shellcheck disable=SC2086  # names, split on purpose
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } </dev/null >/dev/null ||
    say "they cannot be had; the tests that need them will say so"
