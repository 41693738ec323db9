"""Paths as a POSIX shell on the host must see them."""

from __future__ import annotations

import shlex


def quoted(path: str) -> str:
    """`path` for a snippet; a leading `~/` becomes the login user's home, which only the host knows.

    Raises ValueError for a path that is neither absolute nor below `~/`.
    """
    if path.startswith("~/"):
        return '"$HOME"/' + shlex.quote(path[2:])
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"not an absolute path: {path!r}")
    return shlex.quote(path)
