"""How a process is: its memory, its processor time and its open files, as Linux tells."""

from __future__ import annotations

import os
import resource
from pathlib import Path

__all__ = ["allow_files", "cpu_seconds", "memory", "open_files"]

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
WANTED = 20_000


def memory(pid: int) -> int:
    """Bytes that are its own: what it shares with others is not counted."""
    _, resident, shared = (int(word) for word in Path(f"/proc/{pid}/statm").read_text().split()[:3])
    return (resident - shared) * PAGE


def cpu_seconds(pid: int) -> float:
    """Processor time since it began."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


def open_files(pid: int) -> int:
    """How many files and sockets it has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def allow_files(number: int = WANTED) -> None:
    """Let this process have so many, or as many as the machine allows."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(number, most), most))
