"""A flow from the command line: plan, show, ask where it matters, converge, recap, journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

from sparkctl.cli.failure import PENDING
from sparkctl.cli.reach import Stack, fleet, stack
from sparkctl.cli.session import Session
from sparkctl.converge import Fleet, Journal, Plan, Report, converge, plan, to_json
from sparkctl.converge.events import Emit, Event
from sparkctl.errors import SparkctlError, StepFailed
from sparkctl.flows.phase import Flow
from sparkctl.ui.columns import wrap
from sparkctl.ui.tables import plan_lines, plan_summary, recap_lines

FEW = 4
"""Changes that are shown before they are made without being asked for: why vLLM restarts, not all of a bootstrap."""

Ended = Callable[[Stack, Report], tuple[dict[str, Any], Sequence[str]]]
"""What a command adds to its answer once its flow has ended well: for JSON, and as lines."""


@dataclass(slots=True)
class _Sink:
    """Where events go now: planning and converging have a view each, and between them the terminal is the user's."""

    to: Emit

    def __call__(self, event: Event) -> None:
        self.to(event)


def run(
    session: Session, flow_of: Callable[[Stack], Flow], *, ask: str | None = None, ended: Ended | None = None
) -> int:
    """Make a flow true and return the exit code. `ask` is the question before what cannot be taken back."""
    target = stack(session)
    flow = only(flow_of(target), target.hosts)
    sink = _Sink(_nobody)
    names = tuple(host.name for host in target.cluster.hosts)
    with ExitStack() as doors:
        with session.progress() as view:
            sink.to = view
            opened = doors.enter_context(fleet(target, sink, names))
            made = plan(flow, opened)
        if session.options.dry_run:
            return _dry(session, made)
        _show(session, made, whole=ask is not None)
        if ask is not None and made.pending:
            session.confirm(ask)
        report = _converge(session, target, flow, made, opened, sink)
    return _end(session, target, report, ended)


def only(flow: Flow, hosts: Sequence[str]) -> Flow:
    """The flow on `hosts` alone; a phase without any of them is left out, its proof with it."""
    kept = (replace(phase, hosts=tuple(host for host in phase.hosts if host in hosts)) for phase in flow)
    return tuple(phase for phase in kept if phase.hosts)


def _converge(session: Session, target: Stack, flow: Flow, made: Plan, opened: Fleet, sink: _Sink) -> Report:
    command = f"sparkctl {' '.join(session.words)}"
    with closing(Journal(session.state(), target.cluster.name, command)) as journal, session.progress() as view:
        journal.write("plan", to_json(made))
        view.board.phases = [phase.title for phase in flow]

        def both(event: Event) -> None:
            journal.event(event)
            view(event)

        sink.to = both
        report = converge(flow, made, opened)
        sink.to = journal.event
        journal.write("report", report.to_json())
    return report


def _dry(session: Session, made: Plan) -> int:
    out = session.terminal.out
    lines = plan_lines(made, commands=True, limit=out.width, color=out.color)
    errors = [*made.lost.values(), *_impossible(made)]
    if errors and session.json:
        session.fail(errors, to_json(made))
    else:
        session.answer(to_json(made), lines)
        session.fail(errors, {})
    if errors:
        return errors[0].exit_code
    return PENDING if made.pending and session.options.detailed_exitcode else 0


def _impossible(made: Plan) -> list[SparkctlError]:
    return [
        StepFailed(f"planning {item.key} on {item.host}: {item.reason}", host=item.host, step=item.key, hint=item.hint)
        for item in made.failed
    ]


def _show(session: Session, made: Plan, *, whole: bool) -> None:
    """The plan where it is short, or somebody shall decide on it or asked for more; else its last line alone, as every
    change is told when it is made."""
    err = session.terminal.err
    if whole or session.options.verbose or 0 < len(made.pending) <= FEW:
        session.say(*plan_lines(made, commands=bool(session.options.verbose), limit=err.width, color=err.color))
    elif made.pending:
        session.say(*wrap(plan_summary(made), err.width))


def _end(session: Session, target: Stack, report: Report, ended: Ended | None) -> int:
    err = session.terminal.err
    value, lines = ended(target, report) if ended is not None and not report.errors else ({}, ())
    session.say(*recap_lines(session.words[0], report, target.hosts, limit=err.width, color=err.color))
    if report.errors:
        session.fail(report.errors, report.to_json())
    else:
        session.answer({**report.to_json(), **value}, lines)
    return report.exit_code


def _nobody(event: Event) -> None:
    pass
