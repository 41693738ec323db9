"""`sparkctl shell HOST`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.session import Session
from sparkctl.errors import StepFailed

app = new_app()


@app.command(epilog=EPILOG)
def shell(
    context: typer.Context,
    host: Annotated[str, typer.Argument(metavar="HOST")],
    outside: Annotated[bool, typer.Option("--outside", help="On the host itself, not in its container.")] = False,
    only: Annotated[str | None, typer.Option(metavar="ray|serve", help="Which container; default: ray.")] = None,
) -> int:
    """a shell in a host's container

    \b
    sparkctl shell spark-1
    sparkctl shell spark-2 --outside
    """
    session: Session = context.obj
    _become_ssh(session, host, outside, only)
    return 0


def _become_ssh(session: Session, host: str, outside: bool, only: str | None) -> None:
    """Replace this process by ssh: a terminal is ssh's own business."""
    from shutil import which

    from sparkctl.cli.containers import ours, part_named
    from sparkctl.cli.reach import fleet, stack
    from sparkctl.ssh.openssh import openssh_argv

    target = stack(session)
    name = target.cluster.host(host).name
    tty = sys.stdin.isatty()
    # The connection proves that the host can be reached, and asks ssh_config, before ssh takes over.
    with fleet(target, lambda event: None, (name,)) as opened:
        if name in opened.lost:
            raise opened.lost[name]
        argv: tuple[str, ...] = ()
        if not outside:
            found = ours(opened, target.cluster.name, (name,), part_named(only))[name]
            container = min(found, key=lambda one: (not one.running, one.name))
            argv = ("docker", "exec", "-it" if tty else "-i", container.name, "bash")
    ssh = which("ssh")
    if ssh is None:
        raise StepFailed("opening a shell: ssh is not installed here", hint="sudo apt-get install -y openssh-client")
    words = openssh_argv(target.endpoints[name], target.known_hosts, argv, tty, target.endpoints)
    os.execv(ssh, words)
