"""Which node reaches which over what addresses. Pure arithmetic on the inventory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sparkctl.inventory.cluster import Cluster, Host, Rail


@dataclass(frozen=True, slots=True)
class Path:
    """One way from a rail of `near` to a rail of `far`, in one network."""

    near: Host
    near_rail: Rail
    far: Host
    far_rail: Rail


def paths(cluster: Cluster) -> tuple[Path, ...]:
    """Every pair of rails of different hosts in one network, in both directions.

    Where both rails of a port share a network (NVIDIA's layout until July 2026), only rails of one name are paired: the
    kernel's choice between the others is nobody's promise.
    """
    return tuple(
        path for near in cluster.hosts for far in cluster.hosts if near is not far for path in _between(near, far)
    )


def _between(near: Host, far: Host) -> Iterator[Path]:
    for rail in near.rails:
        same = [other for other in far.rails if other.network == rail.network]
        namesakes = [other for other in same if other.netdev == rail.netdev]
        for other in namesakes or same:
            yield Path(near, rail, far, other)


def address_for(near: Host, far: Host) -> str:
    """The address under which `near` should speak to `far`: the first rail they share, else the management address."""
    first = next(_between(near, far), None)
    return first.far_rail.address if first is not None else far.address
