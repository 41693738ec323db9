"""The status table says the state in words, whatever a host told us."""

from __future__ import annotations

import re
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from sparkctl.ui.status import status_lines


def _host(name: str, **more: Any) -> dict[str, Any]:
    ray = {"role": "worker", "address": "10.0.0.1", "container": "running", "joined": True}
    return {"name": name, "reachable": True, "ray": ray, "serving": {"container": None}, **more}


SERVING = {
    "cluster": "two",
    "state": "serving",
    "model": "tiny",
    "endpoint": "http://10.0.0.1:8000/v1",
    "hosts": [_host("spark-1", serving={"container": "running"}), _host("spark-2")],
    "ray": {"version": "2.60.0", "gpus": 2.0, "gpus_free": 0.0},
    "foreign_nodes": [],
}
BROKEN = {
    "cluster": "two",
    "state": "degraded",
    "model": None,
    "endpoint": None,
    "hosts": [
        _host("spark-1", ray={"role": "head", "address": "", "container": "exited with code 1", "joined": False}),
        _host("spark-2", reachable=False, reason="no answer from 10.0.0.2:22 within 5 s"),
        _host("spark-3", reason="this user may not talk to docker\x1b[2J"),
    ],
    "foreign_nodes": ["10.9.9.9"],
}


@pytest.mark.parametrize("limit", [40, 80, None])
@pytest.mark.parametrize("now", [SERVING, BROKEN], ids=["serving", "broken"])
def test_status(now: dict[str, Any], limit: int | None, snapshot: SnapshotAssertion) -> None:
    lines = status_lines(now, ["spark-1", "spark-2", "spark-3"], limit=limit, color=False)
    assert lines == snapshot
    assert not any(re.search("[\x00-\x1f]", line) for line in lines)


def test_only_the_chosen_hosts() -> None:
    lines = status_lines(SERVING, ["spark-2"], limit=None, color=False)
    assert [line.split()[0] for line in lines] == ["spark-2", "two", "Ray"]
