"""`sparkctl history`."""

from __future__ import annotations

from typing import Annotated

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.session import Session

app = new_app()


@app.command(epilog=EPILOG)
def history(
    context: typer.Context,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many, newest first.")] = 20,
) -> int:
    """past runs on this cluster

    Kept on this controller only; the hosts are the truth. A run that was killed shows as interrupted.
    """
    from itertools import islice

    from sparkctl.cli.reach import inventory
    from sparkctl.converge.journal import past_runs
    from sparkctl.ui.columns import Cell, columns
    from sparkctl.ui.text import duration

    session: Session = context.obj
    cluster, _ = inventory(session.options.inventory)
    runs = list(islice(past_runs(session.state(), cluster.name), last))
    style = {"ok": "green", "failed": "bad", "interrupted": "yellow"}
    rows = [
        (
            run["id"],
            Cell(run["ended"], style.get(run["ended"], "")),
            duration(run["seconds"]) if run["seconds"] is not None else "",
            f"{run['counts'].get('changed', 0)} changed",
            run["command"],
        )
        for run in runs
    ]
    out = session.terminal.out
    session.answer({"runs": runs}, columns(rows, limit=out.width, color=out.color) or ["no runs yet"])
    return 0
