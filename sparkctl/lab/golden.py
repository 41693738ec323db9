"""The golden root: the Debian system that every virtual Spark starts from, made once and kept in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import platform
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sparkctl.errors import StepFailed
from sparkctl.lab import debian, places, record, spark_root
from sparkctl.lab.outer import call, tail
from sparkctl.lab.places import Places
from sparkctl.lab.progress import Progress

SUITE = "trixie"
"""Debian 13: systemd 257, docker 26.1.5."""
PACKAGES = (
    *("systemd", "systemd-sysv", "systemd-resolved", "dbus", "libpam-systemd", "udev", "kmod", "procps", "netbase"),
    *("openssh-server", "openssh-client", "sudo", "docker.io", "docker-cli", "docker-registry", "iptables", "nftables"),
    *("netplan.io", "iproute2", "iputils-ping", "ethtool", "pciutils", "libcap2-bin", "python3", "curl"),
    *("ca-certificates", "apt", "tar", "gzip", "zstd", "rsync", "fuse3", "rpcbind"),
)
"""What a factory-fresh Spark has. Not here: what `bootstrap` has to install (the NFS packages)."""
_ROUGHLY = 191
"""How many packages that makes, for the progress bar only."""
_TIMEOUT = 1800.0

SERVED = {
    "kernel": ("nfs-kernel-server", "nfs-common"),
    "ganesha": ("nfs-ganesha", "nfs-ganesha-vfs", "libnfs14", "fuse3"),
    "compiler": ("tcc", "libc6-dev", "libnfs-dev", "libfuse3-dev"),
}
"""Packages kept aside with all they need beyond the golden root: the apt source is made of them."""


@dataclass(frozen=True, slots=True)
class Golden:
    """A finished golden root and the .deb files fetched with it, one directory for each key of `SERVED`."""

    root: Path
    debs: Path
    digest: str

    def program(self, name: str) -> list[str]:
        """The argv prefix that runs a program of the golden root on the outer machine, with its own libraries."""
        triplet = f"{platform.machine()}-linux-gnu"
        loaders = [*self.root.glob("lib64/ld-linux-*.so.*"), *self.root.glob("lib/ld-linux-*.so.*")]
        return [
            str(loaders[0]),
            "--library-path",
            str(self.root / "usr/lib" / triplet),
            str(self.root / "usr/bin" / name),
        ]


def digest() -> str:
    """Changes with everything that the golden root is made of: lists above, stand-ins, finishing."""
    content = hashlib.sha256(repr((SUITE, PACKAGES, SERVED, platform.machine())).encode())
    for file in _recipe_files():
        content.update(file.name.encode() + b"\0" + file.read_bytes())
    return content.hexdigest()[:16]


def _recipe_files() -> Iterator[Path]:
    yield from sorted(file for file in places.STANDINS.iterdir() if file.is_file())
    yield Path(spark_root.__file__)


def find(where: Places, wanted: str | None = None) -> Golden | None:
    """The golden root of today's recipe (or of the digest `wanted`), where the cache has it."""
    home = where.cache / "golden" / (wanted or digest())
    return Golden(home / "root", home / "debs", home.name) if (home / "root").is_dir() else None


def ensure(where: Places, progress: Progress, stop: threading.Event | None = None) -> Golden:
    """The golden root from the cache, or made now; an interrupted making leaves nothing that counts.

    `stop`, set by another thread, gives up. Raises StepFailed with what mmdebstrap said.
    """
    shelf = where.cache / "golden"
    shelf.mkdir(parents=True, exist_ok=True)
    with (shelf.parent / "golden.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return find(where) or _make(where, shelf, progress, stop or threading.Event())


def _make(where: Places, shelf: Path, progress: Progress, stop: threading.Event) -> Golden:
    used = {lab.golden for lab in record.running().values()}
    for old in shelf.iterdir():  # half-made ones and those of an older recipe
        if old.name not in used:
            call(["rm", "-rf", "--one-file-system", old], doing="clearing the lab's cache", timeout=300)
    part = shelf / ".part"
    root, debs = part / "root", part / "debs"
    debs.mkdir(parents=True)
    _make_root(root, debs, progress, stop)
    spark_root.finish(root)
    part.rename(shelf / digest())
    made = find(where)
    if made is None:
        raise StepFailed("making the golden root: its files changed meanwhile", hint="run it again")
    return made


def _make_root(root: Path, debs: Path, progress: Progress, stop: threading.Event) -> None:
    run = debian.bootstrap(SUITE, root, PACKAGES, debs.parent / "apt.conf", [_fetching_hook(debs)])
    with tempfile.TemporaryFile() as said:
        try:
            child = subprocess.Popen(run.argv, stdin=subprocess.PIPE, stdout=said, stderr=said, start_new_session=True)
        except FileNotFoundError as missing:
            raise StepFailed("making the golden root: mmdebstrap is not installed") from missing
        try:
            assert child.stdin is not None
            child.stdin.write(run.stdin)
            child.stdin.close()
            _watch(child, root, progress, stop)
        except BaseException:
            _end(child)
            raise
        said.seek(0)
        if child.returncode:
            raise StepFailed(
                f"making the golden root: mmdebstrap ended with {child.returncode}",
                evidence=tail(said.read().decode(errors="replace")),
                hint="see that `apt-get update` works here and run it again",
            )


def _watch(child: subprocess.Popen[bytes], root: Path, progress: Progress, stop: threading.Event) -> None:
    """Count packages as they arrive and as they are unpacked, until mmdebstrap ends."""
    title, deadline, best = "Debian for the virtual Sparks", time.monotonic() + _TIMEOUT, 0.0
    while child.poll() is None:
        arrived = sum(1 for _ in (root / "var/cache/apt/archives").glob("*.deb"))
        status = root / "var/lib/dpkg/status"
        installed = status.read_bytes().count(b"install ok installed") if status.exists() else 0
        # a package counts a quarter when it is fetched: the rest of the time goes into installing it
        done = min(arrived / 4 + installed * 3 / 4 if arrived else installed, _ROUGHLY - 1)
        progress.step(title, max(done, best), _ROUGHLY, "packages")
        best = max(done, best)
        if time.monotonic() > deadline:
            raise StepFailed(f"making the golden root: no end after {_TIMEOUT:.0f} s", hint="run it again")
        if stop.wait(0.3):
            raise StepFailed("making the golden root: given up", hint="run it again")
    if child.returncode == 0:
        progress.step(title, _ROUGHLY, _ROUGHLY, "packages")


def _end(child: subprocess.Popen[bytes]) -> None:
    import os
    import signal

    try:
        os.killpg(child.pid, signal.SIGTERM)  # mmdebstrap unmounts what it mounted
        child.wait(10)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        child.kill()


def _fetching_hook(debs: Path) -> str:
    """A customize hook that fetches `SERVED`. apt runs outside: the new root's resolv.conf points at nothing yet."""
    lines = ["set -eu"]
    for name, packages in SERVED.items():
        target = debs / name
        target.mkdir()
        lines += [
            'rm -f "$1"/var/cache/apt/archives/*.deb',
            'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --yes --no-install-recommends --download-only '
            f"install {' '.join(packages)}",
            f"find \"$1\"/var/cache/apt/archives -name '*.deb' -exec mv -t {shlex.quote(str(target))} {{}} +",
        ]
    return "\n".join(lines)
