"""What processes cost: CPU seconds and resident memory, from /proc (https://man7.org/linux/man-pages/man5/proc.5.html)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of processes and of their children that have ended."""
    return sum(sum(int(value) for value in _stat(pid)[11:15]) for pid in pids if _exists(pid)) / _TICKS


def is_postgres(pid: int) -> bool:
    return _exists(pid) and (Path("/proc") / str(pid) / "comm").read_text().startswith("postgres")


def resident_megabytes(pid: int) -> float:
    """What the process alone holds in memory, without what it shares with others."""
    for line in (Path("/proc") / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _exists(int(entry.name)):
            yield int(entry.name), int(_stat(int(entry.name))[1])


def _exists(pid: int) -> bool:
    return (Path("/proc") / str(pid) / "stat").exists()


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold blanks: state, parent, ..."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["Z", "0", *["0"] * 20]
