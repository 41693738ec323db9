"""Secrets as files of root on the hosts: never in an argv, an environment, a label or a plan.

Containers see the directory read-only at `INSIDE`, so that a secret may be added while they run.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sparkctl.ensure.base import Change, Diff
from sparkctl.ensure.container import remove
from sparkctl.facts.base import Fact, FactUnavailable, Output, require
from sparkctl.facts.container import Container, containers_of
from sparkctl.facts.files import EMPTY_DIGEST, FileState, file_state
from sparkctl.facts.joined import joined
from sparkctl.ssh.command import Action, Command, Put, sh

ROOT = "/var/lib/sparkctl"
"""On the hosts, for state that a program keeps (FHS 3.0, section 5.8): it outlives a reboot, as /run would not."""

INSIDE = "/run/sparkctl"

RAY_TOKEN, HF_TOKEN, API_KEY = "ray-token", "hf-token", "api-key"
NAMES = (RAY_TOKEN, HF_TOKEN, API_KEY)

MODE = 0o600
OWNER = "root:root"


def directory(cluster: str) -> str:
    """Where the secrets of `cluster` lie on each of its hosts."""
    return f"{ROOT}/{cluster}"


def path(cluster: str, name: str) -> str:
    return f"{directory(cluster)}/{name}"


@dataclass(frozen=True, slots=True)
class Secret:
    """The file, of which only a digest is known, and the containers of the cluster on that host."""

    file: FileState
    containers: tuple[Container, ...]


def secret_state(cluster: str, name: str) -> Fact[Secret]:
    """The state of a secret's file, by digest only."""
    parts: dict[str, Fact[Any]] = {
        "file": file_state(path(cluster, name), sudo=True, confidential=True),
        "containers": containers_of(cluster),
    }
    return joined(f"secret {name} of {cluster}", parts, lambda got: Secret(got["file"], got["containers"]))


def secret_content(cluster: str, name: str) -> Fact[bytes]:
    """The secret itself, to be brought to another host; its output is never shown."""

    def parse(output: Output) -> bytes:
        if not require(output):
            raise FactUnavailable(f"{path(cluster, name)} is empty", hint="sparkctl up")
        return output.stdout.encode()

    where = shlex.quote(path(cluster, name))
    return Fact(f"content of secret {name} of {cluster}", f"cat -- {where}", parse, sudo=True, secret=True)


def _known_to(seen: Secret, roles: Sequence[str]) -> list[Container]:
    return [found for found in seen.containers if found.role in roles]


def _differences(seen: Secret, name: str, before: str, roles: Sequence[str]) -> list[Change]:
    """Permissions are mended in place; a new content ends the containers that know the old one."""
    if before:
        ended = [Change(found.name, found.described, "absent") for found in _known_to(seen, roles)]
        return [Change(name, before, "there"), *ended]
    if seen.file.mode != MODE:
        return [Change(f"mode of {name}", f"{seen.file.mode:04o}", f"{MODE:04o}")]
    if seen.file.owner != OWNER:
        return [Change(f"owner of {name}", seen.file.owner, OWNER)]
    return []


@dataclass(frozen=True, slots=True)
class SecretMade:
    """A random secret exists on the host; it is made there, from /dev/urandom, and never replaced.

    `ends` are the roles of the containers that would be left with another one.
    """

    cluster: str
    name: str
    ends: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"secret.{self.name}"

    @property
    def fact(self) -> Fact[Secret]:
        return secret_state(self.cluster, self.name)

    def diff(self, seen: Secret) -> Diff:
        if seen.file.kind not in ("file", "absent"):
            return _in_the_way(seen.file)
        before = "absent" if seen.file.kind == "absent" else "empty" if seen.file.digest == EMPTY_DIGEST else ""
        return Diff(tuple(_differences(seen, self.name, before, self.ends)))

    def apply(self, seen: Secret, diff: Diff) -> Sequence[Action]:
        where = path(self.cluster, self.name)
        if seen.file.kind == "file" and seen.file.digest != EMPTY_DIGEST:
            return _permissions(where)
        script = (
            'umask 077; install -d -m 0755 -- "$2" "$3"; '
            'head -c 32 /dev/urandom | od -An -v -tx1 | tr -d \' \\n\' > "$1.new"; mv -- "$1.new" "$1"'
        )
        make = sh(script, where, ROOT, directory(self.cluster), sudo=True, mutates=True)
        return [*remove(_known_to(seen, self.ends)), make]


@dataclass(frozen=True, slots=True)
class SecretFile:
    """The host has exactly this secret. Compared by SHA-256, shown never."""

    cluster: str
    name: str
    content: bytes = field(repr=False)
    ends: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"secret.{self.name}"

    @property
    def fact(self) -> Fact[Secret]:
        return secret_state(self.cluster, self.name)

    def diff(self, seen: Secret) -> Diff:
        if seen.file.kind not in ("file", "absent"):
            return _in_the_way(seen.file)
        before = "absent" if seen.file.kind == "absent" else ""
        if seen.file.kind == "file" and seen.file.digest != hashlib.sha256(self.content).hexdigest():
            before = "another one"
        return Diff(tuple(_differences(seen, self.name, before, self.ends)))

    def apply(self, seen: Secret, diff: Diff) -> Sequence[Action]:
        where = path(self.cluster, self.name)
        if seen.file.digest == hashlib.sha256(self.content).hexdigest():
            return _permissions(where)
        put = Put(self.content, where, mode=MODE, owner=OWNER, sudo=True, confidential=True)
        return [*remove(_known_to(seen, self.ends)), put]


def _permissions(where: str) -> list[Action]:
    return [
        Command(("chown", "--", OWNER, where), sudo=True, mutates=True),
        Command(("chmod", "--", f"{MODE:04o}", where), sudo=True, mutates=True),
    ]


def _in_the_way(found: FileState) -> Diff:
    return Diff(refuse=f"{found.path} is a {found.kind}, not a file", hint=f"sudo ls -ld {shlex.quote(found.path)}")


@dataclass(frozen=True, slots=True)
class SecretsAbsent:
    """None of our secrets is left; anything else in their directory stays."""

    cluster: str
    keep: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in NAMES if name not in self.keep)

    @property
    def key(self) -> str:
        return "no-secrets"

    @property
    def fact(self) -> Fact[tuple[str, ...]]:
        where = " ".join(shlex.quote(path(self.cluster, name)) for name in self.names)
        snippet = f'for file in {where}; do if [ -e "$file" ]; then printf "%s\\n" "$file"; fi; done'
        # the files are 0600, but anyone may see in a 0755 directory that they are there
        return Fact(f"secrets of {self.cluster}: {' '.join(self.names)}", snippet, _files, sudo=True)

    def diff(self, seen: tuple[str, ...]) -> Diff:
        return Diff(tuple(Change(file, "there", "absent") for file in seen))

    def apply(self, seen: tuple[str, ...], diff: Diff) -> Sequence[Action]:
        where = directory(self.cluster)
        empty = Command(
            ("rmdir", "--ignore-fail-on-non-empty", "--", where), sudo=True, mutates=True, ok=frozenset({0, 1})
        )
        return [Command(("rm", "--force", "--", *seen), sudo=True, mutates=True), empty]


def _files(output: Output) -> tuple[str, ...]:
    return tuple(line for line in require(output).splitlines() if line)
