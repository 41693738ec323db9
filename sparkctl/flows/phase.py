"""Phases: which states on which hosts, in which order, and what must be proven before the next phase begins. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sparkctl.ensure.base import Step
from sparkctl.facts.base import Fact

Seen = Mapping[str, Mapping[str, Any]]
"""host -> name of a fact -> its value, or `Missing`."""


@dataclass(frozen=True, slots=True)
class Proven:
    """The gate is open; `evidence` is what was seen, one line."""

    evidence: str


@dataclass(frozen=True, slots=True)
class NotYet:
    """Keep waiting; `waiting_for` is shown to the user (`worker spark-2 to join, 1 of 2 nodes ALIVE`)."""

    waiting_for: str
    done: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Refuted:
    """It will not come true by waiting."""

    message: str
    host: str | None = None
    evidence: str | None = None
    hint: str | None = None


Judgement = Proven | NotYet | Refuted


@dataclass(frozen=True, slots=True)
class Gate:
    """A proof that is polled: `facts` per host are asked every `every` seconds until `judge` says Proven or Refuted, or
    `deadline` seconds passed. `explain` facts are asked once after a failure and given to `blame`, which words it
    (the container's last log lines).
    """

    title: str
    facts: Mapping[str, Sequence[Fact[Any]]]
    judge: Callable[[Seen], Judgement]
    deadline: float = 0.0
    every: float = 1.0
    explain: Mapping[str, Sequence[Fact[Any]]] | None = None
    blame: Callable[[Seen, Refuted], Refuted] | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """`steps(host)` are ensured on each of `hosts` (names), then `gate` must be proven."""

    title: str
    hosts: tuple[str, ...]
    steps: Callable[[str], Sequence[Step]]
    order: Literal["parallel", "serial"] = "parallel"
    gate: Gate | None = None


Flow = tuple[Phase, ...]
