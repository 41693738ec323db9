"""From the inventory as written to the `Cluster` that is meant: every default filled in. Pure."""

from __future__ import annotations

from sparkctl.inventory.cluster import (
    DEFAULT_HF_CACHE,
    Cluster,
    Fabric,
    Host,
    Rail,
    Runtime,
    Serve,
    Share,
    Ssh,
    Topology,
)
from sparkctl.inventory.networks import is_ring
from sparkctl.inventory.problems import in_order
from sparkctl.inventory.relations import warnings
from sparkctl.inventory.schema import BuildModel, HostModel, InventoryModel, ShareModel, SshModel
from sparkctl.inventory.seen import Seen


def resolve(model: InventoryModel, view: Seen) -> Cluster:
    """`model` is valid, and its relations hold."""
    names = [model.head, *(name for name in model.hosts if name != model.head)]
    head_rails = _rails(model.hosts[model.head], ())
    ring = is_ring(view)
    hosts = tuple(_host(model, name, () if ring else head_rails, ring) for name in names)
    shares = tuple(_share(share, names) for share in model.nfs)
    topology = model.fabric.topology or _topology(hosts, ring)
    return Cluster(
        model.cluster,
        hosts,
        Fabric(topology, model.fabric.mtu),
        shares,
        _runtime(model, shares),
        Serve(model.serve.port, model.serve.api_key_file),
        model.lab,
        in_order(warnings(view)),
    )


def _host(model: InventoryModel, name: str, order: tuple[Rail, ...], ring: bool) -> Host:
    host = model.hosts[name]
    return Host(
        name,
        host.address,
        _ssh(model.ssh, host),
        _rails(host, order),
        tuple(host.env.items()),
        "head" if name == model.head else "worker",
        "management" if ring else "fabric",
    )


def _ssh(common: SshModel, host: HostModel) -> Ssh:
    own = host.ssh or SshModel()
    port = host.port if host.port is not None else own.port if "port" in own.model_fields_set else common.port
    return Ssh(
        host.user or own.user or common.user,
        host.identity_file or own.identity_file or common.identity_file,
        port,
        host.jump or own.jump or common.jump,
    )


def _rails(host: HostModel, order: tuple[Rail, ...]) -> tuple[Rail, ...]:
    """As written, but rails in the networks of `order` first and in that order: first rails must meet."""
    rails = []
    for netdev, rail in host.fabric.items():
        address, _, prefix = rail.address.partition("/")
        rails.append(Rail(netdev, address, int(prefix)))
    rank = {rail.network: index for index, rail in reversed(list(enumerate(order)))}
    return tuple(sorted(rails, key=lambda rail: rank.get(rail.network, len(rank))))


def _topology(hosts: tuple[Host, ...], ring: bool) -> Topology:
    if len(hosts) < 2 or not any(host.rails for host in hosts):
        return "none"
    return "pair" if len(hosts) == 2 else "ring" if ring else "switch"


def _share(share: ShareModel, names: list[str]) -> Share:
    wanted = share.clients if share.clients is not None else names
    clients = tuple(name for name in names if name in wanted and name != share.server)
    return Share(share.export, share.server, share.mount or share.export, clients, share.mode)


def _runtime(model: InventoryModel, shares: tuple[Share, ...]) -> Runtime:
    runtime = model.runtime
    build = runtime.image.build if isinstance(runtime.image, BuildModel) else None
    shared = next((share.mount for share in shares if share.mount.endswith("huggingface")), None)
    return Runtime(
        runtime.image if isinstance(runtime.image, str) else None,
        build,
        runtime.launcher,
        tuple(runtime.env.items()),
        tuple(runtime.docker_args),
        runtime.hf_token_file,
        runtime.hf_token_env,
        runtime.hf_cache or shared or DEFAULT_HF_CACHE,
    )
