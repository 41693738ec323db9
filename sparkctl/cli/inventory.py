"""`sparkctl inventory check` and `sparkctl inventory show`."""

from __future__ import annotations

from typing import Annotated

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.session import Session

app = new_app("check and show the list of hosts")


@app.command(epilog=EPILOG)
def check(
    context: typer.Context,
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="Default: the one that -i means.")] = None,
) -> int:
    """say all that is wrong with an inventory, with line and column

    Touches no host. Exit code 3 where something is wrong.

    \b
    sparkctl inventory check inventories/two-sparks.yml
    """
    from sparkctl.cli.reach import inventory
    from sparkctl.inventory.problems import InventoryError
    from sparkctl.inventory.show import check_report
    from sparkctl.ui.problems import problem_lines

    session: Session = context.obj
    out = session.terminal.out
    try:
        cluster, path = inventory(file if file is not None else session.options.inventory)
    except InventoryError as error:
        lines = problem_lines(error.file, error.problems, limit=out.width, color=out.color)
        session.answer({"file": error.file, **check_report(error)}, lines)
        return error.exit_code
    warned = problem_lines(path, cluster.warnings, limit=out.width, color=out.color, kind="warning")
    hosts = ", ".join(host.name for host in cluster.hosts)
    session.answer(
        {"file": path, **check_report(None, cluster.warnings)}, [*warned, f"{path}: {cluster.name} is fine: {hosts}"]
    )
    return 0


@app.command(epilog=EPILOG)
def show(context: typer.Context) -> int:
    """the inventory with every default filled in, secrets masked"""
    import yaml

    from sparkctl.cli.reach import inventory
    from sparkctl.inventory.show import resolved
    from sparkctl.ui.text import clean_lines

    session: Session = context.obj
    cluster, _ = inventory(session.options.inventory)
    value = resolved(cluster)
    value["hosts"] = {host.name: value["hosts"][host.name] for host in cluster.select(session.options.hosts)}
    session.answer(value, clean_lines(yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip()))
    return 0
