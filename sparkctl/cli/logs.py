"""`sparkctl logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.failure import INTERRUPTED
from sparkctl.cli.session import Session
from sparkctl.errors import SparkctlError, StepFailed, UsageError

if TYPE_CHECKING:
    from sparkctl.ssh.command import Command, Result

app = new_app()

FOLLOWED = 7 * 86400.0
"""Seconds: whoever follows a log longer than a week starts anew."""


@app.command(epilog=EPILOG)
def logs(
    context: typer.Context,
    host: Annotated[str | None, typer.Argument(metavar="HOST", help="Default: all hosts.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more is said.")] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", min=0, help="Lines of the past, for each container.")] = 100,
    only: Annotated[str | None, typer.Option(metavar="ray|serve", help="One container's log.")] = None,
) -> int:
    """what the containers said

    \b
    sparkctl logs --only serve -f
    sparkctl logs spark-2
    """
    session: Session = context.obj
    if follow and session.json:
        raise UsageError("reading the command line: a followed log has no end, so it cannot be one JSON object")
    return _read(session, host, follow, tail, only)


def _read(session: Session, host: str | None, follow: bool, tail: int, only: str | None) -> int:
    from sparkctl.cli.containers import ours, part_named
    from sparkctl.cli.reach import fleet, stack
    from sparkctl.ui.prefixed import Prefixed

    target = stack(session)
    hosts = target.hosts if host is None else (target.cluster.host(host).name,)
    with fleet(target, lambda event: None, hosts, ending=True) as opened:
        found = ours(opened, target.cluster.name, hosts, part_named(only))
        which = {
            f"{name} {one.name.removeprefix('sparkctl-')}": (name, one.name) for name in hosts for one in found[name]
        }
        out = Prefixed(session.terminal.out, tuple(which))
        said: dict[str, list[str]] = {label: [] for label in which}

        def work(label: str) -> SparkctlError | None:
            def hear(line: str) -> None:
                said[label].append(line) if session.json else out.line(label, line)

            name, container = which[label]
            try:
                result = opened.open[name].run(_command(container, follow, tail), hear)
            except SparkctlError as error:
                return error
            return None if result.ok else _cut_short(name, container, result)

        try:
            errors = [error for error in opened.each(which, work).values() if error is not None]
        except KeyboardInterrupt:
            if follow:
                return INTERRUPTED
            raise
    value = {
        "logs": [
            {"host": which[label][0], "container": which[label][1], "lines": lines} for label, lines in said.items()
        ]
    }
    if errors:
        session.fail(errors, value)
        return errors[0].exit_code
    session.answer(value, [])
    return 0


def _cut_short(host: str, container: str, result: Result) -> StepFailed:
    why = "the connection was lost" if result.code is None else f"docker ended with exit code {result.code}"
    return StepFailed(
        f"reading the log of {container} on {host}: {why}",
        host=host,
        step="logs",
        hint=f"sparkctl status --hosts {host}",
    )


def _command(container: str, follow: bool, tail: int) -> Command:
    """Both streams as one, for docker keeps no order between them."""
    from sparkctl.ssh.command import sh

    words = ("--tail", str(tail), *(("--follow",) if follow else ()), "--", container)
    return sh('exec docker logs "$@" 2>&1', *words, timeout=FOLLOWED if follow else 60.0)
