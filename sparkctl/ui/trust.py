"""The hosts' keys as a table, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sparkctl.ssh.hostkeys import HostKey
from sparkctl.ssh.trust import TrustItem
from sparkctl.ui.columns import Cell, columns

STYLE = {"new": "yellow", "pinned": "green", "changed": "bad", "unreachable": "bad"}


def trust_lines(items: Sequence[TrustItem], *, limit: int | None, color: bool) -> list[str]:
    """`spark-1  192.168.1.21:22  new  ssh-ed25519 SHA256:…`, a line a host."""
    rows = [
        (item.host, item.place, Cell(item.state, STYLE[item.state]), str(item.key) if item.key else _why(item))
        for item in items
    ]
    return columns(rows, limit=limit, color=color)


def trust_json(items: Sequence[TrustItem], pinned: Collection[HostKey]) -> dict[str, Any]:
    return {
        "hosts": [
            {
                "name": item.host,
                "place": item.place,
                "state": "pinned" if item.key in pinned else item.state,
                "newly_pinned": item.key in pinned,
                "kind": item.key.kind if item.key else None,
                "fingerprint": item.key.fingerprint if item.key else None,
            }
            for item in items
        ]
    }


def _why(item: TrustItem) -> str:
    return item.error.message if item.error is not None else ""
