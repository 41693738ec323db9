"""`sparkctl stop`."""

from __future__ import annotations

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.runs import run

app = new_app()


@app.command(epilog=EPILOG)
def stop(context: typer.Context) -> int:
    """end serving, leave Ray up"""
    from sparkctl.flows.stop import stop as flow

    return run(context.obj, lambda target: flow(target.cluster))
