"""A fact: a read-only shell snippet and the pure parser of what it prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Output:
    """What a snippet printed on a host. `code` 124 means that its deadline passed."""

    code: int
    stdout: str
    stderr: str = ""


class FactUnavailable(Exception):
    """A parser's way to say that the fact cannot be known now, and why (`docker: permission denied`).

    While something that the asker needs is still pending this makes a plan item `unknown (known after X)`;
    otherwise the item fails with this reason.
    """

    def __init__(self, reason: str, *, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True, slots=True, eq=False)
class Fact(Generic[T]):
    """One question to a host.

    `name` identifies it: two facts of one name are the same question, asked once per batch. `snippet` is POSIX shell
    that changes nothing; whoever builds it quotes every value in it. `timeout` is in seconds. The output of a `secret`
    fact is never shown or journalled.
    """

    name: str
    snippet: str
    parse: Callable[[Output], T]
    sudo: bool = False
    timeout: float = 10.0
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands for the value of a fact that could not be known."""

    reason: str
    hint: str | None = None


def lines(output: Output) -> tuple[str, ...]:
    """The non-empty lines of stdout; raises FactUnavailable when the snippet failed."""
    require(output)
    return tuple(line for line in output.stdout.splitlines() if line.strip())


def require(output: Output) -> str:
    """stdout of a snippet that must have exited 0; raises FactUnavailable with its last words otherwise."""
    if output.code == 124:
        raise FactUnavailable("no answer within the deadline")
    if output.code != 0:
        said = (output.stderr.strip() or output.stdout.strip()).splitlines()
        raise FactUnavailable(said[-1] if said else f"exit code {output.code}")
    return output.stdout
