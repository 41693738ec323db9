"""Asking, answering and failing: who sees what on which stream."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from sparkctl.cli.failure import Interrupted
from sparkctl.cli.options import Globals
from sparkctl.cli.session import Session
from sparkctl.converge.events import Event, Kind
from sparkctl.errors import StepFailed, UsageError
from sparkctl.ui.terminal import Stream, Terminal, terminal


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def _session(live: bool = True, **options: Any) -> tuple[Session, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    shown = Terminal(Stream(out, False, None), Stream(err, False, 80 if live else None), live)
    return Session(Globals(**options), ("down",), "sparkctl.down/v1", shown), out, err


@pytest.mark.parametrize("answer", ["y\n", "yes\n", " Y \n"])
def test_yes_goes_on(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(sys, "stdin", Tty(answer))
    session, out, err = _session()
    session.confirm("taking it \x1b[2Jdown")
    assert (out.getvalue(), err.getvalue()) == ("", "taking it down? [y/N] ")


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yess\n"])
def test_anything_else_does_nothing(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(sys, "stdin", Tty(answer))
    with pytest.raises(UsageError, match="nothing was done"):
        _session()[0].confirm("taking it down")


@pytest.mark.parametrize(("live", "options"), [(False, {}), (True, {"output": "json"}), (False, {"inventory": "lab"})])
def test_where_nobody_can_be_asked_it_says_how(
    monkeypatch: pytest.MonkeyPatch, live: bool, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(sys, "stdin", Tty("y\n"))
    with pytest.raises(UsageError) as raised:
        _session(live, **options)[0].confirm("taking it down")
    where = "-i lab " if "inventory" in options else ""
    assert raised.value.hint == f"sparkctl {where}down --yes"


def test_yes_is_not_asked_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    _session(False, yes=True)[0].confirm("taking it down")


def test_json_is_one_object_even_with_errors() -> None:
    session, out, err = _session(output="json", inventory="lab")
    session.say("not for a program")
    session.fail([StepFailed("a", hint="sparkctl up"), StepFailed("b")], {"ok": False})
    said = json.loads(out.getvalue())
    assert (said["schema"], said["ok"], said["error"]["hint"]) == ("sparkctl.down/v1", False, "sparkctl -i lab up")
    assert [error["message"] for error in said["errors"]] == ["a", "b"]
    assert err.getvalue() == ""


def test_what_was_under_way_is_told_when_a_run_is_interrupted() -> None:
    session, _, _ = _session(live=False)
    with pytest.raises(Interrupted) as raised, session.progress() as view:
        view(Event(Kind.STEP_STARTED, 0.0, host="spark-1", step="package.docker"))
        raise KeyboardInterrupt
    assert raised.value.state is not None
    assert raised.value.state.startswith("during package.docker on spark-1; ")
    with pytest.raises(Interrupted) as raised, session.progress() as view:
        view(Event(Kind.GATE_WAITING, 0.0, step="joined", text="spark-2 to join"))
        raise KeyboardInterrupt
    assert raised.value.state == "while waiting for spark-2 to join; what was started goes on on the hosts"


@pytest.mark.parametrize(
    ("color", "env", "coloured"),
    [
        ("auto", {}, True),
        ("auto", {"NO_COLOR": "1"}, False),
        ("auto", {"NO_COLOR": ""}, True),
        ("auto", {"TERM": "dumb"}, False),
        ("never", {}, False),
        ("always", {"NO_COLOR": "1"}, True),
    ],
)
def test_colour(color: Any, env: dict[str, str], coloured: bool) -> None:
    shown = terminal(color, env, Tty(), Tty())
    assert (shown.out.color, shown.err.color) == (coloured, coloured)
    assert shown.live is (env.get("TERM") != "dumb")
    piped = terminal(color, env, io.StringIO(), Tty())
    assert piped.out.color is (color == "always") and piped.out.width is None


@pytest.mark.parametrize(("columns", "width"), [("132", 132), ("0", 80), ("x", 80), ("", 80)])
def test_width(columns: str, width: int) -> None:
    assert terminal("auto", {"COLUMNS": columns}, Tty(), Tty()).out.width == width


def test_what_the_encoding_cannot_say_is_replaced() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    Stream(file, False, None).lines(["1500 → 9000 日本"])
    assert raw.getvalue() == b"1500 ? 9000 ??\n"
