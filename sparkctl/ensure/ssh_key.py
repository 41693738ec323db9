"""Trust between the nodes: a key pair each, and the peers' public halves. No private key ever leaves its node."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparkctl.ensure.base import Change, Diff
from sparkctl.ensure.file import foreign
from sparkctl.facts.base import Fact
from sparkctl.facts.files import FileState, file_state
from sparkctl.facts.keys import KEY, KEY_PAIR, KeyPair
from sparkctl.ssh.command import Action, Put, sh

MAKE_KEY = r"""
umask 077
mkdir -p "$HOME/.ssh"
key="$HOME/.ssh/id_ed25519_sparkctl"
rm -f "$key.new" "$key.new.pub"
ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$key.new"
mv "$key.new.pub" "$key.pub"
mv "$key.new" "$key"
"""
"""The private half gets its name last: a key that is there is whole. An existing key is never written over."""


@dataclass(frozen=True, slots=True)
class NodeKey:
    """The node shall have an ed25519 pair of its own; `comment` (`sparkctl:CLUSTER:HOST`) tells people whose it is."""

    comment: str
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return "ssh-key"

    @property
    def fact(self) -> Fact[KeyPair]:
        return KEY_PAIR

    def diff(self, seen: KeyPair) -> Diff:
        if seen.public is not None:
            return Diff()
        if seen.unusable:
            return Diff(
                refuse=f"{KEY} is there and cannot be used: {seen.unusable}", hint=f"mv {KEY} {KEY}.old, then run again"
            )
        return Diff((Change(KEY, "absent", "a new ed25519 key of this node"),))

    def apply(self, seen: KeyPair, diff: Diff) -> Sequence[Action]:
        return [sh(MAKE_KEY, self.comment, mutates=True)]


@dataclass(frozen=True, slots=True)
class AuthorizedKeys:
    """Each of `peers` (host -> public key) shall be let in; one line each, marked by its comment.

    Lines without the comment of one of these peers are never touched.
    """

    cluster: str
    peers: Mapping[str, str]
    needs: tuple[str, ...] = ()
    path: str = "~/.ssh/authorized_keys"

    @property
    def key(self) -> str:
        return "authorized-keys"

    @property
    def fact(self) -> Fact[FileState]:
        return file_state(self.path, follow=True)

    def _comment(self, host: str) -> str:
        return f"sparkctl:{self.cluster}:{host}"

    def _wanted(self) -> dict[str, bytes]:
        return {self._comment(h): f"{key} {self._comment(h)}".encode() for h, key in sorted(self.peers.items())}

    def _ours(self, line: bytes) -> str | None:
        comment = line.split()[-1].decode("utf-8", "replace") if line.split() and not line.startswith(b"#") else ""
        return comment if comment in {self._comment(host) for host in self.peers} else None

    def diff(self, seen: FileState) -> Diff:
        if refused := foreign(seen):
            return refused
        if seen.kind == "file" and seen.content is None:
            return Diff(refuse=f"{seen.path} is too large to be ours to edit", hint=f"wc -c {shlex.quote(seen.path)}")
        wanted = self._wanted()
        found: dict[str, list[bytes]] = {}
        for line in (seen.content or b"").splitlines():
            if (comment := self._ours(line)) is not None:
                found.setdefault(comment, []).append(line.strip())
        changes = [
            Change(f"{self.path} {comment}", "another key" if comment in found else "absent", "the peer's key")
            for comment, line in wanted.items()
            if found.get(comment) != [line]
        ]
        if seen.kind == "file" and seen.mode & 0o022:
            changes.append(
                Change(f"{self.path} mode", f"{seen.mode:04o}", "0600")
            )  # sshd's StrictModes ignores it else
        return Diff(tuple(changes))

    def apply(self, seen: FileState, diff: Diff) -> Sequence[Action]:
        content = seen.content or b""
        kept = b"".join(line for line in content.splitlines(keepends=True) if self._ours(line) is None)
        if kept and not kept.endswith(b"\n"):
            kept += b"\n"
        ours = b"".join(line + b"\n" for line in self._wanted().values())
        return [Put(kept + ours, seen.path, mode=0o600)]
