"""Every failure a user can meet: one sentence, its evidence, and the command that mends it.

The exit codes are the contract of the design, section 2; a new failure picks the class whose code it needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file that the user wrote (1-based line and column)."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


class SparkctlError(Exception):
    """Base of all expected failures.

    `message` reads `doing X: cause` in lower case without a full stop; `hint` is the one command (or the one thing to
    do) that mends it; `evidence` is the very output that shows the cause, already bounded and stripped of escapes.
    """

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "failed"

    def __init__(
        self,
        message: str,
        *,
        host: str | None = None,
        step: str | None = None,
        hint: str | None = None,
        evidence: str | None = None,
        location: Location | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.host = host
        self.step = step
        self.hint = hint
        self.evidence = evidence
        self.location = location


class StepFailed(SparkctlError):
    """A step ran and did not reach its goal."""


class UsageError(SparkctlError):
    """The command line asks for something that does not exist."""

    exit_code = 2
    code = "usage"


class ConfigError(SparkctlError):
    """A file of the user's (inventory, playbook, key file) cannot be used."""

    exit_code = 3
    code = "config"


class UnreachableError(SparkctlError):
    """A host does not answer, or does not let us in."""

    exit_code = 4
    code = "unreachable"


class HostKeyError(UnreachableError):
    """The host's key is not pinned, or is not the pinned one."""

    code = "host-key"


class AuthenticationError(UnreachableError):
    """The host refused our user or key."""

    code = "authentication"


class PartlyDoneError(SparkctlError):
    """Some hosts were done and others not."""

    exit_code = 5
    code = "partly-done"


class LockedError(SparkctlError):
    """Another controller holds the cluster's lock."""

    exit_code = 6
    code = "locked"
