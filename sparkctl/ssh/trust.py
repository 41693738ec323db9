"""Which keys the hosts show, which of them are pinned, and pinning the new ones. A changed key is never pinned over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sparkctl.errors import HostKeyError, SparkctlError
from sparkctl.ssh.command import Endpoint
from sparkctl.ssh.config import Resolved, resolve
from sparkctl.ssh.dial import read_host_key
from sparkctl.ssh.hostkeys import HostKey, KeyState, KnownHosts, changed_key
from sparkctl.ssh.jump import Jumps
from sparkctl.ssh.parallel import side_by_side

TrustState = KeyState | Literal["unreachable"]


@dataclass(frozen=True, slots=True)
class TrustItem:
    """A host's key as it is now. `key` is None and `error` says why where the host could not be asked."""

    host: str
    place: str
    state: TrustState
    key: HostKey | None = None
    pinned: tuple[HostKey, ...] = ()
    error: SparkctlError | None = None

    @property
    def refusal(self) -> SparkctlError | None:
        """Why this item cannot be pinned; None where it can be, or already is."""
        if self.state == "changed" and self.key is not None:
            return changed_key(self.host, self.key, self.pinned)
        return self.error


def scan(
    endpoint: Endpoint, known_hosts: KnownHosts | None = None, *, others: Mapping[str, Endpoint] | None = None
) -> list[HostKey]:
    """The key that a host shows, without logging in: of a pinned kind if it has one, else ed25519 first.

    A host behind a jump host needs `known_hosts`, in which the jump host's key is pinned. Raises `UnreachableError`.
    """
    to = resolve(endpoint, others)
    if known_hosts is None:
        return [read_host_key(to)]
    return [_read(to, known_hosts, Jumps(known_hosts))]


def inspect(
    endpoints: Iterable[Endpoint],
    known_hosts: KnownHosts,
    *,
    others: Mapping[str, Endpoint] | None = None,
    on_event: Callable[[TrustItem], None] | None = None,
) -> list[TrustItem]:
    """Ask every host at once, jump hosts included (they come first: nothing behind one is seen before it is pinned).

    Raises `ConfigError` for a broken inventory value or known_hosts file; unreachable hosts are items.
    """
    wanted = tuple(endpoints)
    named = {**(others or {}), **{endpoint.host: endpoint for endpoint in wanted}}
    jumps = Jumps(known_hosts)
    todo: dict[str, Resolved] = {}
    for resolved in [resolve(endpoint, named) for endpoint in wanted]:
        for hop in _way(resolved):
            todo.setdefault(hop.place, hop)

    def one(to: Resolved) -> TrustItem:
        item = _inspect(to, known_hosts, jumps)
        if on_event is not None:
            on_event(item)
        return item

    return side_by_side(list(todo.values()), one)


def pin(items: Iterable[TrustItem], known_hosts: KnownHosts) -> tuple[HostKey, ...]:
    """Pin the keys of the new items and return them. Changed and unreachable items are left alone (see `refusal`)."""
    return known_hosts.pin(item.key for item in items if item.state == "new" and item.key is not None)


def forget(host: str, endpoints: Iterable[Endpoint], known_hosts: KnownHosts) -> tuple[HostKey, ...]:
    """Remove and return the keys pinned for a host of the inventory, or for an address."""
    endpoints = tuple(endpoints)
    named = {endpoint.host: endpoint for endpoint in endpoints}
    names = [resolve(named[host], named).known_name] if host in named else []
    return known_hosts.forget(host, *names)


def _way(to: Resolved) -> list[Resolved]:
    """The hops to a host, the outermost first, itself last."""
    return [*(_way(to.jump) if to.jump else []), to]


def _inspect(to: Resolved, known_hosts: KnownHosts, jumps: Jumps) -> TrustItem:
    pinned = known_hosts.keys(to.known_name)
    unpinned = [hop for hop in _way(to)[:-1] if not known_hosts.keys(hop.known_name)]
    if unpinned:
        error = HostKeyError(
            f"reading the host key of {to.host}: it is behind {unpinned[0].host}, which is not pinned yet",
            host=to.host,
            hint="sparkctl trust, once more after this one",
        )
        return TrustItem(to.host, to.place, "unreachable", None, pinned, error)
    try:
        key = _read(to, known_hosts, jumps)
    except SparkctlError as error:
        return TrustItem(to.host, to.place, "unreachable", None, pinned, error)
    return TrustItem(to.host, to.place, known_hosts.state(key), key, pinned)


def _read(to: Resolved, known_hosts: KnownHosts, jumps: Jumps) -> HostKey:
    way = jumps.way(to)
    try:
        return read_host_key(to, tuple(key.kind for key in known_hosts.keys(to.known_name)), way.stream)
    finally:
        way.release()
