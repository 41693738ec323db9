"""One line of what is under way, as rich draws it: spinner, time, bar; never longer than the terminal is wide."""

from __future__ import annotations

from rich.text import Text

from sparkctl.ui.text import clean, duration, pad

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
BAR = 16
"""Cells of a bar."""


def doing(
    now: float, since: float, words: tuple[tuple[str, int], ...], done: float | None, total: float | None, says: str
) -> Text:
    """`⠋ spark-1  12.3 s  image  ━━━━━━━━ 3 of 7 layers`. `words` are texts with the cells of their columns."""
    line = Text(f"{FRAMES[int(now * 8) % len(FRAMES)]} ", style="cyan", no_wrap=True)
    (first, cells), *others = words
    line.append(pad(_cut(first, cells), cells), style="bold not dim default")
    line.append(f"  {duration(max(0.0, now - since)):>8}  ", style="dim")
    for word, cells in others:
        line.append(pad(_cut(word, cells), cells) + "  ", style="default")
    if done is not None and total:
        full = round(BAR * min(1.0, max(0.0, done / total)))
        line.append("━" * full, style="cyan").append("━" * (BAR - full) + "  ", style="dim")
    return line.append(clean(says), style="dim")


def fit(lines: list[Text], cells: int) -> Text:
    """Below each other, each cut to the terminal's width."""
    for line in lines:
        line.truncate(max(1, cells - 1), overflow="ellipsis")
    return Text("\n", no_wrap=True).join(lines)


def _cut(word: str, cells: int) -> str:
    text = Text(clean(word))
    text.truncate(max(1, cells), overflow="ellipsis")
    return text.plain
