"""Where the lab keeps things, and what they are called.

A machine has one lab, called `default`, unless `SPARKCTL_LAB=NAME` asks for another beside it: so tests never touch the
lab that someone works with. Labs share the cache and nothing else.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from sparkctl.errors import UsageError

NETNS = Path("/run/netns")
"""Where ip-netns(8) keeps named network namespaces."""
DEFAULT = "default"
VARIABLE = "SPARKCTL_LAB"


def _named(wanted: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?", wanted):
        raise UsageError(
            f"{VARIABLE}={wanted!r} is no lab's name", hint="up to 16 lower-case letters, digits and dashes"
        )
    return wanted


NAME = _named(os.environ.get(VARIABLE) or DEFAULT)
STEM = "sparkctl-lab" + ("" if NAME == DEFAULT else f"-{NAME}")
PREFIX = STEM + "."
"""Every network namespace of the lab begins with it: `lab down` removes these and no others."""
CONTROLLER = PREFIX + "controller"
SWITCH = PREFIX + "switch"
"""Holds the management bridge, the patch panel with all cables, the registry and the apt source."""
CGROUP = STEM
"""The cgroup in which every process of the lab lives: whatever is in it is ours, and nothing else is."""

STANDINS = Path(__file__).parent / "standins"
BOOT_SCRIPT = Path(__file__).parent / "boot.sh"


def netns_of(host: str) -> str:
    """Name of the network namespace of a virtual Spark."""
    return PREFIX + host


def user_cache() -> Path:
    """The cache that survives labs: golden root, debs, image, registry content."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("sparkctl")) / "lab"


@dataclass(frozen=True, slots=True)
class Places:
    """The lab's directories.

    `run` is a tmpfs that `lab up` mounts and `lab down` unmounts. `cache` is kept until `lab down --purge`; below it,
    `disk` is what a running lab needs on a real disk (an NFS server cannot export tmpfs or overlayfs).
    """

    run: Path = Path("/run") / STEM
    cache: Path = field(default_factory=user_cache)

    @property
    def lock(self) -> Path:
        return self.run.with_name(self.run.name + ".lock")

    @property
    def record(self) -> Path:
        return self.run / "lab.json"

    @property
    def wiring(self) -> Path:
        return self.run / "wiring.json"

    @property
    def cgroups(self) -> Path:
        return self.run / "cgroup"

    @property
    def cgroup(self) -> Path:
        return self.cgroups / CGROUP

    @property
    def keys(self) -> Path:
        return self.run / "keys"

    @property
    def ssh_key(self) -> Path:
        return self.keys / "id_ed25519"

    @property
    def ca(self) -> Path:
        return self.keys / "ca.crt"

    @property
    def inventory(self) -> Path:
        return self.run / "inventory.yml"

    @property
    def services(self) -> Path:
        return self.run / "services"

    @property
    def disk(self) -> Path:
        return self.cache / STEM.replace("sparkctl-lab", "running")

    @property
    def registry(self) -> Path:
        return self.cache / "registry"

    def host(self, name: str) -> Path:
        """What one virtual Spark has in memory: overlay, docker data, console."""
        return self.run / "hosts" / name

    def home(self, name: str) -> Path:
        """`/home` of one virtual Spark, on a real disk."""
        return self.disk / name / "home"
