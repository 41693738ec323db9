"""Plan a flow, and make it true: the only place that sequences effects on hosts.

A phase runs in rounds: ask, judge, apply what differs, ask again. Each later round both verifies what an earlier one
applied (its diff must now be empty) and sees what had been unknown before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sparkctl.converge import plan as planning
from sparkctl.converge.apply import Ended, apply_item
from sparkctl.converge.events import Kind, Outcome
from sparkctl.converge.fleet import Fleet
from sparkctl.converge.gates import judge_together, prove
from sparkctl.converge.plan import Item, Plan, Verdict
from sparkctl.converge.report import Done, Report
from sparkctl.errors import SparkctlError, StepFailed, UnreachableError
from sparkctl.flows.phase import Flow, Phase

ROUNDS = 8
"""More rounds than any phase's chain of needs is long: reaching it is a bug in an ensure, not a slow host."""


def plan(flow: Flow, fleet: Fleet) -> Plan:
    """What `flow` would do: facts of all phases in one batch a host, more only for what depends on an answer."""
    fleet.tell(Kind.RUN_STARTED, data={"phases": [phase.title for phase in flow]})
    seen = _look(flow, fleet)
    mine = planning.hosts_of(flow)
    made = Plan(planning.items(flow, seen, fleet.lost), {host: fleet.lost[host] for host in mine if host in fleet.lost})
    fleet.tell(
        Kind.PLANNED,
        data={"changes": len(made.pending), "unchanged": made.unchanged, "failed": len(made.failed)},
    )
    return made


def _look(phases: Sequence[Phase], fleet: Fleet) -> dict[str, dict[str, object]]:
    seen: dict[str, dict[str, object]] = {host: {} for host in planning.hosts_of(tuple(phases))}
    while need := {host: facts for host, facts in planning.wanted(phases, seen).items() if facts}:
        for host, values in fleet.gather(need).items():
            seen.setdefault(host, {}).update(values)
    return seen


def converge(flow: Flow, made: Plan, fleet: Fleet) -> Report:
    """Make `flow` true, phase by phase, and prove it.

    A host that could not be reached stops the run before anything is changed, and so does a step that the plan already
    knows to fail: a stack is only useful whole, and a half-changed one is worse than an untouched one.
    """
    run = _Run(fleet)
    run.refuse(made)
    if not made.pending and not run.errors:
        run.nothing_to_do(flow, made)
    else:
        for phase in flow:
            run.phase(phase, made)
    report = Report(tuple(run.done), tuple(run.errors), tuple(run.proofs), fleet.clock() - run.began)
    fleet.tell(Kind.RUN_DONE, data={"counts": report.counts, "exit_code": report.exit_code})
    return report


@dataclass
class _Run:
    fleet: Fleet
    done: list[Done] = field(default_factory=list)
    errors: list[SparkctlError] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    touched: bool = False
    began: float = 0.0

    def __post_init__(self) -> None:
        self.began = self.fleet.clock()

    def refuse(self, made: Plan) -> None:
        self.errors += made.lost.values()
        self.errors += [_step_failed(item) for item in made.failed]

    def finish(self, item: Item, outcome: Outcome, text: str = "") -> None:
        self.done.append(Done(item.host, item.phase, item.key, outcome, text))
        self.fleet.tell(Kind.STEP_DONE, host=item.host, phase=item.phase, step=item.key, outcome=outcome, text=text)

    def nothing_to_do(self, flow: Flow, made: Plan) -> None:
        for item in made.items:
            self.finish(item, Outcome.UNREACHABLE if item.verdict is Verdict.UNREACHABLE else Outcome.OK, item.reason)
        gated = [(phase, phase.gate) for phase in flow if phase.gate is not None]
        together = judge_together(self.fleet, [gate for _, gate in gated]) if gated else []
        for (phase, gate), proven in zip(gated, together, strict=True):
            if proven is not None:
                self.proofs.append(f"{gate.title}: {proven.evidence}")
                self.fleet.tell(
                    Kind.GATE_DONE, phase=phase.title, step=gate.title, text=proven.evidence, outcome=Outcome.OK
                )
            elif not self.errors:
                self.gate(phase)

    def phase(self, phase: Phase, made: Plan) -> None:
        mine = [item for item in made.items if item.phase == phase.title]
        if self.errors:
            for item in mine:
                self.skip(item)
            return
        self.fleet.tell(Kind.PHASE_STARTED, phase=phase.title, data={"hosts": list(phase.hosts)})
        if self.touched or any(item.pending for item in mine):
            self.rounds(phase)
        else:
            for item in mine:
                lost = item.verdict is Verdict.UNREACHABLE
                self.finish(item, Outcome.UNREACHABLE if lost else Outcome.OK, item.reason)
        if not self.errors:
            self.gate(phase)
        self.fleet.tell(Kind.PHASE_DONE, phase=phase.title)

    def skip(self, item: Item) -> None:
        if item.verdict is Verdict.UNREACHABLE:
            self.finish(item, Outcome.UNREACHABLE, item.reason)
        elif item.verdict is Verdict.FAILED:
            self.finish(item, Outcome.FAILED, item.reason)
        else:
            self.finish(item, Outcome.SKIPPED, f"after: {self.errors[0].message}")

    def gate(self, phase: Phase) -> None:
        if phase.gate is None:
            return
        outcome = prove(self.fleet, phase, phase.gate)
        if isinstance(outcome, SparkctlError):
            self.errors.append(outcome)
        else:
            self.proofs.append(f"{phase.gate.title}: {outcome.evidence}")

    def rounds(self, phase: Phase) -> None:
        """Ask, apply, ask again until every step is settled; after a failure only what was begun is looked at again."""
        applied: set[Where] = set()
        cut: set[Where] = set()
        settled: set[Where] = set()
        for _ in range(ROUNDS):
            now = planning.items([phase], _look([phase], self.fleet), self.fleet.lost)
            settled |= {_where(item) for item in now if _where(item) not in settled and self.settle(item, applied, cut)}
            due = [item for item in now if item.verdict is Verdict.CHANGE and _where(item) not in settled]
            if not due or self.errors:
                for item in now:
                    if _where(item) not in settled:
                        self.leave(item)
                return
            self.touched = True
            self.apply(phase, due, applied, cut, settled)
        raise RuntimeError(f"{phase.title} did not settle in {ROUNDS} rounds")

    def settle(self, item: Item, applied: set[Where], cut: set[Where]) -> bool:
        """Whether this item has come to its end, told as an outcome. One that was only `cut` may be tried once more."""
        was_applied = _where(item) in applied
        begun = was_applied or _where(item) in cut
        if item.verdict is Verdict.OK:
            self.finish(item, Outcome.CHANGED if begun else Outcome.OK)
        elif item.verdict is Verdict.UNREACHABLE:
            self.finish(item, Outcome.UNKNOWN if begun else Outcome.UNREACHABLE, item.reason)
            self.fail(self.fleet.lost[item.host])
        elif item.verdict is Verdict.FAILED:
            self.finish(item, Outcome.FAILED, item.reason)
            self.fail(_step_failed(item))
        elif item.verdict is Verdict.CHANGE and was_applied:
            still = "it still differs afterwards: " + "; ".join(str(change) for change in item.diff.changes)
            self.finish(item, Outcome.FAILED, still)
            self.fail(_step_failed(item, still))
        else:
            return False
        return True

    def leave(self, item: Item) -> None:
        """An item that nothing can be done about any more in this phase."""
        if self.errors:
            self.finish(item, Outcome.SKIPPED, f"after: {self.errors[0].message}")
        else:
            self.finish(item, Outcome.FAILED, item.reason)
            self.fail(_step_failed(item))

    def fail(self, error: SparkctlError) -> None:
        if error not in self.errors:
            self.errors.append(error)

    def apply(self, phase: Phase, due: list[Item], applied: set[Where], cut: set[Where], settled: set[Where]) -> None:
        """Apply what is due, hosts side by side; a host's later items wait for the next round once one has failed."""
        by_host: dict[str, list[Item]] = {}
        for item in due:
            by_host.setdefault(item.host, []).append(item)

        def work(host: str) -> SparkctlError | None:
            for item in by_host[host]:
                ended = apply_item(self.fleet, item)
                if ended is Ended.CUT:
                    # it may have taken effect; what cuts the connection a second time is not tried a third
                    (applied if _where(item) in cut else cut).add(_where(item))
                    return None
                if isinstance(ended, UnreachableError):
                    applied.add(_where(item))
                    return ended
                if isinstance(ended, SparkctlError):
                    self.finish(item, Outcome.FAILED, ended.message)
                    settled.add(_where(item))
                    return ended
                applied.add(_where(item))
            return None

        ended = self.fleet.each(by_host, work, at_once=1 if phase.order == "serial" else None)
        for error in ended.values():
            if error is not None:
                self.fail(error)


Where = tuple[str, str]


def _where(item: Item) -> Where:
    return (item.host, item.key)


def _step_failed(item: Item, reason: str | None = None) -> SparkctlError:
    why = reason or item.reason
    return StepFailed(f"ensuring {item.key} on {item.host}: {why}", host=item.host, step=item.key, hint=item.hint)
