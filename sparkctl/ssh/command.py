"""What may be asked of a host: pure values, quoted in one place, printable without their secrets."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Protocol

MASK = "•••"
"""Stands for a secret wherever a command is shown."""


@dataclass(frozen=True, slots=True)
class Command:
    """One program run on a host. `argv` never meets a shell unquoted.

    `timeout` (seconds) is enforced on the host by `timeout -k` and, a little later, by the controller.
    `secret` lists strings that `str()` and every log replace; a secret belongs into `stdin`, never into `argv`.
    """

    argv: tuple[str, ...]
    sudo: bool = False
    stdin: bytes | None = None
    timeout: float = 60.0
    mutates: bool = False
    ok: frozenset[int] = frozenset({0})
    secret: tuple[str, ...] = ()

    def shell(self) -> str:
        """The command as one line for a POSIX shell, `sudo -n` included, without the deadline wrapper."""
        return shlex.join((("sudo", "-n", "--") if self.sudo else ()) + self.argv)

    def __str__(self) -> str:
        """Paste-able and masked."""
        return mask(self.shell(), self.secret)


@dataclass(frozen=True, slots=True)
class Put:
    """A file to be written atomically on a host: temporary file in the same directory, fsync, rename.

    `owner` is `user:group`; None keeps the login user's. `sudo` writes as root. Missing parent directories are made
    with mode 0755 and the same owner. `confidential` content is never printed nor journalled.
    """

    content: bytes
    path: str
    mode: int = 0o644
    owner: str | None = None
    sudo: bool = False
    confidential: bool = False
    timeout: float = 60.0

    def __str__(self) -> str:
        who = f", owner {self.owner}" if self.owner else ""
        return f"write {shlex.quote(self.path)} ({len(self.content)} bytes, mode {self.mode:04o}{who})"


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Log in anew: group memberships are fixed when sshd authenticates, so a new group is seen only by a new login."""

    reason: str

    def __str__(self) -> str:
        return f"log in again ({self.reason})"


Action = Command | Put | Reconnect


@dataclass(frozen=True, slots=True)
class Result:
    """What came back. `code` is None when the outcome is unknown: the connection died while the command ran."""

    host: str
    what: Action
    code: int | None
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    timed_out: bool = False
    truncated: bool = False

    @property
    def ok(self) -> bool:
        return self.code is not None and self.code in (self.what.ok if isinstance(self.what, Command) else {0})


class LineSink(Protocol):
    """Receives each complete line of output as it arrives, escapes stripped, without its newline."""

    def __call__(self, line: str) -> None: ...


class Transport(Protocol):
    """One host's door. Implementations are safe for one thread at a time; a thread owns a host within a phase.

    Methods raise `UnreachableError` (or a subclass) when the host cannot be reached or entered, and return a
    `Result` with `code=None` when the connection died after the command was sent.
    """

    @property
    def host(self) -> str: ...

    def run(self, command: Command, on_line: LineSink | None = None) -> Result: ...

    def run_script(self, script: str, *, timeout: float) -> Result:
        """Run a POSIX shell script sent over stdin, whole or not at all; nothing in it may ask for input."""
        ...

    def put(self, put: Put) -> Result: ...

    def reconnect(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach a host's sshd. `host` is its name in the inventory and in every message."""

    host: str
    address: str
    port: int = 22
    user: str | None = None
    identity_file: str | None = None
    jump: str | None = None
    options: tuple[tuple[str, str], ...] = field(default=())


def sh(
    script: str,
    *args: str,
    sudo: bool = False,
    stdin: bytes | None = None,
    timeout: float = 60.0,
    mutates: bool = False,
    ok: frozenset[int] = frozenset({0}),
    secret: tuple[str, ...] = (),
) -> Command:
    """The one place where a pipeline may exist: `script` is our own constant text, values reach it as $1, $2, …"""
    return Command(("sh", "-euc", script, "sh", *args), sudo, stdin, timeout, mutates, ok, secret)


def mask(text: str, secrets: tuple[str, ...]) -> str:
    """`text` with every secret, as given and as a shell would quote it, replaced by `MASK`."""
    for secret in sorted((s for s in secrets if s), key=len, reverse=True):
        text = text.replace(shlex.quote(secret), MASK).replace(secret, MASK)
    return text
