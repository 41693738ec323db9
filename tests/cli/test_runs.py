"""A flow from the command line: dry runs, exit codes, questions, JSON, the journal; each host is a local shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sparkctl.cli import reach, runs
from sparkctl.cli.options import hoist
from sparkctl.cli.session import Session
from sparkctl.converge.journal import past_runs
from sparkctl.ensure.base import Change, Diff
from sparkctl.errors import UnreachableError, UsageError
from sparkctl.facts.base import Fact, Output
from sparkctl.flows.phase import Flow, Gate, Phase, Proven, Refuted
from sparkctl.inventory.cluster import Cluster, Host
from sparkctl.ssh.command import Action, Command, Put
from sparkctl.ssh.hostkeys import KnownHosts
from tests.support.local_door import LocalDoor

CLUSTER = Cluster("two", (Host("a", "10.0.0.1", role="head"), Host("b", "10.0.0.2", role="worker")))


@dataclass(frozen=True)
class Text:
    """A file that holds a text; `broken` is a command that fails instead."""

    name: str
    text: str
    broken: bool = False

    key = property(lambda self: f"text.{self.name}")
    needs = ()

    @property
    def fact(self) -> Fact[Any]:
        def parse(output: Output) -> str | None:
            return output.stdout if output.code == 0 else None

        return Fact(f"content.{self.name}", f"cat {shlex.quote(self.name)}", parse)

    def diff(self, seen: Any) -> Diff:
        return Diff() if seen == self.text else Diff((Change(self.name, str(seen), self.text),))

    def apply(self, seen: Any, diff: Diff) -> Sequence[Action]:
        return [Command(("false",), mutates=True)] if self.broken else [Put(self.text.encode(), self.name)]


def flow(*, broken: bool = False, gate: Gate | None = None) -> Flow:
    return (
        Phase("files", ("a", "b"), lambda host: [Text("greeting", f"hello {host}", broken and host == "b")], gate=gate),
    )


@pytest.fixture
def doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Which hosts answer; take one out by putting an error in its place."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    found: dict[str, Any] = {}

    def stack(session: Session) -> reach.Stack:
        chosen = tuple(host.name for host in CLUSTER.select(session.options.hosts))
        endpoints = {host.name: reach._endpoint(host) for host in CLUSTER.hosts}
        return reach.Stack(CLUSTER, chosen, endpoints, KnownHosts(tmp_path / "known_hosts"))

    def connect_all(endpoints: Any, known: Any, **_: Any) -> dict[str, Any]:
        return {e.host: found.get(e.host) or LocalDoor(e.host, tmp_path / e.host) for e in endpoints}

    monkeypatch.setattr(runs, "stack", stack)
    monkeypatch.setattr("sparkctl.ssh.connect.connect_all", connect_all)
    monkeypatch.setattr("sparkctl.ssh.connect.close_all", lambda opened: None)
    return found


@pytest.fixture
def typed(doors: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(line: str, made: Flow | None = None, **more: Any) -> tuple[int, str, str]:
        parsed = hoist(line.split())
        session = Session.begin(parsed.options, parsed.words, f"sparkctl.{parsed.words[0]}/v1")
        code = runs.run(session, lambda target: made or flow(), **more)
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


def test_dry_run_then_run_then_nothing_to_do(typed: Any, tmp_path: Path) -> None:
    code, out, _ = typed("bootstrap --dry-run --detailed-exitcode -o json")
    listed = json.loads(out)
    assert code == 10
    assert listed["schema"] == "sparkctl.bootstrap/v1"
    assert [(c["host"], c["ensure"], c["before"], c["after"]) for c in listed["changes"]] == [
        ("a", "text.greeting", {"greeting": "None"}, {"greeting": "hello a"}),
        ("b", "text.greeting", {"greeting": "None"}, {"greeting": "hello b"}),
    ]
    assert not (tmp_path / "a/greeting").exists()

    code, out, err = typed("bootstrap")
    assert (code, out) == (0, "")
    assert (tmp_path / "b/greeting").read_text() == "hello b"
    assert "plan: 2 to change on 2 hosts" in err
    assert "bootstrap done in" in err

    code, out, err = typed("bootstrap -o json")
    assert (code, err) == (0, "")
    assert json.loads(out)["counts"] == {"ok": 2}
    code, out, _ = typed("bootstrap --dry-run --detailed-exitcode")
    assert (code, out.splitlines()) == (0, ["plan: nothing to do, 2 as they should be"])


def test_a_dry_run_shows_the_exact_commands_in_a_pipe_unwrapped(typed: Any) -> None:
    _, out, _ = typed("bootstrap --dry-run")
    assert "$ write greeting (7 bytes, mode 0644)" in out
    assert "\x1b" not in out


def test_a_step_that_fails(typed: Any) -> None:
    code, out, err = typed("bootstrap", flow(broken=True))
    assert (code, out) == (1, "")
    assert "error: ensuring text.greeting on b: exit code 1" in err
    code, out, err = typed("bootstrap -o json", flow(broken=True))
    assert (code, err) == (1, "")
    answer = json.loads(out)
    assert (answer["error"]["host"], answer["error"]["step"], answer["ok"]) == ("b", "text.greeting", False)


@pytest.mark.parametrize("line", ["bootstrap", "bootstrap --dry-run"])
def test_a_host_that_is_down_stops_it_before_anything_is_changed(
    typed: Any, doors: dict[str, Any], tmp_path: Path, line: str
) -> None:
    doors["b"] = UnreachableError("connecting to b: no route to host", host="b", hint="ping 10.0.0.2")
    code, _, err = typed(line)
    assert code == 4
    assert "error: connecting to b: no route to host\nfix: ping 10.0.0.2" in err
    assert not (tmp_path / "a/greeting").exists()
    code, out, _ = typed(f"{line} -o json")
    assert (code, json.loads(out)["error"]["code"]) == (4, "unreachable")


def test_only_the_chosen_hosts_are_changed_and_needed(typed: Any, doors: dict[str, Any], tmp_path: Path) -> None:
    doors["b"] = UnreachableError("connecting to b: no route to host", host="b")
    code, _, err = typed("bootstrap --hosts a")
    assert code == 0, err
    assert (tmp_path / "a/greeting").exists() and not (tmp_path / "b").exists()
    with pytest.raises(UsageError):
        typed("bootstrap --hosts nosuch")


def test_a_proof_that_needs_another_host_says_why_that_one_was_not_asked(typed: Any, doors: dict[str, Any]) -> None:
    doors["b"] = UnreachableError("connecting to b: no route to host", host="b")
    here: Fact[str] = Fact("here", "echo here", lambda output: output.stdout)
    gate = Gate("both", {"b": [here]}, lambda seen: Refuted(f"asking b: {seen['b']['here'].reason}", "b"))
    code, _, err = typed("up --hosts a", flow(gate=gate))
    assert code == 4
    assert "asking b: connecting to b: no route to host" in err


def test_what_cannot_be_taken_back_is_not_done_unasked(typed: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        typed("down", ask="taking it down")
    assert raised.value.hint == "sparkctl down --yes"
    assert not (tmp_path / "a/greeting").exists()
    code, _, _ = typed("down --yes", ask="taking it down")
    assert code == 0
    code, _, _ = typed("down", ask="taking it down")
    assert code == 0, "nothing to do needs no answer"


def test_a_proof_that_fails_fails_the_run(typed: Any) -> None:
    gate = Gate("equal", {"a": []}, lambda seen: Refuted("comparing: they differ", "a", "1 != 2", "sparkctl doctor"))
    code, _, err = typed("up", flow(gate=gate))
    assert code == 1
    assert "not proven" in err and "error: comparing: they differ (on a)" in err and "  | 1 != 2" in err


def test_an_answer_is_data_on_stdout(typed: Any) -> None:
    def ended(target: Any, report: Any) -> tuple[dict[str, Any], list[str]]:
        return {"endpoint": "http://x"}, ["http://x"]

    gate = Gate("equal", {"a": []}, lambda seen: Proven("yes"))
    assert typed("serve", flow(gate=gate), ended=ended)[1] == "http://x\n"
    answer = json.loads(typed("serve -o json", flow(gate=gate), ended=ended)[1])
    assert (answer["endpoint"], answer["proofs"]) == ("http://x", ["equal: yes"])


def test_every_run_but_a_dry_one_is_in_the_journal(typed: Any, tmp_path: Path) -> None:
    typed("bootstrap --dry-run")
    typed("bootstrap -v --hosts a")
    typed("bootstrap", flow(broken=True))
    runs_made = list(past_runs(tmp_path / "state/sparkctl", "two"))
    ended = sorted((run["ended"], run["command"]) for run in runs_made)
    assert ended == [("failed", "sparkctl bootstrap"), ("ok", "sparkctl bootstrap")]
    events = [json.loads(line) for path in tmp_path.rglob("events.jsonl") for line in path.read_text().splitlines()]
    assert {event["kind"] for event in events} >= {"phase.started", "step.done", "run.done"}
