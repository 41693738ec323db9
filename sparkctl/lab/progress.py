"""How the long parts of the lab tell what they are doing, without knowing who shows it."""

from __future__ import annotations

import threading
from typing import Protocol


class Progress(Protocol):
    """Receives the state of one step at a time.

    Called again and again with the same title while a step runs. `done` and `total` count in `unit` ("MB", "packages",
    "s", …); a step without a total is one whose length cannot be known. `done == total` ends the step, and so does the
    next title.
    """

    def step(self, title: str, done: float | None = None, total: float | None = None, unit: str = "") -> None: ...


class Silent:
    """A `Progress` that nobody watches."""

    def step(self, title: str, done: float | None = None, total: float | None = None, unit: str = "") -> None:
        return


class Shared:
    """A `Progress` that several threads may tell at once."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()

    def step(self, title: str, done: float | None = None, total: float | None = None, unit: str = "") -> None:
        with self._lock:
            self._progress.step(title, done, total, unit)
