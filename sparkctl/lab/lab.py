"""Virtual Sparks on this machine: the whole of the lab behind a few functions. Needs Linux and root.

Only one lab runs at a time; its state is in the kernel and under `Places.run`, never only in a process of ours.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, TextIO

from sparkctl.errors import LockedError, StepFailed, UsageError
from sparkctl.lab import (
    addresses,
    aptsource,
    assembly,
    golden,
    hosts,
    inventory,
    keys,
    look,
    machine,
    namespaces,
    network,
    nfs,
    places,
    record,
    services,
    teardown,
    wiring,
)
from sparkctl.lab.golden import Golden
from sparkctl.lab.outer import call
from sparkctl.lab.places import Places
from sparkctl.lab.progress import Progress, Silent
from sparkctl.lab.record import CableStatus, HostStatus, LabStatus, Record

__all__ = ["CableStatus", "HostStatus", "LabStatus", "down", "join", "status", "up"]

_NO_LAB = "no lab runs on this machine"


def up(nodes: int, *, yes: bool = False, image: str | None = None, progress: Progress | None = None) -> LabStatus:
    """Boot `nodes` virtual Sparks, or finish, repair or extend the lab that runs; ssh and docker answer at the end.

    `yes` allows to install missing packages; `image` is a ready CPU image to take instead of the one built here.
    Raises UsageError, StepFailed or LockedError with one sentence that says what is missing.
    """
    progress = progress or Silent()
    if not 1 <= nodes <= addresses.MOST:
        raise UsageError(f"starting the lab: {nodes} hosts asked for", hint=f"give --nodes 1 to {addresses.MOST}")
    machine.check_system()
    machine.install(machine.missing_packages(), yes=yes, progress=progress)
    seen = machine.kernel()
    machine.check_kernel(seen)
    with _locked(Places()):
        where, plan = assembly.decide(nodes, image, seen)
        started = time.monotonic()
        root, layout = assembly.materials(where, plan, progress)
        plan = replace(plan, golden=root.digest)
        assembly.ground(where, plan)
        served = aptsource.ensure(where, root, nfs.Mode(plan.nfs))
        assembly.tidy_registry(where, layout)
        services.start(where, root, served)
        names = [hosts.name(index) for index in range(plan.nodes)]
        for index, host in enumerate(names):
            hosts.rack(where, root, host, index)
        hosts.seed_cache(where, names[0], layout.hf_cache)
        progress.step("booting the virtual Sparks", 0, len(names), "hosts")
        for host in names:
            hosts.power_on(where, root, host)
        digest = assembly.push(where, layout, progress)
        for index, host in enumerate(names):
            hosts.wait_up(where, host, index)
            progress.step("booting the virtual Sparks", index + 1, len(names), "hosts")
        keys.write(where.inventory, inventory.text(plan.nodes, where.ssh_key).encode(), 0o644)
        replace(plan, digest=digest, seconds=plan.seconds or time.monotonic() - started).save(where)
    return look.look(*_running())


def down(*, purge: bool = False, progress: Progress | None = None) -> None:
    """Remove the lab from this machine; `purge` empties its cache too. Does nothing where there is none.

    Works also after a crash, a reboot, or on half a lab. Raises StepFailed or LockedError.
    """
    progress = progress or Silent()
    machine.check_system()
    with _locked(Places()):
        found = record.load()
        where = found[0] if found else Places()
        others = {name: lab.cache for name, lab in record.running().items() if name != where.run.name}
        if purge and str(where.cache) in others.values():
            raise UsageError(f"emptying the lab's cache: {', '.join(others)} runs on it", hint="take it down first")
        progress.step("taking the lab down")
        teardown.take_down(where)
        if purge:
            progress.step("emptying the lab's cache")
            call(["rm", "-rf", "--one-file-system", where.cache], doing="emptying the lab's cache", timeout=600)
        progress.step("taking the lab down", 1, 1)


def status() -> LabStatus | None:
    """The running lab, or None."""
    found = record.load()
    return look.look(*found) if found else None


def inventory_path() -> Path | None:
    """The running lab's inventory, which `-i lab` means; None where no lab runs or it is not up yet."""
    found = record.load()
    return found[0].inventory if found and found[0].inventory.exists() else None


def inventory_text() -> str:
    """The running lab's inventory. Raises UsageError where no lab runs."""
    where, now = _running()
    return inventory.text(now.nodes, where.ssh_key)


def known_host_keys() -> dict[str, dict[str, str]]:
    """Host to its public keys by type, as the lab made them: what the network shows can be held against it."""
    where, now = _running()
    return {host: hosts.host_keys(where, host) for host in map(hosts.name, range(now.nodes))}


def join(name: str = places.NAME) -> None:
    """Move the calling thread, and all it starts later, into the controller's network namespace.

    Raises UsageError where no such lab runs.
    """
    if name != places.NAME:
        hint = f"{places.VARIABLE}={name} sparkctl …"
        raise UsageError(f"joining the lab {name}: this sparkctl is about the lab {places.NAME}", hint=hint)
    _running()
    namespaces.enter(places.CONTROLLER)


def power_on(host: str, *, wait: bool = True) -> None:
    """Switch a virtual Spark on, and wait for ssh and docker if `wait`. Raises StepFailed, UsageError."""
    where, index = _find(host)
    hosts.power_on(where, _golden(where), host)
    if wait:
        hosts.wait_up(where, host, index)


def power_off(host: str) -> None:
    """Shut a virtual Spark down in order. Raises StepFailed, UsageError."""
    hosts.power_off(_find(host)[0], host)


def kill(host: str) -> None:
    """Cut a virtual Spark's power: peers hear nothing more, unsaved data is gone. Raises StepFailed, UsageError."""
    hosts.kill(_find(host)[0], host)


def freeze(host: str) -> None:
    """Hang a virtual Spark: links stay up, nothing answers. Raises StepFailed, UsageError."""
    where, _ = _find(host)
    if not hosts.has_power(where, host):
        raise UsageError(f"freezing {host}: it is off", hint=f"sparkctl lab fault on {host}")
    hosts.freeze(where, host)


def thaw(host: str) -> None:
    """Let a hung virtual Spark go on. Raises UsageError."""
    hosts.thaw(_find(host)[0], host)


def cut(host: str, netdev: str | None = None) -> None:
    """Pull a netdev's cable (default: all of the fabric's); both its ends lose the carrier. Raises UsageError."""
    where, _ = _find(host)
    plugs = _plugs(host, netdev)
    network.change(where, lambda old: old.pulled(plugs))


def mend(host: str, netdev: str | None = None) -> None:
    """Put a netdev's cable back in (default: all of the host's). Raises UsageError."""
    where, _ = _find(host)
    plugs = _plugs(host, netdev) if netdev else [(host, dev) for dev in wiring.NETDEVS]
    network.change(where, lambda old: old.mended(plugs))


def exec_argv(host: str, argv: list[str]) -> list[str]:
    """The command line that runs `argv` as root on a host past its sshd. Raises StepFailed, UsageError."""
    return hosts.exec_argv(_find(host)[0], host, argv)


def shell(host: str) -> NoReturn:
    """Become a login shell of root on a virtual Spark; does not return. Raises StepFailed, UsageError."""
    argv = exec_argv(host, ["/bin/bash", "--login"])
    os.execvp(argv[0], argv)


def _plugs(host: str, netdev: str | None) -> list[wiring.Plug]:
    if netdev is not None and netdev not in wiring.NETDEVS:
        raise UsageError(f"the netdev {netdev} of {host}: there is none", hint=f"one of {', '.join(wiring.NETDEVS)}")
    return [(host, dev) for dev in ([netdev] if netdev else wiring.CABLED)]


@contextmanager
def _locked(where: Places) -> Iterator[None]:
    """One command at a time may make or remove a lab; the lock's file goes with the lab."""
    with _lock_file(where) as lock:
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
        if not where.record.exists():
            where.lock.unlink()


def _lock_file(where: Places) -> TextIO:
    while True:
        lock = os.fdopen(os.open(where.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock.fileno()).st_ino == where.lock.stat().st_ino:
                return lock
        except BlockingIOError as busy:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise LockedError(
                f"changing the lab: another sparkctl (process {holder}) is at it", hint="wait for it to end"
            ) from busy
        except FileNotFoundError:
            pass
        lock.close()  # its last holder removed the file while we opened it


def _running() -> tuple[Places, Record]:
    found = record.load()
    if found is None:
        raise UsageError(_NO_LAB, hint="sparkctl lab up")
    return found


def _find(host: str) -> tuple[Places, int]:
    """Where the lab is and the host's number. Raises UsageError where there is no such host."""
    where, now = _running()
    names = [hosts.name(index) for index in range(now.nodes)]
    if host not in names:
        raise UsageError(f"the lab has no host {host}", hint=f"one of {', '.join(names)}")
    return where, names.index(host)


def _golden(where: Places) -> Golden:
    _, now = _running()
    found = golden.find(where, now.golden)
    if found is None:
        raise StepFailed("the running lab's golden root is gone from the cache", hint="sparkctl lab down")
    return found
