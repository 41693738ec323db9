"""Who listens on which TCP port of a host."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparkctl.facts.base import Fact, Output, require

_OWNER = re.compile(r'\("(?P<name>[^"]*)",pid=(?P<pid>\d+)')


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket; `pid` 0 where the kernel does not say whose it is (NFS)."""

    address: str
    port: int
    process: str = ""
    pid: int = 0


def _parse(output: Output) -> tuple[Listener, ...]:
    found = []
    for line in require(output).splitlines():
        words = line.split()
        if len(words) < 4 or words[0] != "LISTEN":
            continue
        address, _, port = words[3].rpartition(":")
        owner = _OWNER.search(line)
        if port.isdecimal():
            name, pid = (owner["name"], int(owner["pid"])) if owner else ("", 0)
            found.append(Listener(address.strip("[]"), int(port), name, pid))
    return tuple(found)


LISTENERS: Fact[tuple[Listener, ...]] = Fact("TCP listeners", "ss -Hltnp", _parse, sudo=True)
"""With sudo: without it `ss` names only our own processes."""


def holders(listeners: tuple[Listener, ...], port: int, address: str) -> tuple[Listener, ...]:
    """Those who make it impossible to listen on `port` of `address` (`0.0.0.0`: of any address)."""
    everywhere = ("0.0.0.0", "*", "::", "")
    return tuple(
        found
        for found in listeners
        if found.port == port
        and (address in everywhere or found.address in everywhere or found.address.split("%")[0] == address)
    )
