"""Which processes are the lab's: those in its cgroups. The kernel keeps the list, so no crash of ours loses one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from sparkctl.errors import StepFailed
from sparkctl.lab.outer import call
from sparkctl.lab.places import Places

_CONTROLLERS = ("cpu", "cpuset", "io", "memory", "pids")


def prepare(where: Places) -> None:
    """See the machine's cgroup2 tree below the lab's run directory and make the lab's own cgroup in it."""
    where.cgroups.mkdir(parents=True, exist_ok=True)
    if not (where.cgroups / "cgroup.procs").exists():
        call(["mount", "-t", "cgroup2", "cgroup2", where.cgroups], doing="mounting cgroup2 for the lab")
    where.cgroup.mkdir(exist_ok=True)
    for directory in (where.cgroups, where.cgroup):
        for controller in _CONTROLLERS:
            # a kernel that has them in cgroup v1, or not at all, still runs the lab: without limits
            try:
                (directory / "cgroup.subtree_control").write_text(f"+{controller}")
            except OSError:
                continue


def start(where: Places, name: str, argv: Sequence[str | Path], log: Path) -> None:
    """Start a program that outlives us, from its first instruction on in the cgroup `name` of the lab."""
    cgroup = where.cgroup / name
    cgroup.mkdir(exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    enter = ["sh", "-euc", 'echo $$ > "$0/cgroup.procs"; exec "$@"', str(cgroup)]
    with log.open("ab") as out:
        child = subprocess.Popen(
            [*enter, *(str(word) for word in argv)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            close_fds=True,
            cwd="/",
        )
    # also from here: who asks for the cgroup's processes right after us must find this one
    with contextlib.suppress(OSError):
        (cgroup / "cgroup.procs").write_text(str(child.pid))


def pids(cgroup: Path) -> list[int]:
    """Every process in a cgroup and below it; empty where there is no such cgroup."""
    found: list[int] = []
    for file in [cgroup / "cgroup.procs", *sorted(cgroup.rglob("cgroup.procs"))]:
        try:
            found += [int(line) for line in file.read_text().split()]
        except OSError:
            continue
    return sorted(set(found))


def kill(cgroup: Path, timeout: float = 20.0) -> None:
    """Kill everything in a cgroup at once and wait until it is gone. Raises StepFailed after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while pids(cgroup):
        _kill_once(cgroup)
        if time.monotonic() > deadline:
            raise StepFailed(
                f"stopping the lab: processes of {cgroup.name} do not end", evidence=" ".join(map(str, pids(cgroup)))
            )
        time.sleep(0.02)


def _kill_once(cgroup: Path) -> None:
    try:
        (cgroup / "cgroup.kill").write_text("1")
    except OSError:  # before Linux 5.14
        for pid in pids(cgroup):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def freeze(cgroup: Path, frozen: bool) -> None:
    """Stop or resume every process of a cgroup (cgroup v2 freezer, Linux 5.2)."""
    (cgroup / "cgroup.freeze").write_text("1" if frozen else "0")


def is_frozen(cgroup: Path) -> bool:
    """Whether `freeze` stopped it."""
    try:
        return (cgroup / "cgroup.freeze").read_text().strip() == "1"
    except OSError:
        return False


def remove(cgroup: Path) -> None:
    """Remove an empty cgroup with all below it."""
    for directory in sorted((d for d in cgroup.rglob("*") if d.is_dir()), reverse=True):
        directory.rmdir()
    if cgroup.is_dir():
        cgroup.rmdir()
