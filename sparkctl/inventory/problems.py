"""What is wrong with a file of the user's: every fault at once, each with its place, the cause and the cure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sparkctl.errors import ConfigError, Location

MAX_PROBLEMS = 100
"""Who has more reads the first hundred first."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. `path` names the place in the document (`hosts.spark-2.address`); `line` and `column` count from 1.

    `message` says what was found and what was wanted; `hint` is the one thing to write instead.
    """

    path: str
    line: int | None
    column: int | None
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class DocumentError(ConfigError):
    """A YAML document of the user's is refused. `problems` holds all that is wrong, in the order of the lines."""

    code = "config"
    what = "file"

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = in_order(problems)
        first = self.problems[0]
        more = len(self.problems) - 1
        others = f"{more} more problem{'s'[: more > 1]}"
        super().__init__(
            f"reading {self.what} {file}: {first}" + (f" (and {others})" if more else ""),
            hint=first.hint,
            evidence="\n".join(_line(file, problem) for problem in self.problems) if more else None,
            location=Location(file, first.line, first.column),
        )


class InventoryError(DocumentError):
    """The inventory is refused."""

    what = "inventory"


class PlaybookError(DocumentError):
    """The playbook is refused."""

    what = "playbook"


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Without repetitions, by line and column; what has no place comes first."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.line or 0, p.column or 0)))


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` was probably meant to be."""
    from difflib import get_close_matches

    folded = {name.lower().replace("-", "_"): name for name in known}
    close = get_close_matches(word[:200].lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def _line(file: str, problem: Problem) -> str:
    hint = f" -> {problem.hint}" if problem.hint else ""
    return f"{Location(file, problem.line, problem.column)}: {problem}{hint}"
