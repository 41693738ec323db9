"""The secrets that an inventory names by file or variable, read when they are needed and from safe files only."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from sparkctl.errors import ConfigError

LONGEST = 4096
"""Bytes; tokens have a few dozen."""


def from_file(name: str, what: str) -> bytes:
    """The one word that the file holds. Raises `ConfigError` where others can read it, and for what is no secret."""
    path = Path(name).expanduser()
    doing = f"reading {what} from {path}"
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ConfigError(f"{doing}: it is not a file", hint=f"ls -l {path}")
            if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(f"{doing}: others can read it", hint=f"chmod 600 {path}")
            return _word(file.read(LONGEST + 1), doing)
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise ConfigError(f"{doing}: {cause}", hint=f"install -m 600 /dev/null {path}, and write it there") from None


def from_variable(name: str, what: str, env: Mapping[str, str] = os.environ) -> bytes:
    """The value of an environment variable. Raises `ConfigError` where it is not set."""
    doing = f"reading {what} from ${name}"
    if name not in env:
        raise ConfigError(f"{doing}: it is not set", hint=f"read -rs {name} && export {name}")
    return _word(env[name].encode(), doing)


def _word(content: bytes, doing: str) -> bytes:
    word = content.strip()
    if not word or len(content) > LONGEST or any(byte <= 32 or byte > 126 for byte in word):
        raise ConfigError(f"{doing}: that is not one word of printable characters", hint="write the secret alone")
    return word
