"""What every host is doing now, as a fold over events. Pure; the live table and the plain lines both draw it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sparkctl.converge.events import Event, Kind, Outcome
from sparkctl.ui.pull import PullProgress


@dataclass(slots=True)
class Row:
    """One host's line. `since` is the run's second at which its present step began; `begun` is what each step of the
    phase set out to change, `took` the seconds of those that made room for the next."""

    host: str
    step: str = ""
    text: str = ""
    since: float = 0.0
    working: bool = False
    lost: bool = False
    done: float | None = None
    total: float | None = None
    counts: dict[Outcome, int] = field(default_factory=dict)
    pull: PullProgress | None = None
    begun: dict[str, str] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Wait:
    """The proof that is being waited for."""

    title: str
    text: str
    since: float
    done: float | None = None
    total: float | None = None


@dataclass(slots=True)
class Board:
    """The state of a run. `fold` is called by one thread at a time; see `converge.fleet.Fleet.tell`."""

    phases: list[str] = field(default_factory=list)
    phase: str = ""
    phase_since: float = 0.0
    rows: dict[str, Row] = field(default_factory=dict)
    wait: Wait | None = None
    seconds: float = 0.0

    def fold(self, event: Event) -> None:
        self.seconds = max(self.seconds, event.seconds)
        if event.kind is Kind.RUN_STARTED:
            self.phases = [str(title) for title in event.data.get("phases", [])]
        elif event.kind is Kind.PHASE_STARTED:
            self._phase(event)
        elif event.kind is Kind.PHASE_DONE:
            self.wait = None
        elif event.kind in (Kind.GATE_WAITING, Kind.GATE_DONE):
            self._gate(event)
        elif event.host is not None:
            self._host(event, self.row(event.host))

    def row(self, host: str) -> Row:
        return self.rows.setdefault(host, Row(host))

    def phase_number(self) -> int:
        return self.phases.index(self.phase) + 1 if self.phase in self.phases else 0

    def doing(self) -> list[str]:
        """What was under way, in words, for the sentence that an interrupted run ends with."""
        return [f"{row.step} on {row.host}" for row in self.rows.values() if row.working]

    def _phase(self, event: Event) -> None:
        self.phase, self.phase_since, self.wait = event.phase or "", event.seconds, None
        for host in event.data.get("hosts", []):
            row = self.row(str(host))
            row.step, row.text, row.since, row.working = "", "", event.seconds, False
            row.done = row.total = row.pull = None
            row.counts, row.begun, row.took = {}, {}, {}

    def _gate(self, event: Event) -> None:
        if event.kind is Kind.GATE_DONE:
            self.wait = None
            return
        waited = float(event.data.get("waited") or 0.0)
        self.wait = Wait(
            event.step or "",
            event.text,
            event.seconds - waited,
            event.data.get("done"),
            event.data.get("total"),
        )

    def _host(self, event: Event, row: Row) -> None:
        if event.kind is Kind.HOST_LOST:
            row.lost, row.working, row.text = True, False, event.text
        elif event.kind is Kind.STEP_STARTED:
            if row.working:
                row.took[row.step] = event.seconds - row.since
            row.begun[event.step or ""] = event.text
            row.step, row.text, row.since, row.working = event.step or "", event.text, event.seconds, True
            row.done = row.total = None
            row.pull = PullProgress()
        elif event.kind is Kind.LINE:
            self._line(event, row)
        elif event.kind is Kind.STEP_DONE and event.outcome is not None:
            row.counts[event.outcome] = row.counts.get(event.outcome, 0) + 1
            row.working = row.working and row.step != event.step
            row.lost = row.lost or event.outcome is Outcome.UNREACHABLE

    def _line(self, event: Event, row: Row) -> None:
        row.text = event.text
        row.done, row.total = event.data.get("done", row.done), event.data.get("total", row.total)
        if row.pull is not None and row.pull.line(event.text):
            row.done, row.total, row.text = row.pull.done, row.pull.total, row.pull.text
