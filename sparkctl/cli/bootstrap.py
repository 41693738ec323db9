"""`sparkctl bootstrap`."""

from __future__ import annotations

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.runs import run

app = new_app()


@app.command(epilog=EPILOG)
def bootstrap(context: typer.Context) -> int:
    """make the hosts ready: SSH mesh, docker, fabric, NFS, image

    Running it again changes nothing where nothing is to change; a run that was cut short is finished by the next.

    \b
    sparkctl bootstrap --dry-run      what would be done, with its commands
    sparkctl bootstrap
    """
    from sparkctl.flows.bootstrap import bootstrap as flow

    return run(context.obj, lambda target: flow(target.cluster))
