"""Where the lab keeps things, and what they are called. Only one lab can run on a machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

NETNS = Path("/run/netns")
"""Where ip-netns(8) keeps named network namespaces."""
PREFIX = "sparkctl-lab."
"""Every network namespace of the lab begins with it: `lab down` removes these and no others."""
CONTROLLER = PREFIX + "controller"
SWITCH = PREFIX + "switch"
"""Holds the management bridge, the patch panel with all cables, the registry and the apt source."""
CGROUP = "sparkctl-lab"
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

    run: Path = Path("/run/sparkctl-lab")
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
        return self.cache / "running"

    @property
    def registry(self) -> Path:
        return self.cache / "registry"

    def host(self, name: str) -> Path:
        """What one virtual Spark has in memory: overlay, docker data, console."""
        return self.run / "hosts" / name

    def home(self, name: str) -> Path:
        """`/home` of one virtual Spark, on a real disk."""
        return self.disk / name / "home"
