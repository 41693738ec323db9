"""What the lab needs of the outer machine, checked before anything is made: each lack is one sentence."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from sparkctl.errors import StepFailed, UsageError
from sparkctl.lab.disk import free_space
from sparkctl.lab.outer import call, succeeds, tail
from sparkctl.lab.progress import Progress

PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "dpkg-deb": "dpkg",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
    "tar": "tar",
    "zstd": "zstd",
    "strip": "binutils",
    "mkfs.ext4": "e2fsprogs",
}
"""Program to Debian package (Ubuntu's are called the same): golden root, hosts, network, and the image build."""
KEYRING = (Path("/usr/share/keyrings/debian-archive-keyring.gpg"), "debian-archive-keyring")
"""mmdebstrap checks Debian's signatures with it; Ubuntu does not have it by itself."""
CA_BUNDLE = (Path("/etc/ssl/certs/ca-certificates.crt"), "ca-certificates")
_ROOM = 12.0
"""GiB of disk that a first `lab up` takes at most (golden root 0.5, image build 4, registry 0.7, margin)."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """What this machine's kernel knows, as far as the lab cares."""

    filesystems: frozenset[str]
    has_network_namespaces: bool
    has_fuse: bool

    @property
    def nfs(self) -> bool:
        """Whether it can be NFS server and client."""
        return {"nfs", "nfsd"} <= self.filesystems


def kernel(filesystems: str | None = None) -> Kernel:
    """This kernel; modules that `/proc/filesystems` does not show yet are loaded where that is possible."""
    if filesystems is None:
        for module in ("overlay", "fuse", "nfs", "nfsd", "veth", "bridge"):
            succeeds(["modprobe", "-q", module])
        filesystems = Path("/proc/filesystems").read_text()
    names = frozenset(line.split()[-1] for line in filesystems.splitlines() if line.split())
    return Kernel(names, Path("/proc/self/ns/net").exists(), Path("/dev/fuse").exists())


def check_kernel(seen: Kernel) -> None:
    """Raises StepFailed naming the first thing that this kernel cannot do."""
    lacks = {
        "overlayfs": "overlay" in seen.filesystems,
        "cgroup2": "cgroup2" in seen.filesystems,
        "network namespaces": seen.has_network_namespaces,
        "FUSE (/dev/fuse)": seen.has_fuse or seen.nfs,
    }
    for name, there in lacks.items():
        if not there:
            raise StepFailed(
                f"checking this machine for the lab: its kernel has no {name}",
                hint="run the lab on a machine with a distribution's own kernel (a virtual machine will do)",
            )


def check_system() -> None:
    """Linux and root, on an architecture Debian knows. Raises UsageError or StepFailed."""
    if sys.platform != "linux":
        raise StepFailed(
            f"checking this machine for the lab: virtual Sparks need Linux, this is {platform.system()}",
            hint="run the lab on a Linux machine; sparkctl itself works from here against real Sparks",
        )
    if os.geteuid() != 0:
        raise StepFailed("checking this machine for the lab: virtual Sparks need root", hint="run it again with sudo")
    if platform.machine() not in ("x86_64", "aarch64"):
        raise StepFailed(
            f"checking this machine for the lab: it is neither x86_64 nor aarch64 but {platform.machine()}",
            hint="run the lab on a PC or on a Spark",
        )


def missing_packages() -> list[str]:
    """Debian packages whose programs or files are not here."""
    lacking = {package for program, package in PROGRAMS.items() if shutil.which(program) is None}
    lacking |= {package for file, package in (KEYRING, CA_BUNDLE) if not file.exists()}
    return sorted(lacking)


def install(packages: list[str], *, yes: bool, progress: Progress) -> None:
    """Install what is missing by apt, after saying so. Raises UsageError without `yes`, StepFailed where apt fails."""
    if not packages:
        return
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise StepFailed(
            f"preparing this machine for the lab: it lacks {names} and has no apt",
            hint="run the lab on Debian or Ubuntu, or install these programs yourself",
        )
    if not yes:
        raise UsageError(
            f"preparing this machine for the lab: it lacks {names}",
            hint=f"give --yes to have them installed, or: apt-get install -y --no-install-recommends {names}",
        )
    progress.step(f"installing {names} on this machine (apt)")
    environment = ["env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"]
    fetch = [*environment, "apt-get", "-o", "DPkg::Lock::Timeout=120", "--yes", "--no-install-recommends", "install"]
    if succeeds([*fetch, *packages], timeout=900):
        return
    # most often the lists are missing or old: a fresh container has none
    call([*environment, "apt-get", "update"], doing=f"preparing this machine for the lab: {names}", timeout=300)
    try:
        call([*fetch, *packages], doing="installing by apt", timeout=900)
    except StepFailed as failure:
        raise StepFailed(
            f"preparing this machine for the lab: apt could not install {names}",
            hint=f"see why: apt-get install {names}",
            evidence=tail(failure.evidence or failure.message, 6),
        ) from failure


def check_room(cache: Path) -> None:
    """Raises StepFailed where the disk under the cache is too full for a first run."""
    free = free_space(cache)
    if free < _ROOM and not (cache / "golden").exists():
        raise StepFailed(
            f"checking this machine for the lab: {free:.1f} GiB free for {cache}, a first run needs {_ROOM:.0f}",
            hint="free some space, or put the cache elsewhere with XDG_CACHE_HOME",
        )
