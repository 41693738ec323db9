"""A systemd unit that shall run, now and after each boot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkctl.ensure.base import Change, Diff
from sparkctl.facts.base import Fact, FactUnavailable, Output
from sparkctl.facts.services import UnitState, parse_unit_state, unit_state
from sparkctl.ssh.command import Action, Command


@dataclass(frozen=True, slots=True)
class Service:
    """`unit` (with its suffix) shall be enabled and active. `hint` says what to do where the host has no such unit.

    A unit that something in `needs` installs may be missing yet: its start is planned all the same, and so is told as
    a change even where the package's own scripts come before us.
    """

    unit: str
    needs: tuple[str, ...] = ()
    hint: str | None = None

    @property
    def key(self) -> str:
        return f"service.{self.unit}"

    @property
    def fact(self) -> Fact[UnitState]:
        asked = unit_state(self.unit)
        return Fact(self.key, asked.snippet, self._parse, timeout=asked.timeout)

    def _parse(self, output: Output) -> UnitState:
        seen = parse_unit_state(output)
        if seen.load == "not-found" and not self.needs:
            raise FactUnavailable(f"there is no unit {self.unit}", hint=self.hint)
        return seen

    def diff(self, seen: UnitState) -> Diff:
        if seen.load == "masked":
            return Diff(refuse=f"{self.unit} is masked", hint=f"sudo systemctl unmask {self.unit}")
        changes = []
        if not seen.enabled:
            changes.append(Change(f"{self.unit} at boot", seen.file_state or "absent", "enabled"))
        if seen.active != "active":
            changes.append(Change(self.unit, seen.active or "absent", "active"))
        return Diff(tuple(changes))

    def apply(self, seen: UnitState, diff: Diff) -> Sequence[Action]:
        return [
            *([] if seen.enabled else [systemctl("enable", self.unit)]),
            *([] if seen.active == "active" else [systemctl("start", self.unit, timeout=120)]),
        ]


def systemctl(*words: str, timeout: float = 60.0) -> Command:
    """A systemctl command that changes something."""
    return Command(("systemctl", *words), sudo=True, mutates=True, timeout=timeout)
