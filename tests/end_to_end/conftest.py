"""A lab of two virtual Sparks for each module; every test types commands as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

SECONDS = {"bootstrap": 420, "serve": 420, "up": 300, "lab": 900}
"""How long a command may take on two busy cores before the test calls it hung; the default is 120."""


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.out)
        return answer

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.json["error"]
        return error


def sparkctl(*words: str, expect: int | None = 0, as_json: bool = True, env: dict[str, str] | None = None) -> Said:
    """Run a command; `expect` is the exit code it must have (None: any)."""
    argv = [sys.executable, "-m", "sparkctl", *(("-o", "json") if as_json else ()), *words]
    seconds = next((SECONDS[word] for word in words if word in SECONDS), 120)
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=seconds,
        env={**os.environ, **(env or {})},
    )
    said = Said(done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in said.out + said.err, said
    if expect is not None:
        assert said.code == expect, f"{' '.join(words)}: exit {said.code}\n{said.out}\n{said.err}"
    return said


def on_lab(*words: str, expect: int | None = 0, **more: Any) -> Said:
    return sparkctl("-i", "lab", *words, expect=expect, **more)


def inside(host: str, script: str) -> str:
    """Run a root shell script in a virtual Spark behind sparkctl's back, as a fault or an onlooker would."""
    from sparkctl.lab import lab

    done = subprocess.run(
        lab.exec_argv(host, ["sh", "-c", script]), capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout


def changed(report: dict[str, Any]) -> set[tuple[str, str]]:
    return {(step["host"], step["ensure"]) for step in report["steps"] if step["outcome"] == "changed"}


@pytest.fixture(scope="module")
def lab() -> Iterator[None]:
    """Two Sparks, freshly booted, their keys pinned; nothing is left of them afterwards."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    sparkctl("lab", "down", "--yes")
    sparkctl("lab", "up", "--nodes", "2", "--yes")
    on_lab("trust", "--forget", "spark-1", expect=None)
    on_lab("trust", "--forget", "spark-2", expect=None)
    on_lab("trust", "--yes")
    yield
    sparkctl("lab", "down", "--yes")
