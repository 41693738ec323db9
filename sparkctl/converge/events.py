"""What happens while a flow is planned and converged, as a stream of values; reports are folds over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    RUN_STARTED = "run.started"
    HOST_CONNECTED = "host.connected"
    HOST_LOST = "host.lost"
    PLANNED = "run.planned"
    PHASE_STARTED = "phase.started"
    STEP_STARTED = "step.started"
    ACTION = "step.action"
    LINE = "step.line"
    STEP_DONE = "step.done"
    GATE_WAITING = "gate.waiting"
    GATE_DONE = "gate.done"
    PHASE_DONE = "phase.done"
    RUN_DONE = "run.done"


class Outcome(StrEnum):
    """`unknown`: the connection died in the middle of a change and the host could not be asked since."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Event:
    """`seconds` counts from the start of the run. `data` holds JSON values only."""

    kind: Kind
    seconds: float
    host: str | None = None
    phase: str | None = None
    step: str | None = None
    text: str = ""
    outcome: Outcome | None = None
    data: dict[str, Any] = field(default_factory=dict)


Emit = Callable[[Event], None]
