"""A YAML document as data whose every part knows its line and column. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sparkctl.inventory.letters import shown
from sparkctl.inventory.problems import Problem

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is (from 1): its value, its key (of list items: the value again), and the text as written."""

    line: int
    column: int
    key_line: int
    key_column: int
    text: str | None = None


@dataclass(slots=True)
class Document:
    """The data, where each part of it is, and what is wrong with it as YAML.

    `refused` are the nodes whose YAML is wrong already; not `complete` is what could not be read to its end.
    """

    data: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    refused: set[Path] = field(default_factory=set)
    complete: bool = True

    def problem(self, path: Path, message: str, hint: str | None = None, *, at_key: bool = False) -> Problem:
        """A fault at `path`, or at the nearest place above it that exists."""
        near = path
        while near and near not in self.places:
            near = near[:-1]
        place = self.places.get(near, Place(1, 1, 1, 1))
        line, column = (place.key_line, place.key_column) if at_key or near != path else (place.line, place.column)
        return Problem(dotted(path), line, column, message, hint)

    def refuse(self, path: Path, message: str, hint: str | None = None, *, at_key: bool = False) -> None:
        """Note a fault of the YAML itself; what the schema would say about the same node is then of no interest."""
        self.problems.append(self.problem(path, message, hint, at_key=at_key))
        self.refused.add(path)

    def text(self, path: Path) -> str | None:
        """A scalar as it was written."""
        place = self.places.get(path)
        return place.text if place else None


def dotted(path: Path) -> str:
    """`hosts.spark-2.address`, `nfs[0].server`; a hostile key is shown in quotes."""
    parts = ""
    for part in path:
        if isinstance(part, int):
            parts += f"[{part}]"
        else:
            part = part.partition("\0")[0]
            name = part if part.isascii() and part and not set(part) - _NAME and len(part) <= 64 else shown(part)
            parts += f".{name}" if parts else name
    return parts


_NAME = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/")
