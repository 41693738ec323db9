"""Who we are on a host, and what system it runs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from sparkctl.facts.base import Fact, FactUnavailable, Output, require


@dataclass(frozen=True, slots=True)
class Login:
    """The account that our session runs as. `groups` are those of this very login."""

    user: str
    uid: int
    gid: int
    home: str
    groups: tuple[str, ...]


def parse_login(output: Output) -> Login:
    said = require(output).splitlines()
    if len(said) < 5 or not (said[1].isdecimal() and said[2].isdecimal()):
        raise FactUnavailable("the answer about the login was cut off")
    return Login(said[0], int(said[1]), int(said[2]), said[3], tuple(said[4].split()))


LOGIN: Fact[Login] = Fact("login", 'id -un; id -u; id -g; printf "%s\\n" "$HOME"; id -nG', parse_login)


@dataclass(frozen=True, slots=True)
class GroupState:
    """`exists` is false where the host has no such group. `members` come from the group database."""

    user: str
    uid: int
    in_login: bool
    exists: bool
    members: tuple[str, ...] = ()


def group_state(group: str) -> Fact[GroupState]:
    """Whether the login user is in `group`: in this session, and in the database that the next login will read."""
    name = shlex.quote(group)
    snippet = f"id -un; id -u; id -nG; getent group -- {name} || echo absent"

    def parse(output: Output) -> GroupState:
        said = require(output).splitlines()
        if len(said) < 4 or not said[1].isdecimal():
            raise FactUnavailable("the answer about the group was cut off")
        entry = said[3].split(":")
        members = tuple(m for m in entry[3].split(",") if m) if len(entry) == 4 else ()
        return GroupState(said[0], int(said[1]), group in said[2].split(), len(entry) == 4, members)

    return Fact(f"group {group}", snippet, parse)


@dataclass(frozen=True, slots=True)
class System:
    """`arch` as `uname -m` says it; `release` holds the keys of /etc/os-release; `dgx` those of /etc/dgx-release."""

    arch: str
    kernel: str
    hostname: str
    release: Mapping[str, str]
    dgx: Mapping[str, str]


_SYSTEM = r"""
uname -m; uname -r; uname -n
echo '== os'; cat /etc/os-release 2>/dev/null
echo '== dgx'; cat /etc/dgx-release 2>/dev/null
true
"""


def parse_system(output: Output) -> System:
    said = require(output).splitlines()
    if len(said) < 4 or "== os" not in said or "== dgx" not in said:
        raise FactUnavailable("the answer about the system was cut off")
    split = said.index("== dgx")
    return System(said[0], said[1], said[2], assignments(said[4:split]), assignments(said[split + 1 :]))


def assignments(said: list[str]) -> dict[str, str]:
    """`KEY="value"` lines; some makers leave the quotes out, and DGX files repeat keys: the last one counts."""
    found: dict[str, str] = {}
    for line in said:
        key, equals, value = line.strip().partition("=")
        if equals and key.replace("_", "").isalnum():
            found[key] = value.strip().strip("\"'")
    return found


SYSTEM: Fact[System] = Fact("system", _SYSTEM, parse_system)


def parse_session(output: Output) -> str | None:
    words = output.stdout.split()
    return words[2] if len(words) == 4 else None


SESSION: Fact[str | None] = Fact("session", 'printf "%s\\n" "$SSH_CONNECTION"', parse_session)
"""The address of this host that our ssh session came in on (sshd sets SSH_CONNECTION); None where there is no sshd."""
