"""Where this machine's pip gets packages from, told to uv, which does not read pip's configuration.

pip's own files and variables: https://pip.pypa.io/en/stable/topics/configuration/
"""

from __future__ import annotations

import configparser
import os
import re
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PAGE_LIMIT = 4 << 20
_PAGE_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class PipSources:
    """What pip was told: `index` replaces the default registry, the others are asked in addition."""

    index: str | None = None
    extra_indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    certificates: str | None = None

    def environment(self) -> dict[str, str]:
        """The same for uv, as variables: an index URL may carry a password, which does not belong into argv.

        pip takes the best version of all indexes; uv's `unsafe-best-match` does the same and no more.
        """
        found = {
            "UV_DEFAULT_INDEX": self.index or "",
            "UV_INDEX": " ".join(self.extra_indexes),
            "UV_INDEX_STRATEGY": "unsafe-best-match" if self.extra_indexes else "",
            "UV_FIND_LINKS": ",".join(self.find_links),
            "UV_NO_INDEX": "1" if self.no_index else "",
            "SSL_CERT_FILE": self.certificates or "",
        }
        return {name: value for name, value in found.items() if value}


def configuration_files(environ: Mapping[str, str], prefix: Path, home: Path) -> list[Path]:
    """The files that pip on Linux would read, weakest first."""
    only = environ.get("PIP_CONFIG_FILE")
    if only == os.devnull:
        return []
    shared = [Path(part) / "pip/pip.conf" for part in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if part]
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    own = [home / ".pip/pip.conf", user / "pip/pip.conf", prefix / "pip.conf"]
    return [*reversed(shared), Path("/etc/pip.conf"), *own, *([Path(only)] if only else [])]


def read(environ: Mapping[str, str], files: list[Path]) -> PipSources:
    """Merge pip's files and `PIP_*` variables as pip does for `pip install`: the later one wins, per key."""
    settings: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(file.read_text(encoding="utf-8", errors="replace"))
        except (OSError, configparser.Error):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                settings |= {key.replace("_", "-"): value for key, value in parser.items(section)}
    for name in ("index-url", "extra-index-url", "find-links", "no-index", "cert"):
        if value := environ.get("PIP_" + name.upper().replace("-", "_")):
            settings[name] = value
    return PipSources(
        index=settings.get("index-url") or None,
        extra_indexes=tuple(settings.get("extra-index-url", "").split()),
        find_links=tuple(settings.get("find-links", "").split()),
        no_index=settings.get("no-index", "").lower() in {"1", "true", "yes", "on"},
        certificates=settings.get("cert") or None,
    )


def of_this_machine() -> PipSources:
    """Read pip's configuration of this machine and user."""
    return read(os.environ, configuration_files(os.environ, Path(sys.prefix), Path.home()))


def holds_cpu_torch(find_links: tuple[str, ...], python_tag: str, machine: str) -> bool:
    """Whether a directory or page offers a `torch-*+cpu` wheel for `python_tag` (as cp311) and `machine`."""
    wheel = re.compile(rf"\btorch-[0-9][^/\s\"'<>]*\+cpu-{python_tag}-[^/\s\"'<>]*{re.escape(machine)}\.whl")
    return any(wheel.search(_listing(place)) for place in find_links)


def _listing(place: str) -> str:
    """The file names of a directory, or the text of a page; empty where it cannot be read."""
    parts = urlsplit(place)
    try:
        if parts.scheme in {"http", "https"}:
            with urllib.request.urlopen(place, timeout=_PAGE_TIMEOUT) as page:
                return unquote(page.read(_PAGE_LIMIT).decode(errors="replace"))
        path = Path(unquote(parts.path) if parts.scheme == "file" else place)
        return "\n".join(entry.name for entry in path.iterdir()) if path.is_dir() else path.name
    except (OSError, ValueError):
        return ""
