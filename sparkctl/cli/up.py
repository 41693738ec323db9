"""`sparkctl up`."""

from __future__ import annotations

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.runs import run

app = new_app()


@app.command(epilog=EPILOG)
def up(context: typer.Context) -> int:
    """start Ray on all hosts and prove that all have joined

    \b
    sparkctl up
    sparkctl up --dry-run
    """
    from sparkctl.flows.up import up as flow

    return run(context.obj, lambda target: flow(target.cluster))
