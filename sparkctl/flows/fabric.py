"""The fabric: addresses and MTU of the rails, and the proof that full frames pass between all neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparkctl.ensure.base import Deferred, Ref, Step
from sparkctl.ensure.netplan import Netplan, RailAddress
from sparkctl.facts.base import Fact, Missing
from sparkctl.facts.netplan import NETPLAN
from sparkctl.facts.network import LINKS, Link, Probe, Reach, reach
from sparkctl.facts.os import SESSION
from sparkctl.flows.neighbours import Path, paths
from sparkctl.flows.phase import Gate, Judgement, NotYet, Phase, Proven, Refuted, Seen
from sparkctl.inventory.cluster import Cluster, Host

IP_AND_ICMP = 28
"""Bytes of an IPv4 header without options and an ICMP echo header (RFC 791, RFC 792)."""

SETTLING = 30.0
"""Seconds that links may take after `netplan apply` on both ends of a cable."""


def fabric(cluster: Cluster) -> tuple[Phase, ...]:
    """No phase where the inventory names no rails."""
    hosts = [host for host in cluster.hosts if host.rails]
    if cluster.fabric.topology == "none" or not hosts:
        return ()

    def steps(name: str) -> Sequence[Step]:
        host = cluster.host(name)

        def build(session: str | None) -> Netplan:
            return _netplan(cluster, host, session)

        return [Deferred("netplan", (Ref(name, SESSION, ""),), build, NETPLAN)]

    return (Phase("Fabric", tuple(host.name for host in hosts), steps, gate=_gate(cluster, hosts)),)


def _netplan(cluster: Cluster, host: Host, session: str | None) -> Netplan:
    rails = tuple(RailAddress(rail.netdev, rail.interface) for rail in host.rails)
    return Netplan(rails, cluster.fabric.mtu, protected=tuple(filter(None, (host.address, session))))


def _gate(cluster: Cluster, hosts: Sequence[Host]) -> Gate:
    ways = paths(cluster)
    size = cluster.fabric.mtu - IP_AND_ICMP
    probes = {host.name: tuple(_probe(way, size) for way in ways if way.near is host) for host in hosts}
    asked = {name: reach(wanted) for name, wanted in probes.items()}
    facts: Mapping[str, Sequence[Fact[Any]]] = {name: (LINKS, asked[name]) for name in probes}

    def judge(seen: Seen) -> Judgement:
        troubles = _troubles(hosts, ways, size, seen, {name: fact.name for name, fact in asked.items()})
        if troubles:
            return NotYet(troubles[0].message, len(ways) - len(troubles), len(ways))
        if not ways:
            return Proven("rails are up with their addresses; no two of them share a network")
        count = f"{len(ways)} of {len(ways)} paths between {len(hosts)} hosts"
        return Proven(f"packets of {size + IP_AND_ICMP} bytes pass on {count}")

    def blame(seen: Seen, refuted: Refuted) -> Refuted:
        troubles = _troubles(hosts, ways, size, seen, {name: fact.name for name, fact in asked.items()})
        return troubles[0] if troubles else refuted

    return Gate("every rail reaches its peers", facts, judge, SETTLING, 1.0, explain=facts, blame=blame)


def _probe(way: Path, size: int) -> Probe:
    return Probe(way.near_rail.address, way.far_rail.address, size)


def _troubles(
    hosts: Sequence[Host], ways: Sequence[Path], size: int, seen: Seen, asked: Mapping[str, str]
) -> list[Refuted]:
    """Everything that is wrong now; causes (a link) before their consequences (no answer)."""
    found: list[Refuted] = []
    for host in hosts:
        links = seen[host.name][LINKS.name]
        if isinstance(links, Missing):
            found.append(Refuted(f"asking {host.name} for its links: {links.reason}", host.name, hint=links.hint))
        else:
            found += [trouble for rail in host.rails if (trouble := _link_trouble(host, rail.netdev, links))]
    for way in ways:
        answers = seen[way.near.name][asked[way.near.name]]
        if isinstance(answers, Missing):
            reason = f"pinging from {way.near.name}: {answers.reason}"
            found.append(Refuted(reason, way.near.name, hint=answers.hint))
        elif trouble := _path_trouble(way, size, answers.get(_probe(way, size))):
            found.append(trouble)
    return found


def _link_trouble(host: Host, netdev: str, links: Mapping[str, Link]) -> Refuted | None:
    link = links.get(netdev)
    if link is None:
        return Refuted(f"{host.name} has no network device {netdev}", host.name, hint=f"ssh {host.name} ip -br link")
    if not link.up:
        return Refuted(f"{netdev} on {host.name} is switched off", host.name, hint="sparkctl bootstrap")
    if not link.carrier:
        why = "no cable, or the port at its other end is down"
        return Refuted(f"{netdev} on {host.name} has no carrier: {why}", host.name, hint="check the QSFP cable")
    return None


def _path_trouble(way: Path, size: int, answer: Reach | None) -> Refuted | None:
    if answer is not None and answer.full:
        return None
    near, far = way.near.name, way.far.name
    what = f"{near} to {far} over {way.near_rail.netdev} ({way.near_rail.address} to {way.far_rail.address})"
    if answer is None:
        return Refuted(f"{what}: ping said nothing", near)
    if answer.small:
        why = f"small packets pass, packets of {size + IP_AND_ICMP} bytes do not: an mtu on the way is smaller"
        hint = "set fabric.mtu in the inventory to what the switch allows, then: sparkctl bootstrap"
        return Refuted(f"{what}: {why}", near, evidence=answer.said, hint=hint)
    absent = "ping: not found" in answer.said
    hint = "sudo apt-get install iputils-ping" if absent else "check that both ends use the same QSFP port"
    return Refuted(f"{what}: {'there is no ping' if absent else 'no answer'}", near, evidence=answer.said, hint=hint)
