"""Carry out one plan item on its host."""

from __future__ import annotations

from enum import Enum

from sparkctl.converge.events import Kind
from sparkctl.converge.fleet import Fleet
from sparkctl.converge.plan import Item
from sparkctl.ensure.base import Explains
from sparkctl.errors import SparkctlError, StepFailed, UnreachableError
from sparkctl.ssh.command import Action, Command, Put, Reconnect, Result, Transport

LAST_LINES = 12
"""Lines of a failed command's output that are shown as evidence."""


class Ended(Enum):
    """DONE: every action succeeded. CUT: the connection died in between and is back, so ask before believing."""

    DONE = "done"
    CUT = "cut"


def apply_item(fleet: Fleet, item: Item) -> Ended | SparkctlError:
    """Run the item's actions in order; the first that fails ends it. The caller probes again in any case."""
    fleet.tell(
        Kind.STEP_STARTED,
        host=item.host,
        phase=item.phase,
        step=item.key,
        text="; ".join(str(change) for change in item.diff.changes),
    )
    for action in item.actions:
        door = fleet.open.get(item.host)
        if door is None:
            return fleet.lost[item.host]
        fleet.tell(Kind.ACTION, host=item.host, phase=item.phase, step=item.key, text=str(action))
        try:
            result = _act(fleet, item, door, action)
            if result is not None and result.code is None:
                fleet.again(door)
                return Ended.CUT
        except UnreachableError as error:
            fleet.lose(item.host, error)
            return error
        except SparkctlError as error:
            return error
        if result is not None and not result.ok:
            return _failure(item, result)
    return Ended.DONE


def _act(fleet: Fleet, item: Item, door: Transport, action: Action) -> Result | None:
    if isinstance(action, Reconnect):
        fleet.again(door)
        return None
    if isinstance(action, Put):
        return door.put(action)
    return door.run(
        action,
        on_line=lambda line: fleet.tell(Kind.LINE, host=item.host, phase=item.phase, step=item.key, text=line),
    )


def _failure(item: Item, result: Result) -> StepFailed:
    said = "\n".join(part.strip() for part in (result.stdout, result.stderr) if part.strip())
    last = said.splitlines()[-LAST_LINES:]
    limit = result.what.timeout if isinstance(result.what, Command | Put) else 0.0
    cause = f"no end within {limit:.0f} s" if result.timed_out else (last[-1] if last else f"exit code {result.code}")
    hint = None
    if isinstance(item.ensure, Explains) and (known := item.ensure.explain(said)) is not None:
        cause, hint = known.cause, known.hint
    return StepFailed(
        f"ensuring {item.key} on {item.host}: {cause}",
        host=item.host,
        step=item.key,
        hint=hint,
        evidence="\n".join([f"$ {result.what}", *last]),
    )
