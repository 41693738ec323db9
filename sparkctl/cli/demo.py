"""The script of `sparkctl lab demo`: the very commands that a user would type, one after the other. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from sparkctl.ui.columns import Cell, Row, columns
from sparkctl.ui.text import clean, duration, paint

MODEL = "tiny-cpu"
"""The playbook of the model that the lab's image holds."""


SERVED = "tiny"
"""The name that the playbook gives it."""

QUESTION = "Who are you?"


@dataclass(frozen=True, slots=True)
class Said:
    """What the served model was asked, what it answered, and where it answers."""

    asked: str
    answer: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One command of the demo and what it is for."""

    title: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join(("sparkctl", *self.words))


def stages(nodes: int, image: str | None, yes: bool) -> tuple[Stage, ...]:
    """From nothing to an answer."""
    up = ("lab", "up", "--nodes", str(nodes), *(("--image", image) if image else ()), *(("--yes",) if yes else ()))
    return (
        Stage(f"boot {nodes} virtual Sparks with their cables, registry and apt source", up),
        Stage("pin their SSH host keys, compared with those that the lab made", ("-i", "lab", "trust")),
        Stage("bootstrap: SSH mesh, docker, fabric, NFS, image", ("-i", "lab", "bootstrap")),
        Stage("start Ray on all of them", ("-i", "lab", "up")),
        Stage("serve a model across them", ("-i", "lab", "serve", "--model", MODEL)),
        Stage("ask it", ("-i", "lab", "smoke")),
        Stage("look at it", ("-i", "lab", "status")),
    )


END = Stage("take the lab down again", ("lab", "down", "--yes"))

NEXT = (
    ("sparkctl -i lab logs --only serve", "what vLLM said"),
    ("sparkctl -i lab shell spark-2", "look into a node's container"),
    ("sparkctl -i lab down", "stop serving and Ray, leave the Sparks running"),
    ("sparkctl lab down", "leave nothing of the lab but its cache"),
)


def heading(number: int, count: int, stage: Stage, color: bool) -> list[str]:
    """Two lines above what the stage itself says."""
    return ["", paint(f"[{number}/{count}] {stage.title}", "bold", color), paint(f"$ {stage}", "dim", color)]


def end_lines(
    took: Sequence[tuple[Stage, float]], said: Said, *, keep: bool, limit: int | None, color: bool
) -> list[str]:
    """How long each stage and all of them took, what the model said, and what to type next where the lab goes on."""
    total = sum(seconds for _, seconds in took)
    rows: list[Row] = [(Cell(duration(seconds), "dim"), stage.title) for stage, seconds in took]
    rows.append((Cell(duration(total), "bold"), Cell("in all", "bold")))
    lines = ["", *columns(rows, limit=limit, color=color, indent="  ")]
    talk: list[Row] = [(Cell("you", "dim"), said.asked), (Cell(SERVED, "bold"), Cell(clean(said.answer), "green"))]
    lines += ["", *columns([*talk, (Cell("at", "dim"), said.endpoint)], limit=limit, color=color, indent="  ")]
    if keep:
        commands = [(Cell(command, "cyan"), Cell(what, "dim")) for command, what in NEXT]
        lines += ["", paint("try next:", "bold", color), *columns(commands, limit=limit, color=color, indent="  ")]
    return lines
