"""What no single value can be wrong in alone: hosts against each other, shares against hosts.

Works on whatever of the document can be read, so that these faults are reported together with all others. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from sparkctl.inventory import networks
from sparkctl.inventory.document import Path
from sparkctl.inventory.letters import shown
from sparkctl.inventory.problems import Problem, did_you_mean
from sparkctl.inventory.schema import MAX_HOSTS, MAX_SHARES
from sparkctl.inventory.seen import Seen, SeenShare, mapping, text_or_none


def problems(view: Seen) -> Iterator[Problem]:
    """All relations that do not hold; none for what is too large anyway, where comparing each with each takes long."""
    if len(view.hosts) > MAX_HOSTS or len(view.shares) > MAX_SHARES:
        return
    for check in _CHECKS:
        yield from check(view)


def warnings(view: Seen) -> Iterator[Problem]:
    """Oddities that work, or may."""
    for host, rails in view.rails_of.items():
        for index, rail in enumerate(rails):
            twin = next((r for r in rails[:index] if r.interface.network == rail.interface.network), None)
            if twin:
                yield view.document.problem(
                    rail.path,
                    f"{rail} and {twin} are in one network, {rail.interface.network}: the kernel may send over either "
                    "(NVIDIA's own layout until July 2026)",
                    "give each rail of a host a network of its own",
                )
        if view.topology == "none" and rails:
            message = f"{host} has rails, but the topology is none: their addresses are used and never set"
            yield view.document.problem(("fabric", "topology"), message, "name the topology, or delete the rails")
    for rail in view.rails:
        if rail.interface.ip.is_link_local:
            message = f"{rail.interface.ip} is a link-local address: it may be another after a reboot"
            yield view.document.problem(rail.path, message, "write an address of a private network")


def _head(view: Seen) -> Iterator[Problem]:
    if view.head is not None and view.hosts and view.head not in view.hosts:
        yield _no_host(view, ("head",), view.head)


def _one_door(view: Seen) -> Iterator[Problem]:
    """Two hosts behind one address and port."""
    first: dict[tuple[str, object], str] = {}
    common = mapping(view.data.get("ssh")).get("port", 22)
    for name, host in view.hosts.items():
        address = text_or_none(host.get("address"))
        if address is None:
            continue
        port = host.get("port", mapping(host.get("ssh")).get("port", common))
        door = (address.lower().rstrip("."), port if isinstance(port, int) else 22)
        if door in first:
            message = f"{address} port {door[1]} is {first[door]} already: two hosts cannot be behind one door"
            yield view.document.problem(("hosts", name, "address"), message, f"write the address of {name} itself")
        else:
            first[door] = name


def _ssh_twice(view: Seen) -> Iterator[Problem]:
    for name, host in view.hosts.items():
        for key in mapping(host.get("ssh")):
            if key in ("user", "identity_file", "port", "jump") and key in host:
                message = f"{key} is written beside address and under ssh as well"
                yield view.document.problem(("hosts", name, "ssh", key), message, "keep one of the two", at_key=True)
        if text_or_none(host.get("jump")) == name:
            yield view.document.problem(("hosts", name, "jump"), f"{name} cannot be its own jump host", "name another")


def _shares(view: Seen) -> Iterator[Problem]:
    for share in view.shares:
        if share.server is not None and view.hosts and share.server not in view.hosts:
            yield _no_host(view, ("nfs", share.index, "server"), share.server)
        told: set[str] = set()
        for index, client in share.clients or ():
            path = ("nfs", share.index, "clients", index)
            if view.hosts and client not in view.hosts:
                yield _no_host(view, path, client)
            elif client == share.server:
                yield view.document.problem(path, f"{client} is the server: it has the directory", "delete it here")
            elif client in told:
                yield view.document.problem(path, f"{client} is in the list already", "delete it here")
            told.add(client)
    for index, share in enumerate(view.shares):
        for other in view.shares[:index]:
            yield from _collide(view, share, other)


def _collide(view: Seen, share: SeenShare, other: SeenShare) -> Iterator[Problem]:
    """Two shares that want one place on one host."""
    mine, its = _places(view, share), _places(view, other)
    for host in mine.keys() & its.keys():
        for path in sorted(mine[host]):
            clash = next(
                (p for p in its[host] if p == path or p.startswith(f"{path}/") or path.startswith(f"{p}/")), ""
            )
            if not clash:
                continue
            how = "is" if clash == path else "is inside" if path.startswith(f"{clash}/") else "contains"
            message = f"{path} {how} {clash} of nfs[{other.index}] on {host}"
            key = "mount" if path == share.mount and share.mount != share.export else "export"
            yield view.document.problem(("nfs", share.index, key), message, "choose directories apart from each other")
            return


def _places(view: Seen, share: SeenShare) -> dict[str, set[str]]:
    """The directories that a share takes, by host."""
    found: dict[str, set[str]] = defaultdict(set)
    if share.export and share.server:
        found[share.server].add(share.export)
    mount = share.mount or share.export
    named = [name for _, name in share.clients] if share.clients is not None else list(view.hosts)
    for client in named:
        if mount and client != share.server:
            found[client].add(mount)
    return found


def _no_host(view: Seen, path: Path, found: str) -> Problem:
    near = did_you_mean(found, view.hosts)
    known = ", ".join(list(view.hosts)[:8]) + (", ..." if len(view.hosts) > 8 else "")
    return view.document.problem(
        path, f"{shown(found)} is none of the hosts", f"did you mean {near}?" if near else f"write one of: {known}"
    )


_CHECKS: tuple[Callable[[Seen], Iterator[Problem]], ...] = (
    _head,
    _one_door,
    _ssh_twice,
    networks.addresses,
    networks.networks,
    networks.topology,
    networks.meeting,
    _shares,
)
