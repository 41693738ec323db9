"""The lab's commands call the lab, ask before the cache goes, and answer as text and as JSON. No lab is started."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sparkctl.cli import demo, demonstrate
from sparkctl.cli.main import main
from sparkctl.errors import LockedError
from sparkctl.lab import lab
from sparkctl.lab.record import CableStatus, HostStatus, LabStatus

RUNNING = LabStatus(
    state="degraded",
    hosts=(HostStatus("spark-1", "10.77.0.10", "up"), HostStatus("spark-2", "10.77.0.11", "off")),
    cables=(CableStatus("rail-1a", (("spark-1", "a"), ("spark-2", "a")), (("spark-2", "a"),)),),
    registry="https://nvcr.io (answers)",
    image="sha256:0",
    since=1.0,
    inventory="/run/lab/inventory.yml",
    stand_ins=("RDMA: none",),
)

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    made: list[tuple[str, Any]] = []

    def record(name: str, answer: Any = None) -> None:
        def call(*args: Any, **more: Any) -> Any:
            more.pop("progress", None)
            made.append((name, (*args, *sorted(more.items()))))
            return answer

        monkeypatch.setattr(lab, name, call)

    for name in ("kill", "power_on", "power_off", "cut", "mend", "freeze", "thaw", "down", "up", "shell"):
        record(name)
    record("status", RUNNING)
    monkeypatch.setattr("sparkctl.cli.lab_keys.forget_old_keys", lambda: made.append(("forget_old_keys", ())))
    return made


@pytest.fixture
def typed(calls: list[Any], capfd: pytest.CaptureFixture[str]) -> Typed:
    def run(line: str) -> tuple[int, str, str]:
        code = main(line.split())
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("lab fault kill spark-2", ("kill", ("spark-2",))),
        ("lab kill spark-2", ("kill", ("spark-2",))),
        ("lab fault on spark-2", ("power_on", ("spark-2",))),
        ("lab power-on spark-2", ("power_on", ("spark-2",))),
        ("lab power-off spark-2", ("power_off", ("spark-2",))),
        ("lab fault cut spark-1", ("cut", ("spark-1", None))),
        ("lab fault cut spark-1 enp1s0f1np1", ("cut", ("spark-1", "enp1s0f1np1"))),
        ("lab mend spark-1", ("mend", ("spark-1", None))),
        ("lab fault freeze spark-1", ("freeze", ("spark-1",))),
        ("lab fault thaw spark-1", ("thaw", ("spark-1",))),
        ("lab shell spark-1", ("shell", ("spark-1",))),
        ("lab down", ("down", (("purge", False),))),
        ("lab down --purge --yes", ("down", (("purge", True),))),
    ],
)
def test_each_command_does_the_one_thing(typed: Typed, calls: list[Any], line: str, call: Any) -> None:
    assert typed(line)[0] == 0
    assert calls == [call]


def test_up_forgets_the_keys_of_an_earlier_lab_and_shows_this_one(typed: Typed, calls: list[Any]) -> None:
    code, out, _ = typed("lab up --nodes 3 --image my/vllm:1 -y")
    assert code == 0
    assert calls == [
        ("up", (3, ("image", "my/vllm:1"), ("yes", True))),
        ("forget_old_keys", ()),
        ("status", ()),
    ]
    assert "spark-2  10.77.0.11  off" in out and "unplugged at spark-2 a" in out and "RDMA: none" in out


def test_the_cache_is_not_emptied_unasked(typed: Typed, calls: list[Any]) -> None:
    code, _, err = typed("lab down --purge")
    assert (code, calls) == (2, [])
    assert "fix: sparkctl lab down --purge --yes" in err


def test_status_as_json(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    said = json.loads(typed("lab status -o json")[1])
    assert (said["schema"], said["state"]) == ("sparkctl.lab-status/v1", "degraded")
    assert said["hosts"][1] == {"name": "spark-2", "address": "10.77.0.11", "state": "off"}
    monkeypatch.setattr(lab, "status", lambda: None)
    assert json.loads(typed("lab status -o json")[1])["state"] == "down"
    assert typed("lab status")[1] == "no lab runs on this machine\n"


def test_an_error_of_the_lab_has_its_own_exit_code(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any, **__: Any) -> None:
        raise LockedError("changing the lab: another sparkctl is at it", hint="wait for it to end")

    monkeypatch.setattr(lab, "up", busy)
    code, out, err = typed("lab up")
    assert (code, out) == (6, "")
    assert err.endswith("error: changing the lab: another sparkctl is at it\nfix: wait for it to end\n")


def test_the_demo_ends_with_times_and_what_to_type_next(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[str] = []

    def play(session: Any, stages: Any, picture: Any) -> list[Any]:
        played.extend(str(stage) for stage in stages)
        return [(stage, 1.0) for stage in stages]

    said = demo.Said("Who are you?", "A tiny test model.", "http://10.77.0.10:8000/v1")
    monkeypatch.setattr(demonstrate, "play", play)
    monkeypatch.setattr(demonstrate, "converse", lambda: said)
    code, out, err = typed("lab demo --yes")
    assert (code, out) == (0, "")
    assert said.answer in err and said.endpoint in err
    assert played[0] == "sparkctl lab up --nodes 2 --yes" and played[-1] == "sparkctl -i lab status"
    assert "7.0 s  in all" in err and "sparkctl -i lab logs" in err
    played.clear()
    typed("lab demo --no-keep")
    assert played[-1] == "sparkctl lab down --yes"


@pytest.mark.parametrize(
    "line",
    ["lab down --purge -y", "lab up --yes", "lab demo", "lab shell spark-1", "lab fault kill spark-1", "lab kill x"],
)
def test_a_dry_run_of_what_has_none_touches_nothing(line: str, typed: Typed, calls: list[Any]) -> None:
    code, out, err = typed(f"{line} --dry-run")
    assert (code, out, calls) == (2, "", [])
    assert "has no dry run; nothing was done" in err
