"""A child begins anew what it has of its parent, in the order in which it was made."""

from __future__ import annotations

import subprocess
import sys

import pytest

FORKING = """
import os

from asok.forks import in_each_child


class Made:
    def __init__(self, name):
        self.name = name
        in_each_child(self, Made.begin)

    def begin(self):
        print(self.name, "in the parent" if os.getpid() == parent else "in the child", flush=True)


parent = os.getpid()
first, gone, last = Made("first"), Made("gone"), Made("last")
del gone
if os.fork() == 0:
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it forks nothing")
def test_a_child_begins_anew_what_is_still_there_each_after_what_it_is_made_of() -> None:
    done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["first in the child", "last in the child"]
