"""Links, addresses, listening ports, and which peers answer."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparkctl.facts.base import Fact, FactUnavailable, Output, require


@dataclass(frozen=True, slots=True)
class Link:
    """A network device. `addresses` are IPv4, with prefix length (`192.168.100.10/24`). `carrier` is false without a
    cable or with the peer's port down, and None while the device is switched off."""

    netdev: str
    mtu: int
    up: bool
    carrier: bool | None
    addresses: tuple[str, ...] = ()


def parse_links(output: Output) -> Mapping[str, Link]:
    try:
        said = json.loads(require(output))
    except ValueError:
        raise FactUnavailable("`ip -j addr` answered something that is not JSON") from None
    found: dict[str, Link] = {}
    # iproute2 6.1 prints an empty object for each device that a filter left out
    for entry in said if isinstance(said, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("ifname"), str):
            continue
        flags = entry.get("flags") or []
        up = "UP" in flags
        addresses = tuple(
            f"{info['local']}/{info['prefixlen']}"
            for info in entry.get("addr_info") or []
            if isinstance(info, dict) and info.get("family") == "inet" and "local" in info and "prefixlen" in info
        )
        carrier = ("NO-CARRIER" not in flags) if up else None
        name = entry["ifname"]
        found[name] = Link(name, int(entry.get("mtu") or 0), up, carrier, addresses)
    return found


LINKS: Fact[Mapping[str, Link]] = Fact("links", "ip -j addr show", parse_links)


@dataclass(frozen=True, slots=True)
class Listener:
    """`process` is empty where only root could see it."""

    address: str
    port: int
    process: str = ""


_PROCESS = re.compile(r'users:\(\("([^"]*)"')


def parse_listeners(output: Output) -> tuple[Listener, ...]:
    found: list[Listener] = []
    for line in require(output).splitlines():
        words = line.split()
        if len(words) < 4 or words[0] != "LISTEN":
            continue
        address, _, port = words[3].rpartition(":")
        process = _PROCESS.search(line)
        if port.isdecimal():
            found.append(Listener(address.strip("[]"), int(port), process.group(1) if process else ""))
    return tuple(found)


LISTENERS: Fact[tuple[Listener, ...]] = Fact("listeners", "ss -Hltnp", parse_listeners)
"""TCP sockets that listen. With `-l` alone ss prints no State column header but keeps the column."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Can `source` (an address of this host) reach `target` with packets of `size` bytes of payload?"""

    source: str
    target: str
    size: int


@dataclass(frozen=True, slots=True)
class Reach:
    """`full` packets of the wanted size arrived; `small` ones of ordinary size did. `said` is ping's own complaint."""

    full: bool
    small: bool
    said: str = ""


_PING = r"""
try() {
  full=no small=no
  said=$(ping -n -q -c 1 -W 2 -M do -s "$3" -I "$1" "$2" 2>&1) && full=yes small=yes
  if [ $full = no ]; then ping -n -q -c 1 -W 1 -I "$1" "$2" >/dev/null 2>&1 && small=yes; fi
  printf 'ping %s %s %s %s %s %s\n' "$1" "$2" "$3" $full $small "$(printf %s "$said" | tr '\n' '|')"
}
"""


def reach(probes: Sequence[Probe]) -> Fact[Mapping[Probe, Reach]]:
    """All `probes` at once, not one after the other."""
    words = [f"try {shlex.quote(p.source)} {shlex.quote(p.target)} {p.size} &" for p in probes]
    name = "reach " + " ".join(f"{p.source}>{p.target}:{p.size}" for p in probes)
    return Fact(name, "\n".join([_PING, *words, "wait"]), parse_reach, timeout=15)


def parse_reach(output: Output) -> Mapping[Probe, Reach]:
    found: dict[Probe, Reach] = {}
    for line in require(output).splitlines():
        words = line.split(" ", 6)
        if len(words) >= 6 and words[0] == "ping" and words[3].isdecimal():
            said = words[6] if len(words) == 7 else ""
            complaint = _complaint(said)
            found[Probe(words[1], words[2], int(words[3]))] = Reach(words[4] == "yes", words[5] == "yes", complaint)
    return found


_HEADINGS = ("PING ", "--- ", "rtt ")


def _complaint(said: str) -> str:
    """The line of ping's output that tells most: an error if there is one, else the loss."""
    lines = [line.strip() for line in said.split("|") if line.strip() and not line.startswith(_HEADINGS)]
    errors = [line for line in lines if "packets transmitted" not in line]
    return (errors or lines or [""])[0][:200]
