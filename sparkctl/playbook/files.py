"""Where playbooks are: beside the user, and those that came with sparkctl. The only part that touches files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from sparkctl.errors import ConfigError
from sparkctl.inventory.strict_yaml import MAX_BYTES

FOLDER = "playbooks"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ENDINGS = (".yml", ".yaml")


def search_path(cwd: Path | None = None) -> tuple[Path, ...]:
    """Folders in the order of their say: `playbooks/` here, those of the wheel, those of the checkout."""
    package = Path(__file__).resolve().parent
    here = Path.cwd() if cwd is None else cwd
    return tuple(dict.fromkeys((here / FOLDER, package / "shipped", package.parent.parent / FOLDER)))


def find(name: str, search: Sequence[Path] | None = None) -> Path | None:
    """The playbook of that name; None where there is none, or where it is no name (a hub id has a slash)."""
    if not _NAME.fullmatch(name):
        return None
    for folder in search_path() if search is None else search:
        for ending in _ENDINGS:
            if (folder / f"{name}{ending}").is_file():
                return folder / f"{name}{ending}"
    return None


def names(search: Sequence[Path] | None = None) -> tuple[str, ...]:
    """The playbooks there are, sorted."""
    return tuple(sorted(set(_names(search_path() if search is None else search))))


def read(path: Path) -> bytes:
    """A playbook's bytes, one more than the loader takes at most. Raises `ConfigError`."""
    try:
        if not path.is_file():
            raise ConfigError(f"reading the playbook {path}: there is no such file", hint="sparkctl playbook list")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"reading the playbook {path}: {(error.strerror or str(error)).lower()}") from None


def _names(search: Sequence[Path]) -> Iterator[str]:
    for folder in search:
        if folder.is_dir():
            yield from (p.stem for p in folder.iterdir() if p.suffix in _ENDINGS and _NAME.fullmatch(p.stem))
