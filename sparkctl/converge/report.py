"""What a run came to: a fold over its steps, and the exit code that follows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sparkctl.converge.events import Outcome
from sparkctl.errors import PartlyDoneError, SparkctlError


@dataclass(frozen=True, slots=True)
class Done:
    """How one step ended on one host."""

    host: str
    phase: str
    key: str
    outcome: Outcome
    text: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All steps of a run, the errors in the order they were met, and the proofs that were given."""

    steps: tuple[Done, ...]
    errors: tuple[SparkctlError, ...]
    proofs: tuple[str, ...]
    seconds: float

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(step.outcome.value for step in self.steps))

    @property
    def changed(self) -> int:
        return self.counts.get(Outcome.CHANGED.value, 0)

    @property
    def exit_code(self) -> int:
        """The first error's code; 5 where an outcome stayed unknown (design, section 2)."""
        if any(step.outcome is Outcome.UNKNOWN for step in self.steps):
            return PartlyDoneError.exit_code
        return self.errors[0].exit_code if self.errors else 0

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": not self.errors,
            "seconds": round(self.seconds, 3),
            "counts": self.counts,
            "steps": [
                {"host": s.host, "phase": s.phase, "ensure": s.key, "outcome": s.outcome.value, "text": s.text}
                for s in self.steps
            ],
            "proofs": list(self.proofs),
            "errors": [
                {"code": e.code, "message": e.message, "host": e.host, "step": e.step, "hint": e.hint}
                for e in self.errors
            ],
        }
