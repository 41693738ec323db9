"""`sparkctl exec -- COMMAND`."""

from __future__ import annotations

from typing import Annotated

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.failure import Interrupted
from sparkctl.cli.session import Session
from sparkctl.errors import SparkctlError, StepFailed, UsageError

app = new_app()

SECONDS = 3600.0
"""Until a command is ended on its host, unless --timeout says otherwise."""


@app.command(epilog=EPILOG, options_metavar="[OPTIONS] --")
def exec(
    context: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="Its words, as they are: no shell.")],
    sudo: Annotated[bool, typer.Option("--sudo", help="As root.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds until it is ended on the host.")] = SECONDS,
) -> int:
    """run a command on the hosts

    \b
    sparkctl exec -- nvidia-smi
    sparkctl exec --hosts spark-2 --sudo -- systemctl restart docker
    sparkctl exec -- sh -c 'df -h | grep nvme'
    """
    session: Session = context.obj
    if "--" not in session.words:
        raise UsageError(
            "reading the command line: a -- must stand before the command",
            hint=f"sparkctl exec -- {' '.join(command)}",
        )
    return _everywhere(session, tuple(command), sudo, timeout)


def _everywhere(session: Session, argv: tuple[str, ...], sudo: bool, timeout: float) -> int:
    from sparkctl.cli.reach import fleet, stack
    from sparkctl.ssh.command import Command, Result
    from sparkctl.ui.prefixed import Prefixed

    target = stack(session)
    asked = Command(argv, sudo=sudo, timeout=timeout, mutates=True)
    if session.options.dry_run:
        session.answer({"hosts": list(target.hosts), "command": str(asked)}, [f"{h}: {asked}" for h in target.hosts])
        return 0
    out = Prefixed(session.terminal.out, target.hosts)

    def work(host: str) -> Result | SparkctlError:
        if host in opened.lost:
            return opened.lost[host]
        try:
            return opened.open[host].run(asked, None if session.json else lambda line: out.line(host, line))
        except SparkctlError as error:
            return error

    with fleet(target, lambda event: None, ending=True) as opened:
        try:
            results = opened.each(target.hosts, work)
        except KeyboardInterrupt as interrupt:
            raise Interrupted(state="the command was ended on every host that could still be reached") from interrupt
    errors = [error for host in target.hosts if (error := _error(host, results[host], asked)) is not None]
    value = {"hosts": [_json(host, results[host]) for host in target.hosts]}
    if errors:
        session.fail(errors, value)
        return 5 if len(errors) < len(results) else errors[0].exit_code
    session.answer(value, [])
    return 0


def _error(host: str, result: object, asked: object) -> SparkctlError | None:
    if isinstance(result, SparkctlError):
        return result
    code, late = getattr(result, "code", None), getattr(result, "timed_out", False)
    if code == 0:
        return None
    why = "it did not end in time" if late else "the connection was lost" if code is None else f"exit code {code}"
    hint = f"sparkctl shell {host} --outside"
    return StepFailed(f"running `{asked}` on {host}: {why}", host=host, step="exec", hint=hint)


def _json(host: str, result: object) -> dict[str, object]:
    if isinstance(result, SparkctlError):
        return {"name": host, "reachable": False, "code": None, "stdout": "", "stderr": ""}
    said = {name: getattr(result, name) for name in ("code", "stdout", "stderr", "seconds", "timed_out", "truncated")}
    return {"name": host, "reachable": True, **said}
