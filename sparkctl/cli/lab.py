"""`sparkctl lab`: virtual Sparks on this machine."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from sparkctl.cli.app import EPILOG, new_app
from sparkctl.cli.faults import FAULTS, faults, no_dry_run
from sparkctl.cli.session import Session

app = new_app("virtual Sparks on this machine")
app.callback(epilog=EPILOG)(no_dry_run)

Nodes = Annotated[int, typer.Option(min=1, max=64, help="How many virtual Sparks.")]
Image = Annotated[str | None, typer.Option(metavar="REF", help="A ready CPU image to pull instead of building one.")]


@app.command(epilog=EPILOG)
def up(context: typer.Context, nodes: Nodes = 2, image: Image = None) -> int:
    """boot virtual Sparks with their cables, registry and apt source

    The first time it builds a root file system and an image with Ray and vLLM for CPU, and keeps both in the
    user's cache directory. Needs Linux and root. An interrupted run is finished by the next.

    \b
    sudo sparkctl lab up --nodes 2 --yes
    """
    from sparkctl.cli.lab_keys import forget_old_keys
    from sparkctl.lab import lab
    from sparkctl.ui.stages import Stages

    session: Session = context.obj
    with Stages(session.terminal, quiet=session.json) as stages:
        lab.up(nodes, yes=session.options.yes, image=image, progress=stages)
        forget_old_keys()
    return _show(session)


@app.command(epilog=EPILOG)
def down(
    context: typer.Context,
    purge: Annotated[bool, typer.Option("--purge", help="Empty the cache, too: the next start is a cold one.")] = False,
) -> int:
    """take the lab away: no process, namespace, mount or cgroup is left"""
    from sparkctl.lab import lab
    from sparkctl.ui.stages import Stages

    session: Session = context.obj
    if purge:
        session.confirm("emptying the lab's cache")
    with Stages(session.terminal, quiet=session.json) as stages:
        lab.down(purge=purge, progress=stages)
    session.answer({"down": True, "purged": purge}, ["the lab is down" + (", its cache is empty" if purge else "")])
    return 0


@app.command(epilog=EPILOG)
def status(context: typer.Context) -> int:
    """which virtual Sparks there are, and whether they are up"""
    return _show(context.obj)


@app.command(epilog=EPILOG)
def demo(
    context: typer.Context,
    nodes: Nodes = 2,
    image: Image = None,
    keep: Annotated[bool, typer.Option("--keep/--no-keep", help="Leave it running at the end.")] = True,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a picture of the run.")] = None,
) -> int:
    """from nothing to an answer: two virtual Sparks serve a model

    Runs lab up, trust, bootstrap, up, serve, smoke and status, as you would type them.

    \b
    sudo sparkctl lab demo --yes
    """
    from sparkctl.cli import demo as script
    from sparkctl.cli.demonstrate import converse, play
    from sparkctl.cli.picture import Picture

    session: Session = context.obj
    err = session.terminal.err
    with nullcontext() if svg is None else Picture(svg, "sparkctl lab demo") as picture:
        took = play(session, script.stages(nodes, image, session.options.yes), picture)
        said = converse()
        took += [] if keep else play(session, (script.END,), picture)
        session.say(*script.end_lines(took, said, keep=keep, limit=err.width, color=err.color))
        if picture is not None:
            picture.add(script.end_lines(took, said, keep=keep, limit=None, color=True))
    stages = [{"command": str(stage), "seconds": round(s, 1)} for stage, s in took]
    session.answer({"stages": stages, "asked": said.asked, "answer": said.answer, "endpoint": said.endpoint}, [])
    return 0


@app.command(epilog=EPILOG)
def shell(context: typer.Context, host: Annotated[str, typer.Argument(metavar="HOST")]) -> None:
    """a root shell in a virtual Spark, without its sshd"""
    from sparkctl.lab import lab

    lab.shell(host)


app.add_typer(faults, name="fault")
for _name, _fault in FAULTS.items():
    app.command({"on": "power-on", "off": "power-off"}.get(_name, _name), epilog=EPILOG, hidden=True)(_fault)


def _show(session: Session) -> int:
    from sparkctl.lab import lab
    from sparkctl.ui.lab import lab_json, lab_lines

    now = lab.status()
    out = session.terminal.out
    session.answer(lab_json(now), lab_lines(now, limit=out.width, color=out.color))
    return 0
