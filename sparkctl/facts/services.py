"""systemd units."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from sparkctl.facts.base import Fact, FactUnavailable, Output, require

_ENABLED = frozenset({"enabled", "static", "alias", "indirect", "generated", "linked"})
"""States in which nothing of ours would make the unit start at boot any better (systemctl(1), is-enabled)."""


@dataclass(frozen=True, slots=True)
class UnitState:
    """As `systemctl show` words it."""

    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    file_state: str = ""
    need_reload: bool = False
    result: str = "success"

    @property
    def enabled(self) -> bool:
        return self.file_state in _ENABLED


_PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,Result"


def unit_state(unit: str) -> Fact[UnitState]:
    """The state of one systemd unit; a unit that does not exist is an answer too (`load` is not-found)."""
    return Fact(f"unit {unit}", f"systemctl show -p {_PROPERTIES} -- {shlex.quote(unit)}", parse_unit_state)


def parse_unit_state(output: Output) -> UnitState:
    said = dict(line.partition("=")[::2] for line in require(output).splitlines() if "=" in line)
    if "LoadState" not in said:
        raise FactUnavailable("systemctl said nothing")
    return UnitState(
        load=said["LoadState"],
        active=said.get("ActiveState", ""),
        sub=said.get("SubState", ""),
        file_state=said.get("UnitFileState", ""),
        need_reload=said.get("NeedDaemonReload") == "yes",
        result=said.get("Result", ""),
    )
