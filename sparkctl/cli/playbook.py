"""`sparkctl playbook list`, `show` and `check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.session import Session

app = new_app("list, show and check serving recipes")

Name = Annotated[str, typer.Argument(metavar="NAME|FILE")]


@app.command("list", epilog=EPILOG)
def list_(context: typer.Context) -> int:
    """the recipes there are, for `serve --model`"""
    from sparkctl.inventory.problems import PlaybookError
    from sparkctl.playbook import files, loader
    from sparkctl.ui.columns import Cell, Row, columns

    session: Session = context.obj
    rows: list[Row] = []
    found = []
    for name in files.names():
        path = files.find(name)
        assert path is not None
        try:
            recipe = loader.load(files.read(path), str(path))
        except PlaybookError as error:
            rows.append((Cell(name, "bad"), "", error.message))
            found.append({"name": name, "file": str(path), "ok": False})
            continue
        hosts = f"{recipe.needs.hosts}+ hosts" if recipe.needs.hosts > 1 else "1+ host"
        rows.append((Cell(name, "bold"), hosts, recipe.description))
        entry = {"name": name, "file": str(path), "ok": True, "description": recipe.description}
        found.append({**entry, "model": recipe.target, "hosts": recipe.needs.hosts})
    out = session.terminal.out
    session.answer({"playbooks": found}, columns(rows, limit=out.width, color=out.color))
    return 0


@app.command(epilog=EPILOG)
def show(context: typer.Context, name: Name) -> int:
    """a recipe as it is written"""
    from dataclasses import asdict

    from sparkctl.playbook import files, loader
    from sparkctl.ui.text import clean_lines

    session: Session = context.obj
    path = _path(name)
    content = files.read(path)
    recipe = loader.load(content, str(path))
    session.answer(asdict(recipe), clean_lines(content.decode("utf-8", "replace").rstrip("\n")))
    return 0


@app.command(epilog=EPILOG)
def check(context: typer.Context, name: Name) -> int:
    """say all that is wrong with a recipe, with line and column

    \b
    sparkctl playbook check playbooks/my-model.yml
    """
    from sparkctl.inventory.problems import PlaybookError
    from sparkctl.inventory.show import check_report
    from sparkctl.playbook import files, loader
    from sparkctl.ui.problems import problem_lines

    session: Session = context.obj
    out = session.terminal.out
    path = _path(name)
    try:
        recipe = loader.load(files.read(path), str(path))
    except PlaybookError as error:
        lines = problem_lines(error.file, error.problems, limit=out.width, color=out.color)
        session.answer({"file": error.file, **check_report(error)}, lines)
        return error.exit_code
    session.answer({"file": str(path), **check_report(None)}, [f"{path}: {recipe.name} is fine"])
    return 0


def _path(name: str) -> Path:
    from sparkctl.cli.failure import did_you_mean
    from sparkctl.errors import UsageError
    from sparkctl.playbook import files

    if "/" in name or name.endswith((".yml", ".yaml")):
        return Path(name)
    path = files.find(name)
    if path is None:
        near = did_you_mean(name, files.names())
        hint = f"sparkctl playbook show {near}" if near else "sparkctl playbook list"
        raise UsageError(f"looking for the playbook {name!r}: there is none", hint=hint)
    return path
