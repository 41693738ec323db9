"""NFS as it is on a host: what it exports, and what is mounted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sparkctl.facts.base import Fact, FactUnavailable, Output, require
from sparkctl.facts.files import DirectoryState, FileState, directory_state, file_state, parse_directory_state
from sparkctl.facts.joined import joined
from sparkctl.facts.paths import quoted
from sparkctl.facts.services import UnitState, unit_state

Exports = Mapping[tuple[str, str], frozenset[str]]
"""(path, client) -> options, as the kernel holds them now."""


@dataclass(frozen=True, slots=True)
class ExportState:
    """The managed exports file beside what is exported now."""

    file: FileState
    live: Exports


def parse_exports(output: Output) -> Exports:
    """`exportfs -v`: a path longer than 14 characters stands on a line of its own, its clients indented below."""
    if output.code == 127 or "exportfs: not found" in output.stdout + output.stderr:
        raise FactUnavailable("the NFS server is not installed")
    found: dict[tuple[str, str], frozenset[str]] = {}
    path = ""
    for line in require(output).splitlines():
        if not line.strip():
            continue
        rest = line.strip()
        if not line[0].isspace():
            path, _, rest = (part.strip() for part in line.partition("\t"))
        client, opened, options = rest.partition("(")
        if client and opened and path:
            found[(path, client.strip())] = frozenset(options.rstrip(")").split(","))
    return found


_EXPORTED = "command -v exportfs >/dev/null || exit 127; exportfs -v"


def export_state(file: str) -> Fact[ExportState]:
    """`file` is the managed one under /etc/exports.d."""
    return joined(
        f"export {file}",
        {
            "file": file_state(file, sudo=True),
            "live": Fact(
                "exports", "command -v exportfs >/dev/null || exit 127; exportfs -v", parse_exports, sudo=True
            ),
        },
        lambda parts: ExportState(parts["file"], parts["live"]),
    )


@dataclass(frozen=True, slots=True)
class Mounted:
    """A line of findmnt. `source` is `server:/path` for NFS."""

    source: str
    fstype: str
    options: tuple[str, ...]

    @property
    def nfs(self) -> bool:
        """fuse.nfs is NFS spoken by a program where the kernel has no client."""
        return self.fstype in ("nfs", "nfs4", "fuse.nfs")


def parse_findmnt(output: Output) -> Mounted | None:
    """None where nothing is mounted there. Of mounts on top of each other the last one is the one in sight."""
    if output.code == 1 and not output.stdout.strip():
        return None
    try:
        systems = json.loads(require(output))["filesystems"]
        top = systems[-1]
        return Mounted(str(top["source"]), str(top["fstype"]), tuple(str(top["options"]).split(",")))
    except (ValueError, KeyError, IndexError, TypeError):
        raise FactUnavailable("findmnt answered something else") from None


Alive = str
"""`ok`, `stale` (the server forgot the handle), `hung` (no answer in time) or `unread` (may not be looked at)."""


@dataclass(frozen=True, slots=True)
class MountState:
    """Everything that decides whether a mount may be made and whether it is well. `below` is what the mount point holds
    while nothing is mounted there; None while something is."""

    mounted: Mounted | None
    alive: Alive
    unit: UnitState
    file: FileState
    below: DirectoryState | None


_ALIVE = r"""
said=$(timeout -s KILL 5 stat -c %%i -- %s 2>&1); code=$?
case $code:$said in
  0:*) echo ok;; 124:*|137:*) echo hung;; *'Stale file handle'*|*'not connected'*) echo stale;; *) echo unread;;
esac
"""


def _parse_alive(output: Output) -> Alive:
    return require(output).strip()


def mount_state(where: str, unit: str) -> Fact[MountState]:
    """The mount at `where`, its systemd `unit` and the directory below it. A dead server costs 5 s, never a hang."""
    at = quoted(where)
    unmounted = f"if findmnt -n -M {at} >/dev/null; then echo mounted; else\n"
    below = directory_state(where)
    return joined(
        f"mount {where}",
        {
            "mounted": Fact("findmnt", f"findmnt -J -o SOURCE,FSTYPE,OPTIONS -M {at}", parse_findmnt),
            "alive": Fact("alive", _ALIVE % at, _parse_alive),
            "unit": unit_state(unit),
            "file": file_state(f"/etc/systemd/system/{unit}"),
            "below": Fact("below", f"{unmounted}{below.snippet}\nfi", _parse_below, timeout=below.timeout),
        },
        lambda parts: MountState(**parts),
    )


def _parse_below(output: Output) -> DirectoryState | None:
    if output.stdout.strip() == "mounted":
        return None
    return parse_directory_state(output)


def mounted_source(where: str) -> Fact[Mounted | None]:
    """What is mounted at `where` now."""
    return Fact(f"mounted {where}", f"findmnt -J -o SOURCE,FSTYPE,OPTIONS -M {quoted(where)}", parse_findmnt)


def listing(where: str) -> Fact[str]:
    """A digest of the names at the top of `where`: equal on a server and a client that see the same directory."""
    at = quoted(where)
    snippet = f"""
names=$(timeout -s KILL 5 ls -A1 -- {at} 2>&1) || {{ printf '%s\\n' "$names" | tail -n 1 >&2; exit 1; }}
printf '%s' "$names" | sha256sum
"""
    return Fact(f"listing {where}", snippet, _parse_listing)


def _parse_listing(output: Output) -> str:
    return require(output).split()[0]
