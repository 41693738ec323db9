"""Where the hosts' big and exported directories lie: dockerd and NFS servers are choosy about file systems."""

from __future__ import annotations

import shutil
from pathlib import Path

from sparkctl.lab.outer import call
from sparkctl.lab.places import Places

DOCKER = ("docker", "containerd")
"""Bound to /var/lib/docker and /var/lib/containerd: overlay2 does not work on a host's own overlay root."""
_ENOUGH_MEMORY = 14.0
"""GiB available from which docker's data may lie in memory: two hosts take 5 while they pull (measured)."""
_NOT_EXPORTABLE = ("overlayfs", "tmpfs", "ramfs", "aufs", "nfs", "UNKNOWN")
"""As stat(1) names them. nfs-ganesha finds no export on tmpfs, and no kernel exports overlayfs."""
_IMAGE_SIZE = 32
"""GiB, sparse."""


def prepare(where: Places) -> None:
    """Make `where.disk` a directory that can be exported: an ext4 image mounted there, if its own disk cannot be."""
    where.disk.mkdir(parents=True, exist_ok=True)
    if where.disk.is_mount() or file_system(where.disk) not in _NOT_EXPORTABLE:
        return
    image = where.run / "disk.ext4"
    doing = f"making an exportable disk ({where.cache} is on {file_system(where.disk)})"
    call(["truncate", f"--size={_IMAGE_SIZE}G", image], doing=doing)
    call(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1", image], doing=doing, timeout=120)
    call(["mount", "-o", "loop,nosuid", image, where.disk], doing=doing)


def furnish(where: Places, host: str) -> None:
    """Make a host's docker directories: in memory where there is enough of it, which is faster, else on the disk."""
    for part in DOCKER:
        at = where.host(host) / part
        if at.is_dir() or at.is_symlink():
            continue
        if available_memory() >= _ENOUGH_MEMORY:
            at.mkdir(parents=True)
        else:
            (where.disk / host / part).mkdir(parents=True, exist_ok=True)
            at.symlink_to(where.disk / host / part)


def available_memory(meminfo: str | None = None) -> float:
    """GiB that programs could still take, by /proc/meminfo."""
    text = Path("/proc/meminfo").read_text() if meminfo is None else meminfo
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(fields["MemAvailable"].split()[0]) / 2**20


def file_system(path: Path) -> str:
    """The type of the file system that holds a path, as stat(1) names it."""
    return call(["stat", "--file-system", "--format=%T", path], doing=f"looking at {path}").strip()


def free_space(path: Path) -> float:
    """GiB free on the disk that holds, or will hold, a path."""
    there = next(directory for directory in (path, *path.parents) if directory.exists())
    return shutil.disk_usage(there).free / 2**30
