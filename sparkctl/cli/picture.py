"""A picture of what the demo said, for a page: SVG, as rich draws a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

WIDTH = 100
"""Columns of the picture."""
SHOWN = 9
"""Lines of a stage that the picture keeps, its last; a whole demo would be taller than any page."""


class Picture:
    """Collects coloured lines; `with` it, and the file is written at the end, also of a run that failed."""

    def __init__(self, file: Path, title: str) -> None:
        self._file, self._title = file, title
        self._lines: list[str] = []

    def __enter__(self) -> Picture:
        return self

    def __exit__(self, *_: object) -> None:
        self.write()

    def add(self, lines: Sequence[str], *, shown: int | None = None) -> None:
        """Add lines; of more than `shown`, the last, and how many were left out."""
        left_out = 0 if shown is None else max(0, len(lines) - shown)
        if left_out:
            self._lines.append(f"  \x1b[2m... {left_out} lines\x1b[0m")
        self._lines += lines[left_out:]

    def write(self) -> None:
        console = self._console()
        from rich.text import Text

        for line in self._lines:
            console.print(Text.from_ansi(line))
        self._file.write_text(console.export_svg(title=self._title), encoding="utf-8")

    def _console(self) -> Any:
        import io

        from rich.console import Console

        return Console(record=True, file=io.StringIO(), width=WIDTH, force_terminal=True, highlight=False, markup=False)
