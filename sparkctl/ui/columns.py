"""Rows as aligned columns; only the last column wraps, and only where a terminal sets a width. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkctl.ui.text import clean, pad, paint, width

GAP = "  "
LEAST = 24
"""Cells that the last column needs beside the others; with less it goes below them."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and its style (a name of `ui.text.STYLES`)."""

    text: str
    style: str = ""


Row = Sequence[Cell | str]


def columns(rows: Sequence[Row], *, limit: int | None, color: bool, indent: str = "") -> list[str]:
    """Lines of the table. `limit` is the terminal's width in cells, None for a file or a pipe: nothing is wrapped."""
    table = [[_cell(cell) for cell in row] for row in rows]
    if not table:
        return []
    count = max(len(row) for row in table)
    widths = [max((width(row[i].text) for row in table if i < len(row) - 1), default=0) for i in range(count)]
    lines: list[str] = []
    for row in table:
        lines += _lines(row, widths, limit, color, indent)
    return lines


def wrap(text: str, limit: int | None) -> list[str]:
    """`text` in lines of at most `limit` cells (no limit: one line); a word that is longer is broken."""
    if limit is None or width(text) <= limit:
        return [text]
    lines, line, room = [], "", max(8, limit)
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if width(joined) <= room:
            line = joined
            continue
        lines += [line] if line else []
        *full, line = _broken(word, room)
        lines += full
    return [*lines, line] if line or not lines else lines


def _broken(word: str, room: int) -> list[str]:
    parts = [""]
    for char in word:
        if width(parts[-1]) + width(char) > room:
            parts.append("")
        parts[-1] += char
    return parts


def _cell(cell: Cell | str) -> Cell:
    return Cell(clean(cell)) if isinstance(cell, str) else Cell(clean(cell.text), cell.style)


def _lines(row: list[Cell], widths: list[int], limit: int | None, color: bool, indent: str) -> list[str]:
    *head, last = row
    start = indent + "".join(
        paint(cell.text, cell.style, color) + pad("", widths[i] - width(cell.text)) + GAP for i, cell in enumerate(head)
    )
    taken = len(indent) + sum(widths[i] + len(GAP) for i in range(len(head)))
    if limit is None or taken + width(last.text) <= limit:
        return [(start + paint(last.text, last.style, color)).rstrip()]
    if limit - taken >= LEAST:
        first, *more = wrap(last.text, limit - taken)
        return [start + paint(first, last.style, color), *(" " * taken + paint(m, last.style, color) for m in more)]
    below = indent + "    "
    rest = wrap(last.text, limit - len(below)) if last.text else []
    return [*_stack(head, limit, color, indent), *(below + paint(part, last.style, color) for part in rest)]


def _stack(head: list[Cell], limit: int, color: bool, indent: str) -> list[str]:
    """The leading cells unaligned, on as few lines as they fit."""
    lines: list[str] = []
    line, cells = indent, len(indent)
    for cell in head:
        if cells > len(indent) and cells + width(cell.text) > limit:
            lines.append(line.rstrip())
            line, cells = indent + "    ", len(indent) + 4
        line += paint(cell.text, cell.style, color) + GAP
        cells += width(cell.text) + len(GAP)
    return [*lines, line.rstrip()] if any(cell.text for cell in head) else []
