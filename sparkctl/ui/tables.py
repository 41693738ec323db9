"""Plans and recaps as text. Pure: values in, clean lines out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sparkctl.converge.events import Outcome
from sparkctl.converge.plan import Item, Plan, Verdict
from sparkctl.converge.report import Report
from sparkctl.ui.columns import Cell, Row, columns, wrap
from sparkctl.ui.plain import OUTCOME_STYLE
from sparkctl.ui.text import clean, clean_lines, duration, paint, plural

SIGNS = {
    Verdict.CHANGE: Cell("~", "yellow"),
    Verdict.UNKNOWN: Cell("?", "cyan"),
    Verdict.FAILED: Cell("!", "bad"),
}
"""What a plan shows, and by which sign. A host that is unreachable is one error beside the plan, not one a step."""


def plan_lines(plan: Plan, *, commands: bool, limit: int | None, color: bool) -> list[str]:
    """What would be done, phase by phase; hosts that need the very same stand on one line. `commands` adds the exact
    commands, one to one what a run sends."""
    lines: list[str] = []
    for phase in dict.fromkeys(item.phase for item in plan.items):
        groups = _alike(item for item in plan.items if item.phase == phase and item.verdict in SIGNS)
        if not groups:
            continue
        lines.append(paint(clean(phase), "bold", color))
        rows: list[Row] = []
        for items in groups:
            rows += _item_rows(items, commands)
        lines += columns(rows, limit=limit, color=color, indent="  ")
    return [*lines, *wrap(plan_summary(plan), limit)]


def plan_summary(plan: Plan) -> str:
    """`plan: 12 to change on 2 hosts, 3 known later, 14 as they should be`."""
    changes = [item for item in plan.items if item.verdict is Verdict.CHANGE]
    unknown = sum(item.verdict is Verdict.UNKNOWN for item in plan.items)
    failed = len(plan.failed)
    parts = [f"{len(changes)} to change on {plural(len({item.host for item in changes}), 'host')}"] if changes else []
    parts += [f"{unknown} known later"] if unknown else []
    parts += [f"{failed} impossible"] if failed else []
    parts += [f"{plural(len(plan.lost), 'host')} unreachable"] if plan.lost else []
    parts += [f"{plan.unchanged} as they should be"]
    nothing = "" if changes or unknown or failed or plan.lost else "nothing to do, "
    return f"plan: {nothing}{', '.join(parts)}"


def recap_lines(command: str, report: Report, hosts: Sequence[str], *, limit: int | None, color: bool) -> list[str]:
    """How a run ended: a line for each of `hosts` that had something to do, in that order, and one sentence."""
    by_host: dict[str, dict[Outcome, int]] = {host: {} for host in hosts}
    for step in report.steps:
        counts = by_host.setdefault(step.host, {})
        counts[step.outcome] = counts.get(step.outcome, 0) + 1
    rows: list[Row] = [
        (
            host,
            *(
                Cell(
                    f"{counts.get(outcome, 0)} {outcome.value}", OUTCOME_STYLE[outcome] if outcome in counts else "dim"
                )
                for outcome in Outcome
                if any(outcome in other for other in by_host.values()) or outcome in (Outcome.OK, Outcome.CHANGED)
            ),
        )
        for host, counts in by_host.items()
        if counts
    ]
    ended = "failed" if report.errors else "done"
    style = "bad" if report.errors else "green"
    sentence = f"{clean(command)} {ended} in {duration(report.seconds)}: {_counted(report)}"
    return [
        *columns(rows, limit=limit, color=color, indent="  "),
        *(paint(line, style, color) for line in wrap(sentence, limit)),
    ]


def _counted(report: Report) -> str:
    counts = report.counts
    return ", ".join(
        f"{counts[outcome.value]} {outcome.value}" for outcome in Outcome if counts.get(outcome.value)
    ) or ("nothing to do")


def _alike(items: Iterable[Item]) -> list[list[Item]]:
    """Items that say and do the very same, in order of appearance."""
    groups: dict[tuple[object, ...], list[Item]] = {}
    for item in items:
        same = (item.key, item.verdict, item.diff, item.reason, tuple(str(action) for action in item.actions))
        groups.setdefault(same, []).append(item)
    return list(groups.values())


def _item_rows(items: Sequence[Item], commands: bool) -> list[Row]:
    first = items[0]
    said = [str(change).replace(" -> ", " → ") for change in first.diff.changes] or [first.reason]
    if first.verdict is Verdict.UNKNOWN:
        said = [f"unknown ({first.reason})"]
    elif first.verdict is Verdict.FAILED:
        said = [first.reason, *([f"fix: {first.hint}"] if first.hint else [])]
    lines = [Cell(line) for line in said]
    if commands:
        lines += [Cell(line, "dim") for action in first.actions for line in clean_lines(f"$ {action}")]
    names = ", ".join(item.host for item in items)
    start: Row = (SIGNS[first.verdict], names, first.key, lines[0])
    return [start, *(("", "", "", line) for line in lines[1:])]
