"""Lines of many hosts on one stream, each whole and under its host's name."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from sparkctl.ui.terminal import Stream
from sparkctl.ui.text import clean, pad, paint, width

TINTS = ("cyan", "yellow", "green", "bold")


class Prefixed:
    """Writes `name | line`; a lone name is left out. Safe for many threads."""

    def __init__(self, stream: Stream, names: Sequence[str]) -> None:
        self._stream, self._lock = stream, Lock()
        room = max((width(clean(name)) for name in names), default=0)
        self._heads = {
            name: paint(pad(clean(name), room), TINTS[number % len(TINTS)], stream.color) + " | " if names[1:] else ""
            for number, name in enumerate(names)
        }

    def line(self, name: str, text: str) -> None:
        with self._lock:
            self._stream.lines([f"{self._heads[name]}{clean(text)}".rstrip()])
