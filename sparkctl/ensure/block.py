"""A block of ours in a file that others edit too: everything outside its markers stays byte for byte."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sparkctl.ensure.base import Change, Diff
from sparkctl.ensure.file import foreign, line_changes
from sparkctl.facts.base import Fact
from sparkctl.facts.files import LIMIT, FileState, file_state
from sparkctl.ssh.command import Action, Put


@dataclass(frozen=True, slots=True)
class ManagedBlock:
    """`lines` shall stand between `# sparkctl NAME begin` and `# sparkctl NAME end` in the file at `path`.

    A block that is not there yet is put at the `where` end of the file. The file's mode and owner are kept; a new file
    gets `mode`. A symbolic link is followed, as people keep their dot files elsewhere.
    """

    path: str
    name: str
    lines: tuple[str, ...]
    where: Literal["top", "end"] = "end"
    mode: int = 0o600
    sudo: bool = False
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"block.{self.path}"

    @property
    def fact(self) -> Fact[FileState]:
        return file_state(self.path, sudo=self.sudo, follow=True)

    def diff(self, seen: FileState) -> Diff:
        if refused := foreign(seen):
            return refused
        if seen.kind == "file" and seen.content is None:
            return Diff(
                refuse=f"{seen.path} is larger than {LIMIT // 1024} KiB", hint=f"wc -c {shlex.quote(seen.path)}"
            )
        try:
            _, inside, _ = self._split(seen.content or b"")
        except ValueError as error:
            return Diff(refuse=f"{seen.path}: {error}", hint=f"mend the markers by hand: nano {shlex.quote(seen.path)}")
        if inside == self._block():
            return Diff()
        if inside is None:
            return Diff((Change(self.path, "no block of ours", "; ".join(self.lines)),))
        return Diff(tuple(line_changes(self.path, inside, self._block())))

    def apply(self, seen: FileState, diff: Diff) -> Sequence[Action]:
        before, inside, after = self._split(seen.content or b"")
        block = self._block()
        if inside is not None:
            content = before + block + after
        elif self.where == "top":
            content = block + before
        else:
            content = before + (b"\n" if before and not before.endswith(b"\n") else b"") + block
        mode = seen.mode if seen.kind == "file" else self.mode
        owner = seen.owner if seen.kind == "file" and self.sudo else None
        return [Put(content, seen.path, mode, owner, self.sudo)]

    @property
    def _markers(self) -> tuple[bytes, bytes]:
        return f"# sparkctl {self.name} begin\n".encode(), f"# sparkctl {self.name} end\n".encode()

    def _block(self) -> bytes:
        begin, end = self._markers
        return begin + "".join(f"{line}\n" for line in self.lines).encode() + end

    def _split(self, content: bytes) -> tuple[bytes, bytes | None, bytes]:
        """What stands before, the block with its markers (None: not there), what stands after.

        Raises ValueError where the markers do not pair up.
        """
        begin, end = (marker.rstrip() for marker in self._markers)
        # an editor may have left the last line without its newline
        padded = content if content.endswith(b"\n") else content + b"\n"
        rows = padded.splitlines(keepends=True)
        bare = [row.rstrip(b"\r\n") for row in rows]
        if begin not in bare and end not in bare:
            return content, None, b""
        if (bare.count(begin), bare.count(end)) != (1, 1) or bare.index(end) < bare.index(begin):
            raise ValueError(f"the markers of the block {self.name!r} do not pair up")
        start = sum(map(len, rows[: bare.index(begin)]))
        stop = sum(map(len, rows[: bare.index(end) + 1]))
        return content[:start], padded[start:stop], content[stop:]
