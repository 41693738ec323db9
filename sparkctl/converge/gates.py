"""Wait for a proof: ask, judge, tell, until it is proven, refuted, or out of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from sparkctl.converge.events import Kind, Outcome
from sparkctl.converge.fleet import Fleet
from sparkctl.errors import SparkctlError, StepFailed
from sparkctl.facts.base import Fact
from sparkctl.flows.phase import Gate, Phase, Proven, Refuted, Seen


def prove(
    fleet: Fleet, phase: Phase, gate: Gate, sleep: Callable[[float], None] = time.sleep
) -> Proven | SparkctlError:
    """What proved the gate, or the error that says why it could not be proven."""
    began = fleet.clock()
    while True:
        judgement = gate.judge(fleet.gather(gate.facts))
        if isinstance(judgement, Proven):
            fleet.tell(Kind.GATE_DONE, phase=phase.title, step=gate.title, text=judgement.evidence, outcome=Outcome.OK)
            return judgement
        if isinstance(judgement, Refuted):
            return _refute(fleet, phase, gate, judgement)
        waited = fleet.clock() - began
        if waited >= gate.deadline:
            late = f"waited {waited:.0f} s: {judgement.waiting_for}" if gate.deadline else judgement.waiting_for
            return _refute(fleet, phase, gate, Refuted(f"{gate.title}: {late}"))
        fleet.tell(
            Kind.GATE_WAITING,
            phase=phase.title,
            step=gate.title,
            text=judgement.waiting_for,
            data={"done": judgement.done, "total": judgement.total, "waited": waited},
        )
        sleep(min(gate.every, max(0.0, gate.deadline - waited)))


def judge_together(fleet: Fleet, gates: Sequence[Gate]) -> list[Proven | None]:
    """All gates judged from one round trip; None where one must be polled on its own."""
    facts: dict[str, dict[str, Fact[Any]]] = {}
    for gate in gates:
        for host, asked in gate.facts.items():
            facts.setdefault(host, {}).update({fact.name: fact for fact in asked})
    seen: Seen = fleet.gather({host: list(asked.values()) for host, asked in facts.items()})
    judged = [gate.judge(seen) for gate in gates]
    return [judgement if isinstance(judgement, Proven) else None for judgement in judged]


def _refute(fleet: Fleet, phase: Phase, gate: Gate, refuted: Refuted) -> SparkctlError:
    if gate.explain is not None and gate.blame is not None:
        refuted = gate.blame(fleet.gather(gate.explain), refuted)
    fleet.tell(
        Kind.GATE_DONE,
        phase=phase.title,
        step=gate.title,
        host=refuted.host,
        text=refuted.message,
        outcome=Outcome.FAILED,
    )
    lost = fleet.lost.get(refuted.host or "")
    kind = type(lost) if lost is not None else StepFailed
    hint = refuted.hint or (lost.hint if lost is not None else None)
    return kind(refuted.message, host=refuted.host, step=gate.title, hint=hint, evidence=refuted.evidence)
