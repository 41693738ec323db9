"""`sparkctl down`."""

from __future__ import annotations

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.runs import run

app = new_app()


@app.command(epilog=EPILOG)
def down(context: typer.Context) -> int:
    """take everything of ours down, nothing of anyone else's

    Asks first; --yes answers. Images, shares, keys and the network stay as bootstrap made them.

    \b
    sparkctl down --dry-run
    sparkctl down --yes
    """
    from sparkctl.flows.down import down as flow

    return run(context.obj, lambda target: flow(target.cluster), ask="taking serving and Ray down")
