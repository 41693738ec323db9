"""A file that is managed whole."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sparkctl.ensure.base import Change, Diff
from sparkctl.facts.base import Fact
from sparkctl.facts.files import FileState, file_state
from sparkctl.facts.joined import joined
from sparkctl.ssh.command import Action, Command, Put

SHOWN = 6
"""Changed lines of a file that a plan shows before it only counts the rest."""


@dataclass(frozen=True, slots=True)
class Reload:
    """What has to follow a change of a file before it counts.

    `owed` looks at the living system (None: nothing owed), so that a run that was cut between the file and its reload
    is still finished by the next one.
    """

    command: Command
    owed: Fact[str | None]


@dataclass(frozen=True, slots=True)
class FileAndReload:
    """The value of a file's fact where a reload belongs to it."""

    file: FileState
    owed: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """`path` (absolute or below `~/`) shall hold exactly `content`. `owner` None means the login user's own."""

    path: str
    content: bytes
    mode: int = 0o644
    owner: str | None = None
    sudo: bool = False
    confidential: bool = False
    needs: tuple[str, ...] = ()
    reload: Reload | None = field(default=None)

    @property
    def key(self) -> str:
        return f"file.{self.path}"

    @property
    def fact(self) -> Fact[FileAndReload]:
        file = file_state(self.path, sudo=self.sudo, confidential=self.confidential)
        parts: dict[str, Fact[Any]] = (
            {"file": file} if self.reload is None else {"file": file, "owed": self.reload.owed}
        )
        return joined(self.key, parts, lambda seen: FileAndReload(seen["file"], seen.get("owed")))

    def diff(self, seen: FileAndReload) -> Diff:
        if refused := foreign(seen.file):
            return refused
        changes = file_changes(self.path, seen.file, self.content, self.mode, self.owner, secret=self.confidential)
        if seen.owed is not None:
            changes = (*changes, Change(self.path, seen.owed, "loaded"))
        return Diff(changes)

    def apply(self, seen: FileAndReload, diff: Diff) -> Sequence[Action]:
        put = Put(self.content, seen.file.path, self.mode, self.owner, self.sudo, self.confidential)
        same = not file_changes(self.path, seen.file, self.content, self.mode, self.owner)
        return [*([] if same else [put]), *([self.reload.command] if self.reload else [])]


def foreign(file: FileState) -> Diff | None:
    """The refusal where something stands in a file's place that we did not put there."""
    if file.kind in ("absent", "file"):
        return None
    what = {"link": "a symbolic link", "directory": "a directory"}.get(file.kind, "no ordinary file")
    return Diff(
        refuse=f"{file.path} is {what}", hint=f"move it away, then run again: sudo mv {file.path} {file.path}.old"
    )


def file_changes(
    path: str, seen: FileState, content: bytes, mode: int, owner: str | None, *, secret: bool = False
) -> tuple[Change, ...]:
    """What would change about a file, one line each; of a `secret` one only that it does."""
    digest = hashlib.sha256(content).hexdigest()
    if seen.kind == "absent":
        return (Change(path, "absent", f"sha256 {digest[:12]}" if secret else f"{len(content)} bytes"),)
    changes: list[Change] = []
    if seen.digest != digest:
        changes += (
            [Change(path, f"sha256 {seen.digest[:12]}", f"sha256 {digest[:12]}")]
            if secret or seen.content is None
            else line_changes(path, seen.content, content)
        )
    if seen.mode != mode:
        changes.append(Change(f"{path} mode", f"{seen.mode:04o}", f"{mode:04o}"))
    if owner is not None and seen.owner != owner:
        changes.append(Change(f"{path} owner", seen.owner, owner))
    return tuple(changes)


def line_changes(path: str, before: bytes, after: bytes) -> list[Change]:
    """The changed lines of a small text, each with the line that takes its place."""
    old, new = (text.decode("utf-8", "backslashreplace").splitlines() for text in (before, after))
    changes: list[Change] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for n in range(max(j - i, m - k)):
            was = old[i + n] if i + n < j else "(no line)"
            will = new[k + n] if k + n < m else "(no line)"
            changes.append(Change(path, was.strip() or "(empty line)", will.strip() or "(empty line)"))
    if not changes:
        return [Change(path, f"{len(before)} bytes", f"{len(after)} bytes")]
    if len(changes) > SHOWN:
        left = f"{len(changes) - SHOWN} more lines"
        return [*changes[:SHOWN], Change(path, left, left)]
    return changes
