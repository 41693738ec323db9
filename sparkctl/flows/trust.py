"""Trust between the nodes: each may log in to each other, with a key of its own, to a host key it knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparkctl.ensure.base import Deferred, Ref, Step
from sparkctl.ensure.block import ManagedBlock
from sparkctl.ensure.file import File
from sparkctl.ensure.ssh_key import AuthorizedKeys, NodeKey
from sparkctl.facts.base import Fact, Missing
from sparkctl.facts.keys import HOST_KEY, KEY, PUBLIC_KEY, peer_login
from sparkctl.flows.neighbours import address_for
from sparkctl.flows.phase import Gate, Judgement, NotYet, Phase, Proven, Refuted, Seen
from sparkctl.inventory.cluster import Cluster, Host


def trust(cluster: Cluster) -> tuple[Phase, ...]:
    """No phase for a single host."""
    if len(cluster.hosts) < 2:
        return ()
    names = tuple(host.name for host in cluster.hosts)
    return (Phase("Trust between nodes", names, lambda name: _steps(cluster, name), gate=_gate(cluster)),)


def _steps(cluster: Cluster, name: str) -> Sequence[Step]:
    me = cluster.host(name)
    peers = [host for host in cluster.hosts if host.name != name]
    known_hosts, config = f"~/.ssh/sparkctl_{cluster.name}_known_hosts", f"~/.ssh/sparkctl_{cluster.name}_config"

    def let_in(*keys: str) -> AuthorizedKeys:
        return AuthorizedKeys(cluster.name, {peer.name: key for peer, key in zip(peers, keys, strict=True)})

    def know(*keys: str) -> File:
        return File(known_hosts, "".join(f"{p.name} {k}\n" for p, k in zip(peers, keys, strict=True)).encode(), 0o600)

    empty = File(known_hosts, b"")
    return [
        Deferred("authorized-keys", tuple(Ref(p.name, PUBLIC_KEY, "ssh-key") for p in peers), let_in, let_in_fact()),
        Deferred(empty.key, tuple(Ref(p.name, HOST_KEY, "") for p in peers), know, empty.fact),
        File(config, _ssh_config(me, peers, known_hosts), 0o600),
        ManagedBlock("~/.ssh/config", cluster.name, (f"Include {config}",), where="top"),
    ]


def own_key(cluster: Cluster, name: str) -> Sequence[Step]:
    """The node's own pair. It belongs to an earlier phase than what the peers do with its public half."""
    return [NodeKey(f"sparkctl:{cluster.name}:{name}")] if len(cluster.hosts) > 1 else []


def let_in_fact() -> Fact[Any]:
    """The fact of `AuthorizedKeys`, which does not depend on whose keys they are."""
    return AuthorizedKeys("", {}).fact


def _ssh_config(me: Host, peers: Sequence[Host], known_hosts: str) -> bytes:
    """One Host entry a peer. HostKeyAlias makes name, fabric address and port look up the same pinned key."""
    entries = []
    for peer in peers:
        addresses = dict.fromkeys([address_for(me, peer), *(rail.address for rail in peer.rails), peer.address])
        lines = [
            f"Host {peer.name}",
            f"  HostName {address_for(me, peer)}",
            f"Host {' '.join([peer.name, *addresses])}",
            f"  HostKeyAlias {peer.name}",
            *([f"  User {peer.ssh.user}"] if peer.ssh.user else []),
            f"  Port {peer.ssh.port}",
            f"  IdentityFile {KEY}",
            "  IdentitiesOnly yes",
            f"  UserKnownHostsFile {known_hosts}",
            "  StrictHostKeyChecking yes",
        ]
        entries.append("\n".join(lines) + "\n")
    return ("# Written by sparkctl; included by ~/.ssh/config.\n" + "".join(entries)).encode()


def _gate(cluster: Cluster) -> Gate:
    names = [host.name for host in cluster.hosts]
    # each begins with its own successor, so that not all knock at one sshd at once (MaxStartups, sshd_config(5))
    peers = {name: names[n + 1 :] + names[:n] for n, name in enumerate(names)}
    facts = {name: tuple(peer_login(peer) for peer in peers[name]) for name in names}
    total = len(names) * (len(names) - 1)

    def judge(seen: Seen) -> Judgement:
        shut = [
            (name, fact.name.partition(" ")[2], value)
            for name in names
            for fact in facts[name]
            if isinstance(value := seen[name][fact.name], Missing)
        ]
        if not shut:
            return Proven(f"each of {len(names)} nodes logged in to each other")
        name, peer, why = shut[0]
        return NotYet(f"{name} logging in to {peer}: {why.reason}", total - len(shut), total)

    def blame(seen: Seen, refuted: Refuted) -> Refuted:
        still = judge(seen)
        if not isinstance(still, NotYet):
            return refuted
        name, _, rest = still.waiting_for.partition(" logging in to ")
        peer = rest.partition(":")[0]
        return Refuted(still.waiting_for, name, hint=f"on {name}: ssh -v {peer} true")

    return Gate("every node can log in to every other", facts, judge, deadline=10.0, explain=facts, blame=blame)
