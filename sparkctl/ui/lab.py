"""The running lab as text and JSON. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sparkctl.lab.record import CableStatus, LabStatus
from sparkctl.ui.columns import Cell, Row, columns, wrap

STYLE = {"up": "green", "booting": "yellow", "starting": "yellow", "frozen": "cyan", "off": "bad", "degraded": "bad"}


def lab_lines(lab: LabStatus | None, *, limit: int | None, color: bool) -> list[str]:
    """A line a host, a line a cable, and what is not real."""
    if lab is None:
        return ["no lab runs on this machine"]
    rows: list[Row] = [(host.name, host.address, Cell(host.state, STYLE.get(host.state, ""))) for host in lab.hosts]
    lines = columns(rows, limit=limit, color=color)
    lines += columns([_cable(cable) for cable in lab.cables], limit=limit, color=color)
    facts: list[Row] = [("inventory", lab.inventory), ("registry", lab.registry)]
    facts += [("image", lab.image)] if lab.image else []
    facts += [("not real", "; ".join(lab.stand_ins))] if lab.stand_ins else []
    return [*lines, *columns(facts, limit=limit, color=color), *wrap(f"the lab is {lab.state}", limit)]


def lab_json(lab: LabStatus | None) -> dict[str, Any]:
    return {"state": "down", "hosts": []} if lab is None else asdict(lab)


def _cable(cable: CableStatus) -> Row:
    ends = " = ".join(f"{host} {netdev}" for host, netdev in cable.ends)
    pulled = ", ".join(f"{host} {netdev}" for host, netdev in cable.cut)
    return (cable.name, Cell(f"unplugged at {pulled}", "bad") if pulled else Cell("plugged in", "green"), ends)
