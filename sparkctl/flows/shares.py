"""Directories that one node serves to others by NFS, and the proof that all see the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparkctl.ensure.base import Step
from sparkctl.ensure.directory import Directory
from sparkctl.ensure.export import Exported, Exports
from sparkctl.ensure.mount import Mount
from sparkctl.ensure.package import Package
from sparkctl.ensure.service import Service
from sparkctl.facts.base import Fact, Missing
from sparkctl.facts.nfs import listing, mounted_source
from sparkctl.facts.os import LOGIN
from sparkctl.flows.neighbours import address_for
from sparkctl.flows.phase import Gate, Judgement, NotYet, Phase, Proven, Refuted, Seen
from sparkctl.inventory.cluster import Cluster, Share

SERVER_UNIT = "nfs-server.service"
"""Of nfs-kernel-server, on Debian and Ubuntu alike."""


def shares(cluster: Cluster) -> tuple[Phase, ...]:
    """Servers first, then clients; no phase where nothing is shared."""
    shared = [share for share in cluster.shares if share.clients]
    if not shared:
        return ()
    servers = tuple(dict.fromkeys(share.server for share in shared))
    clients = tuple(dict.fromkeys(client for share in shared for client in share.clients))

    def serve(name: str) -> Sequence[Step]:
        mine = [share for share in shared if share.server == name]
        return [
            Package(("nfs-kernel-server",)),
            *(Directory(share.export, owned=share.mode == "rw") for share in mine),
            Exports(
                cluster.name, tuple(_exported(cluster, share) for share in mine), needs=("package.nfs-kernel-server",)
            ),
            Service(SERVER_UNIT, needs=("package.nfs-kernel-server",)),
        ]

    def use(name: str) -> Sequence[Step]:
        return [Package(("nfs-common",)), *(_mount(cluster, share, name) for share in shared if name in share.clients)]

    return (
        Phase("NFS server", servers, serve),
        Phase("NFS clients", clients, use, gate=_gate(shared)),
    )


def _exported(cluster: Cluster, share: Share) -> Exported:
    server = cluster.host(share.server)
    clients = tuple(address_for(server, cluster.host(client)) for client in share.clients)
    return Exported(share.export, clients, share.mode)


def _mount(cluster: Cluster, share: Share, client: str) -> Mount:
    address = address_for(cluster.host(client), cluster.host(share.server))
    needs = ("package.nfs-common", f"{share.server}/export", f"{share.server}/service.{SERVER_UNIT}")
    return Mount(share.server, address, share.export, share.mount, share.mode, needs)


def _gate(shared: Sequence[Share]) -> Gate:
    facts: dict[str, list[Fact[Any]]] = {}
    for share in shared:
        facts.setdefault(share.server, []).extend([LOGIN, listing(share.export)])
        for client in share.clients:
            facts.setdefault(client, []).extend([LOGIN, listing(share.mount), mounted_source(share.mount)])

    def judge(seen: Seen) -> Judgement:
        for share in shared:
            for client in share.clients:
                judged = _judge(share, client, seen)
                if judged is not None:
                    return judged
        count = sum(len(share.clients) for share in shared)
        return Proven(f"{count} {'mount shows' if count == 1 else 'mounts show'} what the server has")

    # a client may show what it cached for up to a minute (acdirmax, nfs(5)); names are fresh at the first look
    return Gate("clients see what the server has", facts, judge, deadline=70.0, every=2.0)


def _judge(share: Share, client: str, seen: Seen) -> NotYet | Refuted | None:
    at_server, here = seen[share.server], seen[client]
    asked = (
        (share.server, at_server[listing(share.export).name], share.export),
        (client, here[listing(share.mount).name], share.mount),
        (client, here[mounted_source(share.mount).name], share.mount),
    )
    for host, value, path in asked:
        if isinstance(value, Missing):
            return Refuted(f"looking at {path} on {host}: {value.reason}", host, hint=value.hint)
    if asked[2][1] is None:
        return Refuted(f"{share.mount} is not mounted on {client}", client, hint="sparkctl bootstrap")
    if share.mode == "rw" and (wrong := _other_uid(share, client, seen)):
        return wrong
    if asked[0][1] != asked[1][1]:
        return NotYet(f"{client} to see the same names in {share.mount} as {share.server}")
    return None


def _other_uid(share: Share, client: str, seen: Seen) -> Refuted | None:
    there, here = seen[share.server][LOGIN.name], seen[client][LOGIN.name]
    if isinstance(there, Missing) or isinstance(here, Missing) or there.uid == here.uid:
        return None
    why = f"user {there.user} has uid {there.uid} on {share.server} and {here.user} has uid {here.uid} on {client}"
    hint = "NFS knows numbers only: give both the same uid, or write `mode: ro` in the inventory"
    return Refuted(f"{why}, so {client} could not write to {share.mount}", client, hint=hint)
