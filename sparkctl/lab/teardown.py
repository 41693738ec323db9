"""Leaving nothing: processes, mounts, namespaces, cgroups, files. Also of half a lab or a crashed one."""

from __future__ import annotations

import time
from pathlib import Path

from sparkctl.errors import StepFailed
from sparkctl.lab import cgroups, network
from sparkctl.lab.outer import call, succeeds
from sparkctl.lab.places import Places


def take_down(where: Places) -> None:
    """Remove the lab from this machine, but not its cache. Raises StepFailed naming what does not go."""
    if (where.cgroups / "cgroup.procs").exists() or _anything_left(where):
        cgroups.prepare(where)
        cgroups.kill(where.cgroup)
        _remove_cgroup(where)
    network.remove()
    for mount in [*reversed(mounts_below(where.disk)), *reversed(mounts_below(where.run))]:
        _unmount(mount)
    for directory in (where.run, where.disk):
        if directory.exists():
            call(["rm", "-rf", "--one-file-system", directory], doing="removing the lab's files", timeout=300)


def _anything_left(where: Places) -> bool:
    return where.run.exists() or network.any_left()


def _remove_cgroup(where: Places) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            return cgroups.remove(where.cgroup)
        except OSError as busy:  # a killed process stays in its cgroup until it is reaped
            if time.monotonic() > deadline:
                raise StepFailed(f"removing the lab's cgroups: {busy}", hint="sparkctl lab down") from busy
            time.sleep(0.05)


def mounts_below(directory: Path, mountinfo: str | None = None) -> list[Path]:
    """Mount points at and below a directory, outermost first."""
    text = Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo
    points = (line.split()[4].encode().decode("unicode_escape") for line in text.splitlines() if line.strip())
    return sorted(Path(point) for point in points if Path(point).is_relative_to(directory))


def _unmount(point: Path) -> None:
    if not succeeds(["umount", point]) and not succeeds(["umount", "--lazy", point]):
        raise StepFailed(f"unmounting {point}: it does not go", hint=f"umount {point}, then: sparkctl lab down")
