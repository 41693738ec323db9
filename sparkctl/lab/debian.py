"""Making a Debian root with mmdebstrap, from wherever this machine gets its own Debian packages."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
"""Of the package debian-archive-keyring, which Ubuntu has too."""

_KEPT_OPTIONS = ("signed-by", "trusted")
_PROXY = re.compile(r'^(Acquire::https?::(?:Proxy|CaInfo)(?:::[^ ]+)?|Acquire::Languages) "(.+)";$')


@dataclass(frozen=True, slots=True)
class Source:
    """One archive of apt's configuration, for one suite."""

    uri: str
    suite: str
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()


def parse_one_line(text: str) -> Iterator[Source]:
    """The binary archives of a `sources.list` (sources.list(5), one-line style); broken lines are passed over."""
    for line in text.splitlines():
        match = re.fullmatch(r"deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+\S+)*)", line.partition("#")[0].strip())
        if match:
            options, uri, suite, components = match.groups()
            pairs = (option.partition("=") for option in (options or "").split())
            kept = tuple((name, value) for name, _, value in pairs if name in _KEPT_OPTIONS)
            yield Source(uri, suite, tuple(components.split()), kept)


def parse_deb822(text: str) -> Iterator[Source]:
    """The binary archives of a `*.sources` file (sources.list(5), deb822 style)."""
    for stanza in re.split(r"\n[ \t]*\n", "\n".join(line for line in text.splitlines() if not line.startswith("#"))):
        joined = re.sub(r"\n[ \t]+", " ", stanza)
        fields = {
            name.strip().lower(): value.strip()
            for name, colon, value in (line.partition(":") for line in joined.splitlines())
            if colon
        }
        if fields.get("enabled", "yes").lower() in {"no", "false", "0"} or "deb" not in fields.get("types", "").split():
            continue
        kept = tuple((name, fields[name]) for name in _KEPT_OPTIONS if name in fields)
        # a key written into the file itself cannot be repeated in a one-line source
        kept = tuple((name, value) for name, value in kept if " " not in value)
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri, suite, tuple(fields.get("components", "").split()), kept)


def own_sources(etc: Path = Path("/etc/apt")) -> list[Source]:
    """What this machine's apt is told, in the order apt reads it; unreadable files are passed over."""
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    found: list[Source] = []
    for file in files:
        parse = parse_deb822 if file.suffix == ".sources" else parse_one_line
        if file.suffix in {".list", ".sources"}:
            try:
                found += parse(file.read_text(encoding="utf-8", errors="replace"))
            except OSError:
                continue
    return found


def for_suite(suite: str, sources: Iterable[Source], codename: str) -> list[str]:
    """The sources.list lines for `suite` that follow a Debian machine's own (whose release is `codename`).

    Only the distribution's own archives count: those that name the release, its updates or its security suite and
    hold `main`. Empty where there is no such archive: then mmdebstrap's own default is the right one.
    """
    lines: dict[str, None] = {}
    pockets = {codename: "", f"{codename}-updates": "-updates", f"{codename}-security": "-security"}
    for source in sources:
        if source.suite in pockets and "main" in source.components and not source.uri.startswith("cdrom:"):
            options = " ".join(f"{name}={value}" for name, value in source.options)
            lines[f"deb {f'[{options}] ' if options else ''}{source.uri} {suite}{pockets[source.suite]} main"] = None
    has_release = any(line.split()[-2] == suite for line in lines)
    return list(lines) if has_release else []


def release(os_release: str) -> tuple[str, str]:
    """ID and VERSION_CODENAME of an os-release(5) file's text."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line and not line.startswith("#"))
    return fields.get("ID", "").strip("\"'"), fields.get("VERSION_CODENAME", "").strip("\"'")


def proxy_settings(dump: str) -> list[str]:
    """The lines of `apt-config dump` by which apt gets through to its archives."""
    return [line for line in dump.splitlines() if _PROXY.match(line) and "Languages" not in line]


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """One run of mmdebstrap. Archives come by stdin, since a URI may hold a password; empty stdin is its default."""

    argv: tuple[str, ...]
    stdin: bytes


def mmdebstrap_argv(
    suite: str, root: Path, include: Sequence[str], *, apt_conf: Path, mirror: bool, hooks: Sequence[str] = ()
) -> tuple[str, ...]:
    """The command line that makes `root`: minimal, without manuals and translations.

    `apt_conf` is a file of apt settings; `mirror` says that sources.list lines come by stdin; `hooks` are
    mmdebstrap's customize hooks, shell text in which `$1` is the root.
    """
    left_out = ("man", "doc", "locale", "info")
    return (
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--skip=check/qemu", f"--include={','.join(include)}"),
        *('--aptopt=Acquire::Languages "none"', f"--aptopt={apt_conf}", f"--keyring={KEYRING}"),
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in left_out),
        *(f"--customize-hook={hook}" for hook in hooks),
        *(suite, str(root)),
        *(("-",) if mirror else ()),
    )


def bootstrap(suite: str, root: Path, include: Sequence[str], apt_conf: Path, hooks: Sequence[str] = ()) -> Bootstrap:
    """mmdebstrap for this machine: its own mirrors and proxies where it is a Debian. Writes `apt_conf`."""
    try:
        name, codename = release(Path("/etc/os-release").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        name = codename = ""
    lines = for_suite(suite, own_sources(), codename) if name == "debian" else []
    try:
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        dump = ""
    apt_conf.parent.mkdir(parents=True, exist_ok=True)
    apt_conf.write_text("".join(line + "\n" for line in proxy_settings(dump)), encoding="utf-8")
    argv = mmdebstrap_argv(suite, root, include, apt_conf=apt_conf, mirror=bool(lines), hooks=hooks)
    return Bootstrap(argv, "".join(line + "\n" for line in lines).encode())


def cause(said: str) -> str | None:
    """Why mmdebstrap failed, in the words of the apt it ran: the first error is the reason, others follow from it."""
    errors = (line.removeprefix("E: ") for line in said.splitlines() if line.startswith("E: "))
    return next((" ".join(error.split()) for error in errors if not error.startswith("setup failed")), None)
