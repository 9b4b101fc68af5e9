"""Every test reaches what it serves itself, whatever the environment says of proxies."""

import os

# A proxy that the environment names is for what tests install: what they serve is on this machine.
for name in ("no_proxy", "NO_PROXY"):
    if (before := os.environ.get(name)) != "*":
        os.environ[name] = ",".join(filter(None, (before, "localhost", "127.0.0.1", "::1")))
