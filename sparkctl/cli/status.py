"""`sparkctl status`."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.failure import INTERRUPTED
from sparkctl.cli.session import Session
from sparkctl.errors import SparkctlError, UsageError

if TYPE_CHECKING:
    from sparkctl.cli.reach import Stack
    from sparkctl.converge.fleet import Fleet

app = new_app()


@app.command(epilog=EPILOG)
def status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 5.0,
) -> int:
    """what runs where

    Only a completion that came back makes the state `serving`. Exit code 4 where a host does not answer.

    \b
    sparkctl status
    sparkctl status --watch
    """
    from sparkctl.cli.reach import stack

    session: Session = context.obj
    if watch and session.json:
        raise UsageError("reading the command line: what is watched has no end, so it cannot be one JSON object")
    target = stack(session)
    if not watch:
        return _look(session, target)
    try:
        while True:
            _look(session, target, datetime.now().strftime("%H:%M:%S"))
            time.sleep(every)
    except KeyboardInterrupt:
        return INTERRUPTED


def _look(session: Session, target: Stack, stamp: str = "") -> int:
    from sparkctl.cli.reach import fleet
    from sparkctl.ui.status import status_lines

    out = session.terminal.out
    everyone = tuple(host.name for host in target.cluster.hosts)
    with fleet(target, lambda event: None, everyone) as opened:
        now = _ask(target, opened)
        errors: list[SparkctlError] = [opened.lost[host] for host in target.hosts if host in opened.lost]
    now["hosts"] = [host for host in now["hosts"] if host["name"] in target.hosts]
    lines = status_lines(now, target.hosts, limit=out.width, color=out.color)
    if stamp:
        # On a terminal each look takes the place of the one before.
        out.lines([*(["\x1b[H\x1b[2J" + stamp] if out.width is not None else [stamp]), *lines])
        return 0
    if errors and session.json:
        session.fail(errors, now)
    else:
        session.answer(now, lines)
        session.fail(errors, {})
    return errors[0].exit_code if errors else 0


def _ask(target: Stack, opened: Fleet) -> dict[str, Any]:
    from sparkctl.serving.status import status as fold
    from sparkctl.serving.status import status_facts

    return fold(target.cluster, opened.gather(status_facts(target.cluster)))
