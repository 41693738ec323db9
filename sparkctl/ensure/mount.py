"""A directory of another host, mounted here by NFS."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sparkctl.ensure.base import Change, Diff, Explanation
from sparkctl.ensure.directory import MAKE
from sparkctl.ensure.file import file_changes, foreign
from sparkctl.ensure.service import systemctl
from sparkctl.facts.base import Fact, FactUnavailable, Output
from sparkctl.facts.nfs import MountState, mount_state
from sparkctl.ssh.command import Action, Command, Put, sh

OPTIONS = {
    "ro": "ro,soft,timeo=150,retrans=3",
    "rw": "rw,hard,timeo=150,retrans=3",
}
"""nfs(5). timeo is in tenths of a second. Reading from a dead server shall fail in about a minute (soft) and not hang;
a write that fails silently corrupts a model, so writing waits for the server (hard, still killable)."""

_UNIT = """\
# Written by sparkctl. To undo: sudo systemctl disable --now {unit} && sudo rm {file}
[Unit]
Description=Model cache of {server} for sparkctl
# a container that docker restarts at boot must not find the empty directory below
Before=docker.service

[Mount]
What={what}
Where={where}
Type=nfs
Options={options},_netdev,nofail
TimeoutSec=30

[Install]
WantedBy=remote-fs.target
"""


@dataclass(frozen=True, slots=True)
class Mount:
    """`address:export` shall be mounted at `where` now and after each boot, and shall answer.

    A mount point that holds files of its own is refused: they would vanish from sight. Directories alone are safe (an
    empty skeleton of a cache). `server` is the host's name, for people.
    """

    server: str
    address: str
    export: str
    where: str
    mode: Literal["ro", "rw"] = "rw"
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"mount.{self.where}"

    @property
    def unit(self) -> str:
        return f"{escape_path(self.where)}.mount"

    @property
    def file(self) -> str:
        return f"/etc/systemd/system/{self.unit}"

    @property
    def what(self) -> str:
        return f"{self.address}:{self.export}"

    @property
    def fact(self) -> Fact[MountState]:
        asked = mount_state(self.where, self.unit)

        def parse(output: Output) -> MountState:
            seen = asked.parse(output)
            if seen.mounted is not None and seen.mounted.nfs and seen.alive == "hung":
                why = f"{self.where} is mounted and {self.server} does not answer"
                raise FactUnavailable(why, hint="look whether the server is up: sparkctl status")
            return seen

        return Fact(asked.name, asked.snippet, parse, timeout=asked.timeout)

    def content(self) -> bytes:
        """The systemd unit; `%` is systemd's own escape and so is doubled."""
        what, where = (value.replace("%", "%%") for value in (self.what, self.where))
        said = {"unit": shlex.quote(self.unit), "file": shlex.quote(self.file), "server": self.server}
        return _UNIT.format(what=what, where=where, options=OPTIONS[self.mode], **said).encode()

    def diff(self, seen: MountState) -> Diff:
        if refused := foreign(seen.file) or self._in_the_way(seen):
            return refused
        changes = list(file_changes(self.file, seen.file, self.content(), 0o644, "root:root"))
        if seen.unit.need_reload and seen.unit.load != "not-found":
            changes.append(Change(self.unit, "changed on disk", "loaded"))
        if not seen.unit.enabled:
            changes.append(Change(f"{self.where} at boot", "not mounted", "mounted"))
        if seen.mounted is None:
            changes.append(Change(self.where, "not mounted", f"{self.what} ({self.mode})"))
        elif seen.alive == "stale":
            changes.append(Change(self.where, "stale: the server forgot it", f"{self.what} ({self.mode})"))
        elif self._wrong_mode(seen):
            changes.append(Change(self.where, "mounted otherwise", f"{self.what} ({self.mode})"))
        return Diff(tuple(changes))

    def _wrong_mode(self, seen: MountState) -> bool:
        # a FUSE client tells its own flags, not NFS's
        return seen.mounted is not None and seen.mounted.fstype != "fuse.nfs" and self.mode not in seen.mounted.options

    def _in_the_way(self, seen: MountState) -> Diff | None:
        at = shlex.quote(self.where)
        if seen.mounted is not None:
            if seen.mounted.nfs and seen.mounted.source == self.what:
                return None
            what = f"{seen.mounted.source} ({seen.mounted.fstype})"
            return Diff(refuse=f"{what} is mounted at {self.where}", hint=f"sudo umount {at}")
        below = seen.below
        if below is None or below.kind == "absent":
            return None
        if below.kind != "directory":
            return Diff(refuse=f"{self.where} is not a directory", hint=f"mv {at} {at}.local")
        if below.files or below.unread:
            found = below.files[0] if below.files else below.unread
            why = f"{self.where} holds files of this host, which the mount would hide (first: {found})"
            return Diff(refuse=why, hint=f"keep them elsewhere, then run again: mv {at} {at}.local")
        return None

    def apply(self, seen: MountState, diff: Diff) -> Sequence[Action]:
        put = Put(self.content(), self.file, 0o644, "root:root", sudo=True)
        same = not file_changes(self.file, seen.file, self.content(), 0o644, "root:root")
        absent = seen.below is not None and seen.below.kind == "absent"
        again = seen.mounted is not None and (seen.alive == "stale" or self._wrong_mode(seen))
        away = Command(("umount", "-l", "--", self.where), sudo=True, mutates=True)
        return [
            *([sh(MAKE, self.where, mutates=True)] if absent else []),
            *([] if same else [put]),
            systemctl("daemon-reload"),
            *([] if seen.unit.enabled and same else [systemctl("enable", self.unit)]),
            *([away] if again else []),
            *([systemctl("restart", self.unit, timeout=90)] if again or seen.mounted is None else []),
        ]

    def explain(self, said: str) -> Explanation | None:
        if "access denied by server" in said:
            return Explanation(
                f"{self.server} does not let this host mount {self.export}", f"on {self.server}: sudo exportfs -v"
            )
        if "No such device" in said or "unknown filesystem type" in said:
            return Explanation("this kernel has no NFS client", "sudo modprobe nfs")
        if "Connection timed out" in said or "Connection refused" in said or "No route to host" in said:
            return Explanation(f"the NFS server at {self.address} does not answer", "sparkctl status")
        return None


def escape_path(path: str) -> str:
    """systemd.unit(5), "String escaping for inclusion in unit names", as `systemd-escape --path` does it."""
    trimmed = "/".join(part for part in path.split("/") if part and part != ".")
    if not trimmed:
        return "-"
    return "".join(_escaped(byte, first=n == 0) for n, byte in enumerate(trimmed.encode()))


def _escaped(byte: int, *, first: bool) -> str:
    char = chr(byte)
    if char == "/":
        return "-"
    plain = (char.isascii() and char.isalnum()) or char in ":_" or (char == "." and not first)
    return char if plain else f"\\x{byte:02x}"
