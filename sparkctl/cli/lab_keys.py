"""The lab's host keys as the lab itself made them: known past any network, so nobody has to compare them by hand."""

from __future__ import annotations

from collections.abc import Mapping

from sparkctl.lab import lab
from sparkctl.ssh.hostkeys import HostKey, KnownHosts, known_name


def made_by_the_lab(shown: Mapping[str, HostKey | None]) -> bool:
    """Whether every one of these keys, by host, is the lab's own work."""
    made = lab.known_host_keys()
    return all(key is not None and _is(key, made.get(host, {})) for host, key in shown.items())


def forget_old_keys() -> None:
    """Forget what was pinned for an earlier lab: the next one has other keys at the same addresses."""
    from sparkctl.cli.reach import inventory

    cluster, _ = inventory("lab")
    known, made = KnownHosts.for_cluster(cluster.name), lab.known_host_keys()
    for host in cluster.hosts:
        name = known_name(host.address, host.ssh.port)
        if any(not _is(key, made.get(host.name, {})) for key in known.keys(name)):
            known.forget(name)


def _is(key: HostKey, made: Mapping[str, str]) -> bool:
    return made.get(key.kind) == f"{key.kind} {key.blob}"
