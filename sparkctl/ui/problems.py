"""All that is wrong with a file of the user's, one by one. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sparkctl.errors import Location
from sparkctl.inventory.problems import Problem
from sparkctl.ui.columns import wrap
from sparkctl.ui.text import clean, paint, plural


def problem_lines(
    file: str, problems: Sequence[Problem], *, limit: int | None, color: bool, kind: str = "problem"
) -> list[str]:
    """`file:line:column: path: message` and its fix, for each; editors and terminals can jump to the place."""
    lines: list[str] = []
    for problem in problems:
        place = clean(f"{Location(file, problem.line, problem.column)}: ")
        first, *more = wrap(place + clean(str(problem)), limit)
        lines += [paint(place, "bold", color) + first.removeprefix(place), *(f"  {line}" for line in more)]
        if problem.hint:
            lines.append(f"  {paint('fix: ', 'green', color)}{clean(problem.hint)}")
    return [*lines, paint(f"{clean(file)}: {plural(len(problems), kind)}", "bad", color)] if lines else []
