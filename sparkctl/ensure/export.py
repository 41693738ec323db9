"""A directory that this host serves to the others by NFS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sparkctl.ensure.base import Change, Diff, Explanation
from sparkctl.ensure.file import file_changes, foreign
from sparkctl.facts.base import Fact
from sparkctl.facts.nfs import ExportState, export_state
from sparkctl.ssh.command import Action, Command, Put

Mode = Literal["ro", "rw"]

_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%=,~")


@dataclass(frozen=True, slots=True)
class Exported:
    """`path` for `clients` (addresses)."""

    path: str
    clients: tuple[str, ...]
    mode: Mode


@dataclass(frozen=True, slots=True)
class Exports:
    """All directories that this host serves for `cluster`, in a file of our own under /etc/exports.d.

    Only the named addresses may mount, and root of a client is nobody here (root_squash).
    """

    cluster: str
    exported: tuple[Exported, ...]
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return "export"

    @property
    def file(self) -> str:
        return f"/etc/exports.d/sparkctl-{self.cluster}.exports"

    @property
    def fact(self) -> Fact[ExportState]:
        return export_state(self.file)

    def content(self) -> bytes:
        """The file: exports(5), one line a directory."""
        text = "# Written by sparkctl. To undo: remove this file, then: sudo exportfs -ra\n"
        for each in self.exported:
            clients = " ".join(f"{client}({each.mode},sync,no_subtree_check,root_squash)" for client in each.clients)
            text += f"{escaped(each.path)} {clients}\n"
        return text.encode()

    def diff(self, seen: ExportState) -> Diff:
        if refused := foreign(seen.file):
            return refused
        changes = list(file_changes(self.file, seen.file, self.content(), 0o644, "root:root"))
        for each in self.exported:
            for client in each.clients:
                live = seen.live.get((each.path, client))
                if live is None:
                    changes.append(Change(f"export of {each.path} to {client}", "none", each.mode))
                elif each.mode not in live:
                    changes.append(Change(f"export of {each.path} to {client}", _mode(live), each.mode))
                elif "no_root_squash" in live:
                    changes.append(Change(f"export of {each.path} to {client}", "no_root_squash", "root_squash"))
        return Diff(tuple(changes))

    def apply(self, seen: ExportState, diff: Diff) -> Sequence[Action]:
        same = not file_changes(self.file, seen.file, self.content(), 0o644, "root:root")
        put = Put(self.content(), self.file, 0o644, "root:root", sudo=True)
        return [
            *([] if same else [put]),
            Command(("exportfs", "-ra"), sudo=True, mutates=True),
        ]

    def explain(self, said: str) -> Explanation | None:
        if "does not support NFS export" in said:
            return Explanation("the file system of the directory cannot be exported", "df -T " + self.exported[0].path)
        if "Failed to stat" in said:
            return Explanation("the directory is not there", f"ls -ld {self.exported[0].path}")
        return None


def _mode(options: frozenset[str]) -> str:
    return "rw" if "rw" in options else "ro"


def escaped(path: str) -> str:
    """`path` as exports(5) wants it: odd bytes as backslash and three octal digits."""
    return "".join(c if c in _SAFE else "".join(f"\\{byte:03o}" for byte in c.encode()) for c in path)
