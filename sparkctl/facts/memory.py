"""Memory and disk. On a Spark the GPU has no memory of its own: /proc/meminfo is the only truth."""

from __future__ import annotations

from dataclasses import dataclass

from sparkctl.facts.base import Fact, FactUnavailable, Output, require
from sparkctl.facts.paths import quoted

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Memory:
    """GiB each."""

    total: float
    available: float
    swap_total: float
    swap_free: float


def parse_memory(output: Output) -> Memory:
    kib: dict[str, int] = {}
    for line in require(output).splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdecimal():
            kib[name] = int(words[0])
    if "MemTotal" not in kib or "MemAvailable" not in kib:
        raise FactUnavailable("/proc/meminfo has no MemAvailable")
    names = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")
    return Memory(*(kib.get(name, 0) * 1024 / GIB for name in names))


MEMORY: Fact[Memory] = Fact("memory", "cat /proc/meminfo", parse_memory)


def disk_free(path: str) -> Fact[float]:
    """GiB that are free for an ordinary user on the file system that holds `path` or its nearest existing parent."""
    snippet = f"""
p={quoted(path)}
while [ ! -e "$p" ] && [ "$p" != / ]; do p=$(dirname -- "$p"); done
df -Pk -- "$p"
"""
    return Fact(f"disk {path}", snippet, parse_disk_free)


def parse_disk_free(output: Output) -> float:
    rows = require(output).splitlines()
    words = rows[-1].split() if rows else []
    numbers = [word for word in words if word.isdecimal()]
    if len(rows) < 2 or len(numbers) < 3:
        raise FactUnavailable("df said nothing")
    return int(numbers[2]) * 1024 / GIB
