"""Debian packages that shall be installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkctl.ensure.base import Change, Diff, Explanation
from sparkctl.facts.base import Fact
from sparkctl.facts.packages import PackageState, package_state
from sparkctl.ssh.command import Action, Command

_ENVIRONMENT = ("env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1")
"""needrestart, part of Ubuntu since 22.04, would restart services such as docker behind our back."""

_LOCK = ("-o", "DPkg::Lock::Timeout=60")
"""Seconds to wait for unattended-upgrades (apt.conf(5))."""

_KEEP = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")

UPDATE = Command((*_ENVIRONMENT, "apt-get", *_LOCK, "update"), sudo=True, mutates=True, timeout=180)

CONFIGURE = Command((*_ENVIRONMENT, "dpkg", "--configure", "-a"), sudo=True, mutates=True, timeout=600)
"""dpkg's own way to finish an installation that was interrupted."""


@dataclass(frozen=True, slots=True)
class Package:
    """`names` shall be installed, in whatever version the host's own sources give. Never upgrades, never removes."""

    names: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"package.{'+'.join(self.names)}"

    @property
    def fact(self) -> Fact[PackageState]:
        return package_state(*self.names)

    def diff(self, seen: PackageState) -> Diff:
        changes = []
        for name in self.names:
            package = seen[name]
            if package.status != "installed":
                changes.append(Change(f"package {name}", package.status, package.candidate or "installed"))
        return Diff(tuple(changes))

    def apply(self, seen: PackageState, diff: Diff) -> Sequence[Action]:
        absent = [name for name in self.names if seen[name].status != "installed"]
        broken = any(seen[name].status.startswith(("half-", "unpacked", "triggers-")) for name in absent)
        unknown = any(not seen[name].candidate for name in absent)
        install = (*_ENVIRONMENT, "apt-get", *_LOCK, *_KEEP, "install", "-y", "--no-install-recommends", "--", *absent)
        return [
            *([CONFIGURE] if broken else []),
            *([UPDATE] if unknown else []),
            Command(install, sudo=True, mutates=True, timeout=900),
        ]

    def explain(self, said: str) -> Explanation | None:
        for sign, cause, hint in _CAUSES:
            if sign in said:
                return Explanation(cause, hint)
        return None


_CAUSES = (
    ("Unable to locate package", "apt's sources do not have this package", "sudo apt-get update"),
    ("has no installation candidate", "apt's sources do not have this package", "sudo apt-get update"),
    (
        "Could not get lock",
        "another apt has been running for more than a minute",
        "sudo lsof /var/lib/dpkg/lock-frontend",
    ),
    ("No space left on device", "the disk is full", "df -h /var"),
    ("dpkg was interrupted", "an earlier installation was interrupted", "sudo dpkg --configure -a"),
    ("404  Not Found", "apt's package lists are out of date", "sudo apt-get update"),
    ("Temporary failure resolving", "the host cannot resolve the names of its package sources", "resolvectl status"),
    ("Failed to fetch", "the host cannot reach its package sources", "sudo apt-get update"),
)
"""What apt-get prints (English: LC_ALL=C or the host's own) and what it means; the first match counts."""
