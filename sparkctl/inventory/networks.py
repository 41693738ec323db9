"""Rails against each other: addresses, networks, and who reaches whom. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from ipaddress import IPv4Network

from sparkctl.inventory.problems import Problem
from sparkctl.inventory.seen import Seen, SeenRail, mapping, text_or_none


def addresses(view: Seen) -> Iterator[Problem]:
    """Every fabric address once, and no host behind the rail of another."""
    first: dict[str, SeenRail] = {}
    for rail in view.rails:
        address = str(rail.interface.ip)
        if address in first:
            message = f"{address} is the address of {first[address]} already"
            free = _free(rail.interface.network, {str(r.interface.ip) for r in view.rails})
            yield view.document.problem(rail.path, message, free and f"write {free}")
        first.setdefault(address, rail)
    for name, host in view.hosts.items():
        owner = first.get(text_or_none(host.get("address")) or "")
        if owner and owner.host != name:
            message = f"{owner.interface.ip} is the address of {owner}, not of {name}"
            yield view.document.problem(("hosts", name, "address"), message, f"write the address of {name} itself")


def networks(view: Seen) -> Iterator[Problem]:
    """Rails that reach nobody, and networks that overlap without being the same."""
    if len(view.hosts) < 2 or not all(view.rails_of.values()):
        return
    members: dict[IPv4Network, set[str]] = defaultdict(set)
    for rail in view.rails:
        members[rail.interface.network].add(rail.host)
    for rail in view.rails:
        net = rail.interface.network
        other = next((n for n in members if n != net and n.overlaps(net)), None)
        if other and other.prefixlen < net.prefixlen:
            message = f"{net} is a part of {other}, the network of {_rail_in(view, other)}: prefixes must be equal"
            yield view.document.problem(rail.path, message, f"write {rail.interface.ip}/{other.prefixlen}")
        elif not other and len(members[net]) == 1 and not view.blind:
            peers = [n for n in members if rail.host not in members[n]]
            message = f"no other host has a rail in {net}, so {rail.netdev} would reach nobody"
            near = f"write an address in {peers[0]}" if peers else "give the other hosts a rail in it"
            yield view.document.problem(rail.path, message, near)


def topology(view: Seen) -> Iterator[Problem]:
    path, count = ("fabric", "topology"), len(view.hosts)
    if view.topology == "pair" and view.hosts and count != 2:
        fit = "none" if count == 1 else "ring or switch" if count == 3 else "switch"
        yield view.document.problem(path, f"a pair is two hosts, and here are {count}", f"write {fit}")
    if view.topology == "ring" and view.hosts and count < 3:
        fit = "pair" if count == 2 else "none"
        yield view.document.problem(path, f"a ring has three hosts or more, and here are {count}", f"write {fit}")
    by_host = view.rails_of
    rich = [name for name in by_host if mapping(view.hosts[name].get("fabric"))]
    if view.topology in ("pair", "ring", "switch") and count > 1 and not rich:
        message = f"the topology is {view.topology}, but no host has a fabric"
        yield view.document.problem(path, message, "list each host's rails under `fabric`, or write none")
    for name in view.hosts:
        if rich and name not in rich:
            message = f"{name} has no fabric and {rich[0]} has: {name} could not reach the others there"
            yield view.document.problem(("hosts", name), message, "list its rails under `fabric`", at_key=True)


def meeting(view: Seen) -> Iterator[Problem]:
    """But for a ring, all hosts must meet in one network, or Ray's nodes would not find each other."""
    by_host = {name: rails for name, rails in view.rails_of.items() if rails}
    if view.blind or is_ring(view) or len(by_host) < 3:
        return
    shared = set.intersection(*({r.interface.network for r in rails} for rails in by_host.values()))
    if not shared:
        message = "no network of the fabric is common to all hosts, so they could meet nowhere"
        hint = "write topology: ring if they are cabled in a ring, else one network a rail for all hosts"
        yield view.document.problem(("fabric",), message, hint, at_key=True)


def is_ring(view: Seen) -> bool:
    """Said so, or three hosts and more of which every two neighbours share networks that no third has."""
    if view.topology is not None:
        return view.topology == "ring"
    members: dict[IPv4Network, set[str]] = defaultdict(set)
    for rail in view.rails:
        members[rail.interface.network].add(rail.host)
    return len(view.hosts) > 2 and bool(members) and all(len(hosts) == 2 for hosts in members.values())


def _rail_in(view: Seen, net: IPv4Network) -> SeenRail:
    return next(rail for rail in view.rails if rail.interface.network == net)


def _free(net: IPv4Network, taken: set[str]) -> str | None:
    return next(
        (f"{ip}/{net.prefixlen}" for ip, _ in zip(net.hosts(), range(512), strict=False) if str(ip) not in taken), None
    )
