"""Debian packages."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from sparkctl.facts.base import Fact, FactUnavailable, Output, require


@dataclass(frozen=True, slots=True)
class Package:
    """`status` is dpkg's third word (`installed`, `half-configured`, …), `candidate` what apt would install."""

    status: str = "not-installed"
    version: str = ""
    candidate: str = ""


@dataclass(frozen=True, slots=True)
class PackageState:
    packages: Mapping[str, Package] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Package:
        return self.packages.get(name, Package())


_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*\Z")
"""Debian policy 5.6.1."""

_ASK = r"""
command -v dpkg-query >/dev/null || { echo 'dpkg-query: not found'; exit 1; }
for name in "$@"; do
  found=$(dpkg-query -W -f='${Status}\t${Version}' -- "$name" 2>/dev/null)
  printf 'dpkg\t%s\t%s\n' "$name" "$found"
  case $found in 'install ok installed'*|'hold ok installed'*) ;; *)
    printf 'apt\t%s\t%s\n' "$name" "$(apt-cache policy -- "$name" 2>/dev/null | sed -n 's/^  Candidate: //p')";;
  esac
done
"""


def package_state(*names: str) -> Fact[PackageState]:
    """Which of `names` are installed, and for the others what apt would install."""
    for name in names:
        if not _NAME.match(name):
            raise ValueError(f"not a package name: {name!r}")
    return Fact(f"packages {' '.join(names)}", f"set -- {shlex.join(names)}\n{_ASK}", parse_package_state, timeout=20)


def parse_package_state(output: Output) -> PackageState:
    found: dict[str, Package] = {}
    for line in require(output).splitlines():
        kind, _, rest = line.partition("\t")
        name, _, said = rest.partition("\t")
        if kind == "dpkg":
            status, _, version = said.partition("\t")
            words = status.split()
            found[name] = Package(words[2] if len(words) == 3 else "not-installed", version)
        elif kind == "apt" and name in found:
            candidate = "" if said == "(none)" else said
            found[name] = Package(found[name].status, found[name].version, candidate)
    if not found:
        raise FactUnavailable("dpkg said nothing")
    return PackageState(found)
