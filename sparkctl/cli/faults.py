"""`sparkctl lab fault`: what goes wrong in real racks, done to a virtual one."""

from __future__ import annotations

from typing import Annotated

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.session import Session

faults = new_app("break and mend a virtual Spark")

Host = Annotated[str, typer.Argument(metavar="HOST")]
Port = Annotated[str | None, typer.Argument(metavar="NETDEV", help="Default: all cables of the fabric port.")]


def no_dry_run(context: typer.Context) -> None:
    # Before every `sparkctl lab …`: what acts on this machine at once must not pass for a plan. No docstring: Typer
    # would show it as the help of the group.
    session: Session | None = context.obj
    if session is not None and context.invoked_subcommand != "status":
        session.no_dry_run()


def kill(context: typer.Context, host: Host) -> None:
    """cut the power: no process can say goodbye"""
    from sparkctl.lab import lab

    lab.kill(host)
    _said(context, host, "off")


def power_on(context: typer.Context, host: Host) -> None:
    """switch a host on and wait until ssh and docker answer"""
    from sparkctl.lab import lab

    lab.power_on(host)
    _said(context, host, "up")


def power_off(context: typer.Context, host: Host) -> None:
    """shut a host down in order"""
    from sparkctl.lab import lab

    lab.power_off(host)
    _said(context, host, "off")


def cut(context: typer.Context, host: Host, netdev: Port = None) -> None:
    """pull a cable: the carrier goes on both ends"""
    from sparkctl.lab import lab

    lab.cut(host, netdev)
    _said(context, host, f"{netdev or 'the fabric'} unplugged")


def mend(context: typer.Context, host: Host, netdev: Port = None) -> None:
    """plug a cable in again"""
    from sparkctl.lab import lab

    lab.mend(host, netdev)
    _said(context, host, f"{netdev or 'the fabric'} plugged in")


def freeze(context: typer.Context, host: Host) -> None:
    """hang a host: it keeps its carrier and says nothing"""
    from sparkctl.lab import lab

    lab.freeze(host)
    _said(context, host, "frozen")


def thaw(context: typer.Context, host: Host) -> None:
    """let a frozen host go on"""
    from sparkctl.lab import lab

    lab.thaw(host)
    _said(context, host, "going on")


FAULTS = {
    "kill": kill,
    "on": power_on,
    "off": power_off,
    "cut": cut,
    "mend": mend,
    "freeze": freeze,
    "thaw": thaw,
}
for _name, _fault in FAULTS.items():
    faults.command(_name, epilog=EPILOG)(_fault)


def _said(context: typer.Context, host: str, now: str) -> None:
    session: Session = context.obj
    session.answer({"host": host, "now": now}, [f"{host}: {now}"])
