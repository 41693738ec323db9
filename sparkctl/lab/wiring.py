"""What is plugged into what: pure. Every NIC of a virtual Spark ends in a patch panel, and a cable joins panel ports.

The panel is what makes a cut cable look like one: both ends keep their administrative state and lose the carrier,
which one veth pair straight from host to host cannot show.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

MANAGEMENT = "enP7s7"
"""The 10 GbE port of a DGX Spark, by its kernel name on DGX OS."""
NETDEVS = {
    "enp1s0f0np0": "0a",
    "enP2p1s0f0np0": "0b",
    "enp1s0f1np1": "1a",
    "enP2p1s0f1np1": "1b",
    MANAGEMENT: "m",
}
"""Netdevs of a DGX Spark and their panel labels: QSFP port 0 or 1, half a (PCI domain 0) or b (domain 2)."""
CABLED = ("enp1s0f1np1", "enP2p1s0f1np1")
"""Both halves of QSFP port 1, the outer one: the port that the lab's cables are in."""
MANAGEMENT_CABLE = "management"
CONTROLLER_MAC = "02:53:50:00:ff:01"

Plug = tuple[str, str]
"""A host and one of its netdevs."""


@dataclass(frozen=True, slots=True)
class Cable:
    """A bridge in the switch namespace. With two ends and `direct`, it is a cable; else a switch."""

    name: str
    ends: tuple[Plug, ...]
    direct: bool = False


@dataclass(frozen=True, slots=True)
class Wiring:
    """Hosts (each with its number from 0), cables, the plugs pulled out, and the hosts that have power."""

    hosts: tuple[str, ...]
    cables: tuple[Cable, ...]
    cut: frozenset[Plug] = frozenset()
    powered: frozenset[str] = frozenset()

    def index(self, host: str) -> int:
        """The number that addresses and panel ports of a host are made from."""
        return self.hosts.index(host)

    def cable_of(self, plug: Plug) -> Cable | None:
        """The cable that a netdev is plugged into."""
        return next((cable for cable in self.cables if plug in cable.ends), None)

    def carrier(self, plug: Plug) -> bool:
        """Whether a netdev of a powered host sees a link.

        At a switch it does when its own plug is in; on a direct cable the other end must be in and powered, too.
        """
        cable = self.cable_of(plug)
        if cable is None or plug in self.cut:
            return False
        others = [end for end in cable.ends if end != plug]
        return not cable.direct or any(end not in self.cut and end[0] in self.powered for end in others)

    def pulled(self, plugs: Iterable[Plug]) -> Wiring:
        """With these plugs out."""
        return replace(self, cut=self.cut | frozenset(plugs))

    def mended(self, plugs: Iterable[Plug]) -> Wiring:
        """With these plugs in again, and with them the other ends of their direct cables."""
        plugs = frozenset(plugs)
        both = {end for plug in plugs if (cable := self.cable_of(plug)) and cable.direct for end in cable.ends}
        return replace(self, cut=self.cut - plugs - both)

    def switched(self, host: str, on: bool) -> Wiring:
        """With a host's power on or off."""
        return replace(self, powered=self.powered | {host} if on else self.powered - {host})


def wire(hosts: tuple[str, ...]) -> Wiring:
    """The lab's topology: two hosts share a direct cable of two rails; more meet at a switch, one network a rail."""
    management = Cable(MANAGEMENT_CABLE, tuple((host, MANAGEMENT) for host in hosts))
    rails = (Cable(f"rail-{NETDEVS[dev]}", tuple((host, dev) for host in hosts), len(hosts) == 2) for dev in CABLED)
    return Wiring(hosts, (management, *(rails if len(hosts) > 1 else ())))


def extend(old: Wiring, hosts: tuple[str, ...]) -> Wiring:
    """The same lab with more hosts: power and cut plugs stay as they are."""
    return replace(wire(hosts), cut=old.cut, powered=old.powered)


def panel_port(index: int, netdev: str) -> str:
    """The far end of a host's netdev, in the switch namespace (at most 15 characters, as all interface names)."""
    return f"n{index}-{NETDEVS[netdev]}"


def mac(index: int, netdev: str) -> str:
    """A fixed, locally administered address: a host that comes back must not wait for stale neighbours to expire."""
    return f"02:53:50:00:{list(NETDEVS).index(netdev):02x}:{index + 16:02x}"


def dump(wiring: Wiring) -> str:
    """As text for the lab's record."""
    content = {
        "hosts": wiring.hosts,
        "cables": [{"name": cable.name, "ends": cable.ends, "direct": cable.direct} for cable in wiring.cables],
        "cut": sorted(wiring.cut),
        "powered": sorted(wiring.powered),
    }
    return json.dumps(content, indent=1)


def load(text: str) -> Wiring:
    """The inverse of `dump`."""
    content = json.loads(text)
    return Wiring(
        tuple(content["hosts"]),
        tuple(
            Cable(cable["name"], tuple((host, dev) for host, dev in cable["ends"]), cable["direct"])
            for cable in content["cables"]
        ),
        frozenset((host, dev) for host, dev in content["cut"]),
        frozenset(content["powered"]),
    )
