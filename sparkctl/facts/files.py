"""Files and directories as they are on a host."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Literal

from sparkctl.facts.base import Fact, FactUnavailable, Output, require
from sparkctl.facts.paths import quoted

Kind = Literal["absent", "file", "directory", "link", "other"]

LIMIT = 262_144
"""Bytes of a file that are read; the files we manage are a few kB."""

_PLAIN: dict[str, Kind] = {"absent": "absent", "link": "link", "other": "other"}


@dataclass(frozen=True, slots=True)
class FileState:
    """`path` is absolute, with symbolic links followed where the fact follows them. `content` is None where the file
    is absent, confidential or longer than LIMIT."""

    path: str
    kind: Kind
    mode: int = 0
    owner: str = ""
    digest: str = ""
    content: bytes | None = None


_LOOK = r"""
printf '%s\n' "$p"
if [ -L "$p" ]; then echo link; exit 0; fi
if [ -f "$p" ]; then
  echo file; stat -c '%a %U:%G' -- "$p" || exit 1
  sha256sum < "$p" || exit 1
  if [ "$want" = content ] && [ "$(stat -c %s -- "$p")" -le LIMIT ]; then base64 < "$p" || exit 1; fi
elif [ -d "$p" ]; then echo directory; stat -c '%a %U:%G' -- "$p"
elif [ -e "$p" ]; then echo other
else echo absent
fi
""".replace("LIMIT", str(LIMIT))


def file_state(path: str, *, sudo: bool = False, confidential: bool = False, follow: bool = False) -> Fact[FileState]:
    """What stands at `path` (absolute or below `~/`); `follow` looks at what a symbolic link points to."""
    target = f"p={quoted(path)}\n" + ('p=$(readlink -m -- "$p")\n' if follow else "")
    want = "digest" if confidential else "content"
    return Fact(f"file {path}", f"{target}want={want}\n{_LOOK}", parse_file_state, sudo=sudo)


def parse_file_state(output: Output) -> FileState:
    """Raises FactUnavailable where the file exists and may not be read."""
    said = require(output).splitlines()
    if len(said) < 2:
        raise FactUnavailable("nothing was said about the file")
    path, kind, rest = said[0], said[1], said[2:]
    if plain := _PLAIN.get(kind):
        return FileState(path, plain)
    if kind not in ("file", "directory") or not rest:
        raise FactUnavailable(f"an answer of another kind: {kind[:40]}")
    mode, _, owner = rest[0].partition(" ")
    try:
        bits = int(mode, 8)
        if kind == "directory":
            return FileState(path, "directory", bits, owner)
        digest = rest[1].split()[0]
        content = base64.b64decode("".join(rest[2:]), validate=True)
    except (ValueError, IndexError, binascii.Error):
        raise FactUnavailable("the answer about the file was cut off") from None
    empty = digest == EMPTY_DIGEST
    return FileState(path, "file", bits, owner, digest, content if content or empty else None)


EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of nothing (FIPS 180-4)."""


@dataclass(frozen=True, slots=True)
class DirectoryState:
    """`files` are up to three names below that are not directories; `unread` says why it could not be looked into.

    `me` is the login user.
    """

    path: str
    kind: Kind
    mode: int = 0
    owner: str = ""
    me: str = ""
    files: tuple[str, ...] = ()
    unread: str = ""


_LOOK_INTO = r"""
printf '%s\n' "$p"; id -un
if [ -d "$p" ]; then
  echo directory; stat -c '%a %U' -- "$p" || exit 1
  find "$p" -xdev -mindepth 1 ! -type d -print 2>&1 | head -n 3
elif [ -e "$p" ] || [ -L "$p" ]; then echo other
else echo absent
fi
"""


def directory_state(path: str) -> Fact[DirectoryState]:
    """What stands at `path`, and whether it holds anything but directories."""
    return Fact(f"directory {path}", f"p={quoted(path)}\n{_LOOK_INTO}", parse_directory_state, timeout=15)


def parse_directory_state(output: Output) -> DirectoryState:
    said = require(output).splitlines()
    if len(said) < 3:
        raise FactUnavailable("nothing was said about the directory")
    path, me, kind, rest = said[0], said[1], said[2], said[3:]
    if plain := _PLAIN.get(kind):
        return DirectoryState(path, plain, me=me)
    mode, _, owner = rest[0].partition(" ") if rest else ("", "", "")
    if kind != "directory" or not mode.isdecimal():
        raise FactUnavailable("the answer about the directory was cut off")
    found = [line for line in rest[1:] if line]
    unread = [line for line in found if line.startswith("find: ")]
    files = tuple(line for line in found if not line.startswith("find: "))
    return DirectoryState(path, "directory", int(mode, 8), owner, me, files, unread[0] if unread else "")
