"""Where the inventory is and what it says: the only part of this package that touches files."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Final, Literal

from sparkctl.errors import ConfigError
from sparkctl.inventory.problems import did_you_mean

LAB: Final = "lab"
"""`-i lab` is the running lab; whoever asks has to find it."""

VARIABLE = "SPARKCTL_INVENTORY"
DEFAULT = "default"
FOLDER = "inventories"
ELSEWHERE = "name one: -i FILE; without a Spark: sparkctl lab up, then -i lab"
_ENDINGS = (".yml", ".yaml")
_MAX_BYTES = (1 << 20) + 1
"""One more than the loader takes, so that it can say so."""


def find(
    wanted: str | None,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    config: Path | None = None,
) -> Path | Literal["lab"]:
    """The inventory that `-i WANTED` means: a file, a NAME in `inventories/` or in the user's configuration directory.

    Without one: $SPARKCTL_INVENTORY, then the NAME `default`. Raises `ConfigError` where there is none.
    """
    here = Path.cwd() if cwd is None else cwd
    said = wanted or (os.environ if env is None else env).get(VARIABLE) or None
    name = said or DEFAULT
    if name == LAB:
        return LAB
    if "/" in name or name.endswith(_ENDINGS):
        path = here / Path(name).expanduser()
        if not path.exists():
            raise ConfigError(f"looking for the inventory {name}: there is no such file", hint=_near(name, path.parent))
        return path
    folders = (here / FOLDER, _config() if config is None else config)
    for folder in folders:
        for ending in _ENDINGS:
            if (folder / f"{name}{ending}").is_file():
                return folder / f"{name}{ending}"
    raise _missing(name, said is None, folders)


def read(path: Path) -> bytes:
    """The inventory's bytes. Raises `ConfigError` for what is no file, and for one that others may change."""
    try:
        # Non-blocking: a pipe of that name must not hold us.
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(f"reading the inventory {path}: {(error.strerror or str(error)).lower()}") from None
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode):
        os.close(number)
        raise ConfigError(f"reading the inventory {path}: it is not a file", hint="name a file: -i FILE")
    with os.fdopen(number, "rb") as file:
        private = _private_group(found.st_uid, found.st_gid)
        if fault := check_permissions(found.st_mode, found.st_uid, os.geteuid(), private_group=private):
            raise ConfigError(f"reading the inventory {path}: {fault[0]}", hint=f"{fault[1]} {quote(str(path))}")
        return file.read(_MAX_BYTES)


def check_permissions(mode: int, uid: int, me: int, *, private_group: bool = False) -> tuple[str, str] | None:
    """Why a file that says where root commands go may not be trusted, and the command that mends it. Pure.

    `private_group`: the file's group has no member but its owner, as on Ubuntu, where 0664 is the usual mode. Root, who
    may have been called by sudo, takes anybody's file.
    """
    if mode & stat.S_IWOTH:
        return "everybody may write to it", "chmod go-w"
    if mode & stat.S_IWGRP and not private_group:
        return "others of its group may write to it", "chmod g-w"
    if me != 0 and uid not in (0, me):
        return f"it belongs to another user (uid {uid})", 'sudo chown "$USER"'
    return None


def _private_group(uid: int, gid: int) -> bool:
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return owner.pw_gid == gid and group.gr_name == owner.pw_name and set(group.gr_mem) <= {owner.pw_name}


def _config() -> Path:
    import platformdirs

    return platformdirs.user_config_path("sparkctl")


def _missing(name: str, unasked: bool, folders: tuple[Path, ...]) -> ConfigError:
    known = sorted(
        {p.stem for folder in folders if folder.is_dir() for p in folder.iterdir() if p.suffix in _ENDINGS} | {LAB}
    )
    if unasked:
        hint = "cp inventories/two-sparks.yml inventories/default.yml" if "two-sparks" in known else ELSEWHERE
        return ConfigError(f"looking for an inventory: {FOLDER}/default.yml does not exist", hint=hint)
    near = did_you_mean(name, known)
    places = " nor ".join(str(folder) for folder in folders)
    return ConfigError(
        f"looking for the inventory {name!r}: it is neither in {places}",
        hint=f"-i {near}" if near else f"known: {', '.join(known)}",
    )


def _near(name: str, folder: Path) -> str:
    there = [p.name for p in folder.iterdir() if p.suffix in _ENDINGS] if folder.is_dir() else []
    near = did_you_mean(Path(name).name, there)
    if near:
        return f"-i {Path(name).parent / near}"
    return f"there are: {', '.join(sorted(there)[:8])}" if there else ELSEWHERE
