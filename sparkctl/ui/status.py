"""What runs where, as a table. Pure; takes the very value that `-o json` prints."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sparkctl.ui.columns import Cell, Row, columns, wrap
from sparkctl.ui.text import clean, paint

STYLE = {
    "serving": "green",
    "up": "green",
    "starting": "yellow",
    "down": "dim",
    "degraded": "bad",
    "unreachable": "bad",
}


def status_lines(now: Mapping[str, Any], hosts: Collection[str], *, limit: int | None, color: bool) -> list[str]:
    """A line a host, then the state of the whole in one sentence."""
    rows = [_row(host) for host in now["hosts"] if host["name"] in hosts]
    state = str(now["state"])
    head = f"{clean(now['cluster'])} is {paint(state, STYLE.get(state, ''), color)}"
    if now.get("endpoint"):
        head += f": {clean(str(now['model']))} at {clean(now['endpoint'])}"
    lines = [*columns(rows, limit=limit, color=color), head]
    ray = now.get("ray")
    if ray:
        lines.append(f"Ray {clean(str(ray['version']))}: {ray['gpus_free']:g} of {ray['gpus']:g} GPUs free")
    if now.get("foreign_nodes"):
        strangers = ", ".join(clean(address) for address in now["foreign_nodes"])
        said = wrap(f"in this Ray, but not in the inventory: {strangers}", limit)
        lines += [paint(line, "yellow", color) for line in said]
    return lines


def _row(host: Mapping[str, Any]) -> Row:
    ray, serving = host["ray"], host["serving"]
    if not host["reachable"]:
        return (host["name"], ray["role"], Cell("unreachable", "bad"), Cell(host.get("reason", ""), "dim"))
    joined = Cell("in Ray", "green") if ray["joined"] else Cell("not in Ray", "bad" if ray["container"] else "dim")
    if "reason" in host:
        return (host["name"], ray["role"], joined, Cell(host["reason"], "bad"))
    said = f"Ray {ray['container']}" if ray["container"] else "no Ray"
    return (host["name"], ray["role"], joined, said, f"vLLM {serving['container']}" if serving["container"] else "")
