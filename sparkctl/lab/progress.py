"""How the long parts of the lab say where they are; the screen decides how it looks."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Whoever shows a long piece of work to people."""

    def step(self, title: str, done: float | None = None, total: float | None = None, unit: str = "") -> None:
        """Say what is being done, and how much of it (`done` of `total`, in `unit`) where that is known."""
