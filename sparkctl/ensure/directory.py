"""A directory that shall be there for the login user."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from sparkctl.ensure.base import Change, Diff
from sparkctl.facts.base import Fact
from sparkctl.facts.files import DirectoryState, directory_state
from sparkctl.ssh.command import Action, Command, sh

READABLE = 0o005
"""Others may list and enter: a container's root becomes `nobody` on the server (root_squash)."""

MAKE = 'mkdir -p -- "$1" 2>/dev/null || sudo -n install -d -o "$(id -un)" -g "$(id -gn)" -m 0755 -- "$1"'
"""As ourselves where we may, so that no parent in our home becomes root's."""


@dataclass(frozen=True, slots=True)
class Directory:
    """`path` shall be a directory that everybody may read and, unless `owned` is false, the login user's."""

    path: str
    owned: bool = True
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"directory.{self.path}"

    @property
    def fact(self) -> Fact[DirectoryState]:
        return directory_state(self.path)

    def diff(self, seen: DirectoryState) -> Diff:
        if seen.kind == "absent":
            return Diff((Change(self.path, "absent", "a directory"),))
        if seen.kind != "directory":
            return Diff(refuse=f"{self.path} is not a directory", hint=f"mv {self.path} {self.path}.old")
        changes = []
        if self.owned and seen.owner != seen.me:
            if seen.files or seen.unread:
                # typically a container's root made it; whose the files below are is not for us to decide
                mend = f"sudo chown -R {seen.me}: {shlex.quote(self.path)}"
                return Diff(refuse=f"{self.path} belongs to {seen.owner} and is not empty", hint=mend)
            changes.append(Change(f"{self.path} owner", seen.owner, seen.me))
        if seen.mode & READABLE != READABLE:
            changes.append(Change(f"{self.path} mode", f"{seen.mode:04o}", f"{seen.mode | READABLE:04o}"))
        return Diff(tuple(changes))

    def apply(self, seen: DirectoryState, diff: Diff) -> Sequence[Action]:
        if seen.kind == "absent":
            return [sh(MAKE, seen.path, mutates=True)]
        own = Command(("chown", f"{seen.me}:", "--", seen.path), sudo=True, mutates=True)
        read = Command(("chmod", "o+rx", "--", seen.path), sudo=True, mutates=True)
        return [
            *([own] if self.owned and seen.owner != seen.me else []),
            *([read] if seen.mode & READABLE != READABLE else []),
        ]
