"""The lab's networks on the outer machine: namespaces, NICs, the patch panel and its cables.

Nothing here has a route to the outside: a virtual Spark reaches its peers, the registry and the apt source.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sparkctl.lab import addresses, namespaces, places, wiring
from sparkctl.lab.outer import call, succeeds
from sparkctl.lab.places import Places
from sparkctl.lab.wiring import Wiring

_DOING = "wiring the lab"
_JUMBO = 9216
"""MTU of panel and switches in bytes: above any MTU a host may set, as on real switches."""


@contextmanager
def _locked(where: Places) -> Iterator[None]:
    """One change of the wiring at a time: hosts are switched on and off by processes of their own."""
    with open(where.run / "wiring.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read(where: Places) -> Wiring:
    """The wiring as it is now."""
    return wiring.load(where.wiring.read_text())


def change(where: Places, how: Callable[[Wiring], Wiring]) -> Wiring:
    """Rewire and let every NIC see it."""
    with _locked(where):
        new = how(read(where))
        _write(where, new)
        _settle(new)
    return new


def lay(where: Places, new: Wiring) -> None:
    """Make switch and controller namespaces with the bridges of `new`; what is there already stays."""
    with _locked(where):
        _write(where, new)
        for netns in (places.SWITCH, places.CONTROLLER):
            if not (places.NETNS / netns).exists():
                call(["ip", "netns", "add", netns], doing=_DOING)
            _ip(netns, ["link set lo up"])
        there = _interfaces(places.SWITCH)
        lines = []
        for cable in new.cables:
            if cable.name not in there:
                lines.append(
                    f"link add {cable.name} mtu {_JUMBO} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
                )
        if wiring.MANAGEMENT_CABLE not in there:
            lines.append(f"addr add {addresses.SERVICES}/24 dev {wiring.MANAGEMENT_CABLE}")
        lines += [f"link set {cable.name} up" for cable in new.cables]
        _ip(places.SWITCH, lines)
        if "controller" not in there:
            _plug_controller()
        _settle(new)


def _plug_controller() -> None:
    _ip(
        places.SWITCH,
        [
            f"link add controller type veth peer name {wiring.MANAGEMENT} address {wiring.CONTROLLER_MAC} "
            f"netns {places.CONTROLLER}",
            f"link set controller master {wiring.MANAGEMENT_CABLE} up",
        ],
    )
    _ip(
        places.CONTROLLER,
        [f"addr add {addresses.CONTROLLER}/24 dev {wiring.MANAGEMENT}", f"link set {wiring.MANAGEMENT} up"],
    )


def plug_in(where: Places, host: str) -> None:
    """Give a host that is switched on fresh NICs, with no addresses, and carrier where its cables lead.

    The namespace is made anew at each power-on: connections of the time before must not linger in it.
    """
    unplug(where, host)
    netns = places.netns_of(host)
    with _locked(where):
        new = read(where).switched(host, True)
        index = new.index(host)
        call(["ip", "netns", "add", netns], doing=_DOING)
        _ip(
            netns,
            [
                "link set lo up",
                *(
                    f"link add {dev} address {wiring.mac(index, dev)} type veth "
                    f"peer name {wiring.panel_port(index, dev)} mtu {_JUMBO} netns {places.SWITCH}"
                    for dev in wiring.NETDEVS
                ),
                # DGX OS has the QSFP ports administratively up, cabled or not; the management port is netplan's
                *(f"link set {dev} up" for dev in wiring.NETDEVS if dev != wiring.MANAGEMENT),
            ],
        )
        # plain users may ping, as on a real host: the lab's kernel does not honour ping's file capability everywhere
        namespaces.within(
            netns, lambda: Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 2147483647", encoding="ascii")
        )
        _write(where, new)
        _settle(new)


def unplug(where: Places, host: str) -> None:
    """Take a host's NICs away: its peers lose the carrier, and nothing it still had to say gets out."""
    netns = places.netns_of(host)
    with _locked(where):
        new = read(where).switched(host, False)
        _write(where, new)
        _settle(new)
        ports = [wiring.panel_port(new.index(host), dev) for dev in wiring.NETDEVS]
        there = _interfaces(places.SWITCH)
        # deleted from this side, since the kernel takes a deleted namespace's devices away only some time later
        _ip(places.SWITCH, [f"link del {port}" for port in ports if port in there])
        if (places.NETNS / netns).exists():
            call(["ip", "netns", "del", netns], doing=_DOING)


def darken(where: Places, host: str) -> None:
    """Take the carrier from all NICs of a host at once: what its peers see first when its power goes."""
    change(where, lambda old: old.switched(host, False))


def remove() -> None:
    """Delete every namespace of the lab."""
    for netns in sorted(places.NETNS.glob(places.PREFIX + "*")) if places.NETNS.is_dir() else []:
        if not succeeds(["ip", "netns", "del", netns.name]) and netns.exists():
            # half made: the file without its mount
            succeeds(["umount", netns])
            netns.unlink(missing_ok=True)


def any_left() -> bool:
    """Whether some namespace of the lab exists."""
    return places.NETNS.is_dir() and any(places.NETNS.glob(places.PREFIX + "*"))


def _settle(new: Wiring) -> None:
    """Make every panel port up or down as its carrier has to be."""
    there = _interfaces(places.SWITCH)
    lines = []
    for host in new.hosts:
        for dev in wiring.NETDEVS:
            port = wiring.panel_port(new.index(host), dev)
            cable = new.cable_of((host, dev))
            if port not in there:
                continue
            if cable is None or host not in new.powered or not new.carrier((host, dev)):
                lines.append(f"link set {port} down")
            else:
                lines.append(f"link set {port} master {cable.name} up")
    _ip(places.SWITCH, lines)


def _interfaces(netns: str) -> set[str]:
    if not (places.NETNS / netns).exists():
        return set()
    listed = call(["ip", "-n", netns, "-o", "link", "show"], doing=_DOING)
    return {line.split(": ", 2)[1].split("@", 1)[0] for line in listed.splitlines() if ": " in line}


def _ip(netns: str, lines: list[str]) -> None:
    if lines:
        call(["ip", "-n", netns, "-batch", "-"], doing=_DOING, stdin="\n".join(lines) + "\n")


def _write(where: Places, new: Wiring) -> None:
    part = where.wiring.with_suffix(".part")
    part.write_text(wiring.dump(new))
    part.replace(where.wiring)
