from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sparkctl.converge import Event, Fleet, Kind, Outcome, Plan, Report, Verdict, converge, plan, to_json
from sparkctl.ensure.base import Change, Deferred, Diff, Explanation, Ref, Step
from sparkctl.errors import StepFailed, UnreachableError
from sparkctl.facts.base import Fact, FactUnavailable, Output
from sparkctl.flows.phase import Flow, Gate, NotYet, Phase, Proven, Refuted, Seen
from sparkctl.ssh.command import Action, Command, Put, Result
from tests.support.local_door import LocalDoor


def content(name: str) -> Fact[str | None]:
    def parse(output: Output) -> str | None:
        return output.stdout if output.code == 0 else None

    return Fact(f"content.{name}", f"cat {shlex.quote(name)}", parse)


def must_exist(name: str) -> Fact[str]:
    def parse(output: Output) -> str:
        if output.code != 0:
            raise FactUnavailable(f"{name} is not there")
        return output.stdout

    return Fact(f"must-exist.{name}", f"cat {shlex.quote(name)}", parse)


@dataclass(frozen=True)
class Text:
    """The simplest ensure there is: a file with a text."""

    name: str
    text: str
    needs: tuple[str, ...] = ()
    broken: str = ""
    asked: Fact[Any] | None = None

    @property
    def key(self) -> str:
        return f"text.{self.name}"

    @property
    def fact(self) -> Fact[Any]:
        return self.asked or content(self.name)

    def diff(self, seen: Any) -> Diff:
        return Diff() if seen == self.text else Diff((Change(self.name, repr(seen), repr(self.text)),))

    def apply(self, seen: Any, diff: Diff) -> Sequence[Action]:
        if self.broken:
            return [Command(("sh", "-c", self.broken), mutates=True)]
        return [Put(self.text.encode(), self.name)]

    def explain(self, said: str) -> Explanation | None:
        return Explanation("the disk is full", "df -h") if "No space" in said else None


def phase(title: str, steps: dict[str, list[Step]], gate: Gate | None = None) -> Phase:
    return Phase(title, tuple(steps), lambda host: steps[host], gate=gate)


class Stage:
    """Two hosts, their doors, and what was said."""

    def __init__(self, tmp: Path) -> None:
        self.doors: dict[str, LocalDoor | UnreachableError] = {h: LocalDoor(h, tmp / h) for h in ("a", "b")}
        self.events: list[Event] = []

    def fleet(self) -> Fleet:
        return Fleet(dict(self.doors), self.events.append)

    def plan(self, flow: Flow) -> Plan:
        return plan(flow, self.fleet())

    def run(self, flow: Flow) -> Report:
        self.events.clear()
        fleet = self.fleet()
        return converge(flow, plan(flow, fleet), fleet)

    def outcomes(self, report: Report) -> dict[str, str]:
        return {f"{s.host}/{s.key}": s.outcome.value for s in report.steps}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def two_phases() -> Flow:
    return (
        phase("First", {"a": [Text("one", "1")], "b": [Text("one", "1")]}),
        phase("Second", {"a": [Text("two", "2"), Text("three", "3")], "b": [Text("two", "2")]}),
    )


def test_a_dry_plan_sends_only_probes_and_one_script_a_host(stage: Stage) -> None:
    made = stage.plan(two_phases())
    assert [i.verdict for i in made.items] == [Verdict.CHANGE] * 5
    for door in stage.doors.values():
        assert isinstance(door, LocalDoor)
        assert (door.sent, door.scripts) == ([], 1)


def test_converge_makes_it_true_and_the_second_run_does_nothing(stage: Stage) -> None:
    first = stage.run(two_phases())
    assert (first.exit_code, first.changed) == (0, 5)
    for door in stage.doors.values():
        assert isinstance(door, LocalDoor)
        door.sent.clear()
        door.scripts = 0
    second = stage.run(two_phases())
    assert (second.exit_code, second.counts) == (0, {"ok": 5})
    for door in stage.doors.values():
        assert isinstance(door, LocalDoor)
        assert (door.sent, door.scripts) == ([], 1)


def test_the_dry_run_lists_what_the_run_then_did(stage: Stage) -> None:
    said = to_json(stage.plan(two_phases()))
    listed = {(c["host"], c["ensure"]) for c in said["changes"] + said["unknown"]}
    report = stage.run(two_phases())
    assert listed == {(s.host, s.key) for s in report.steps if s.outcome is Outcome.CHANGED}
    assert said["changes"][0] == {
        "host": "a",
        "phase": "First",
        "ensure": "text.one",
        "before": {"one": "None"},
        "after": {"one": "'1'"},
        "commands": ["write one (1 bytes, mode 0644)"],
    }


def deferred_flow() -> Flow:
    ref = Ref("a", must_exist("key"), "text.key")
    later = Deferred("text.peer-key", (ref,), lambda key: Text("peer-key", key))
    return (phase("Keys", {"a": [Text("key", "k1")], "b": [later]}),)


def test_what_depends_on_a_pending_change_elsewhere_is_unknown_then_done(stage: Stage) -> None:
    item = stage.plan(deferred_flow()).items[1]
    assert (item.verdict, item.reason) == (Verdict.UNKNOWN, "known after a/text.key")
    report = stage.run(deferred_flow())
    assert stage.outcomes(report) == {"a/text.key": "changed", "b/text.peer-key": "changed"}
    assert stage.run(deferred_flow()).counts == {"ok": 2}


def test_what_refers_to_a_value_about_to_change_is_unknown_not_judged_by_the_old_one(stage: Stage) -> None:
    assert stage.run(deferred_flow()).exit_code == 0
    door = stage.doors["a"]
    assert isinstance(door, LocalDoor)
    (door.root / "key").write_text("old")
    item = stage.plan(deferred_flow()).items[1]
    assert (item.verdict, item.reason) == (Verdict.UNKNOWN, "known after a/text.key")
    assert stage.run(deferred_flow()).counts == {"changed": 1, "ok": 1}


def test_a_fact_that_nothing_pending_will_give_is_a_failure_and_changes_nothing(stage: Stage) -> None:
    flow = (phase("One", {"a": [Text("x", "x", asked=must_exist("missing")), Text("y", "y")]}),)
    report = stage.run(flow)
    assert report.exit_code == 1
    assert report.errors[0].message == "ensuring text.x on a: missing is not there"
    assert stage.outcomes(report) == {"a/text.x": "failed", "a/text.y": "skipped"}
    assert not (stage.doors["a"].root / "y").exists()  # type: ignore[union-attr]


def test_a_failing_step_stops_later_phases_but_not_the_other_hosts_of_its_own(stage: Stage) -> None:
    flow = (
        phase("First", {"a": [Text("one", "1", broken="echo No space left >&2; exit 1")], "b": [Text("one", "1")]}),
        phase("Second", {"b": [Text("two", "2")]}),
    )
    report = stage.run(flow)
    assert stage.outcomes(report) == {"a/text.one": "failed", "b/text.one": "changed", "b/text.two": "skipped"}
    error = report.errors[0]
    assert (error.message, error.hint) == ("ensuring text.one on a: the disk is full", "df -h")
    assert error.evidence is not None and "No space left" in error.evidence


def test_an_action_that_succeeds_without_effect_is_a_failure(stage: Stage) -> None:
    report = stage.run((phase("Lie", {"a": [Text("one", "1", broken="true")]}),))
    assert report.exit_code == 1
    assert "it still differs afterwards" in report.errors[0].message


def test_a_cut_connection_is_probed_before_it_is_believed(stage: Stage) -> None:
    door = stage.doors["a"]
    assert isinstance(door, LocalDoor)
    door.cut_after_mutations = 0
    report = stage.run(two_phases())
    assert (report.exit_code, door.logins) == (0, 2)


def test_what_a_cut_action_had_changed_is_told_as_changed(stage: Stage) -> None:
    door = stage.doors["a"]
    assert isinstance(door, LocalDoor)
    door.cut_after_mutations = 0
    assert stage.run(two_phases()).counts == {"changed": 5}


def test_an_action_that_cuts_the_connection_every_time_fails_its_step(stage: Stage) -> None:
    door = stage.doors["a"]
    assert isinstance(door, LocalDoor)
    door.run = lambda command, on_line=None: Result("a", command, None)  # type: ignore[method-assign]
    report = stage.run((phase("Cut", {"a": [Text("one", "1", broken="true")]}),))
    assert (report.exit_code, door.logins) == (1, 3), "once more after the first cut, then no more"


def test_ctrl_c_does_not_log_in_again_on_the_doors_that_it_shut(tmp_path: Path) -> None:
    door = Hanging("a", tmp_path)
    fleet = Fleet({"a": door, "b": LocalDoor("b", tmp_path)}, lambda event: None)

    def work(host: str) -> None:
        if host == "a":
            fleet._ask("a", [content("one")])
        assert door.asked.wait(10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fleet.each(("b", "a"), work)
    assert door.logins == 1


class Hanging(LocalDoor):
    """Answers only when it is shut, as a host does on which something hangs; and lets itself be opened again."""

    def __init__(self, host: str, root: Path) -> None:
        super().__init__(host, root)
        self.asked, self.shut = threading.Event(), threading.Event()

    def run_script(self, script: str, *, timeout: float) -> Result:
        self.asked.set()
        assert self.shut.wait(10)
        return Result(self.host, Command(("sh",)), None)

    def close(self) -> None:
        self.shut.set()


def test_a_host_that_dies_in_the_middle_leaves_an_unknown_outcome_not_a_guess(stage: Stage) -> None:
    door = stage.doors["a"]
    assert isinstance(door, LocalDoor)
    original = door.put

    def put_then_die(put: Put) -> Any:
        original(put)
        door.dead = True
        raise UnreachableError("writing a file on a: connection lost", host="a")

    door.put = put_then_die  # type: ignore[method-assign]
    report = stage.run(two_phases())
    assert stage.outcomes(report)["a/text.one"] == "unknown"
    assert stage.outcomes(report)["b/text.one"] == "changed"
    assert stage.outcomes(report)["b/text.two"] == "skipped"
    assert report.exit_code == 5


def test_an_unreachable_host_stops_the_run_before_anything_is_changed(stage: Stage) -> None:
    stage.doors["b"] = UnreachableError("connecting to b: timed out", host="b", hint="is b switched on?")
    report = stage.run(two_phases())
    assert report.exit_code == 4
    assert stage.outcomes(report)["a/text.one"] == "skipped"
    assert stage.outcomes(report)["b/text.one"] == "unreachable"
    door = stage.doors["a"]
    assert isinstance(door, LocalDoor) and door.sent == []


@pytest.mark.parametrize("cut", range(5))
def test_a_run_stopped_at_any_action_is_finished_by_running_it_again(stage: Stage, cut: int) -> None:
    door = stage.doors["a"]
    assert isinstance(door, LocalDoor)
    original, left = door.put, [cut]

    def put(put: Put) -> Any:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        return original(put)

    door.put = put  # type: ignore[method-assign]
    if cut < 3:
        with pytest.raises(KeyboardInterrupt):
            stage.run(two_phases())
    for name, again in list(stage.doors.items()):
        assert isinstance(again, LocalDoor)
        stage.doors[name] = LocalDoor(name, again.root)
    assert stage.run(two_phases()).exit_code == 0
    assert stage.run(two_phases()).counts == {"ok": 5}


def gate(judge: Callable[[Seen], Any], **more: Any) -> Gate:
    return Gate("joined", {"a": [content("one")]}, judge, every=0.01, **more)


def test_a_gate_is_polled_until_it_is_proven(stage: Stage) -> None:
    answers = iter([NotYet("the worker", 1, 2), NotYet("the worker", 1, 2), Proven("2 of 2 nodes")])
    flow = (phase("Up", {"a": [Text("one", "1")]}, gate(lambda seen: next(answers), deadline=5)),)
    report = stage.run(flow)
    assert (report.exit_code, report.proofs) == (0, ("joined: 2 of 2 nodes",))
    assert [e.text for e in stage.events if e.kind is Kind.GATE_WAITING] == ["the worker"] * 2


def test_a_gate_that_is_out_of_time_says_what_it_waited_for(stage: Stage) -> None:
    flow = (phase("Up", {"a": [Text("one", "1")]}, gate(lambda seen: NotYet("spark-2 to join"), deadline=0.05)),)
    report = stage.run(flow)
    assert report.exit_code == 1
    assert report.errors[0].message.endswith("spark-2 to join")


def test_a_refuted_gate_is_explained_by_asking_once_more(stage: Stage) -> None:
    refused = gate(
        lambda seen: Refuted("vllm exited", host="a"),
        deadline=5,
        explain={"a": [content("one")]},
        blame=lambda seen, why: Refuted(why.message, why.host, evidence=f"log: {seen['a']['content.one']}", hint="h"),
    )
    report = stage.run((phase("Up", {"a": [Text("one", "1")]}, refused),))
    assert (report.errors[0].evidence, report.errors[0].hint) == ("log: 1", "h")


def test_a_run_with_nothing_to_do_still_gives_its_proofs(stage: Stage) -> None:
    flow = (phase("Up", {"a": [Text("one", "1")]}, gate(lambda seen: Proven(str(seen["a"]["content.one"])))),)
    stage.run(flow)
    assert stage.run(flow).proofs == ("joined: 1",)


def test_facts_that_need_root_say_which_problem_sudo_met(stage: Stage) -> None:
    door = stage.doors["a"]
    assert isinstance(door, LocalDoor)

    def refused(command: Command, on_line: Any = None) -> Any:
        raise StepFailed("becoming root on a as dan: sudo asks for a password", host="a", hint="on a: echo …")

    def without_root(script: str, *, timeout: float) -> Result:
        return Result("a", Command(("sh",)), 0, "", "sudo: a password is required\n")

    door.run = refused  # type: ignore[method-assign]
    door.run_script = without_root  # type: ignore[method-assign]
    needs_root = Fact("shadow", "cat /etc/shadow", lambda output: output.stdout, sudo=True)
    (item,) = stage.plan((phase("Root", {"a": [Text("x", "x", asked=needs_root)]}),)).items
    assert item.reason == "becoming root on a as dan: sudo asks for a password"
    assert item.hint == "on a: echo …"


def test_a_host_that_is_lost_while_a_gate_waits_ends_the_run_as_unreachable(stage: Stage) -> None:
    gone = gate(lambda seen: Refuted("waiting for a: it went away", host="a"), deadline=5)
    flow = (phase("Up", {"a": [Text("one", "1")]}, gone),)
    stage.run((phase("Up", {"a": [Text("one", "1")]}),))
    fleet = stage.fleet()
    made = plan(flow, fleet)
    fleet.lose("a", UnreachableError("connecting to a: no route", host="a", hint="is a switched on?"))
    report = converge(flow, made, fleet)
    assert (report.exit_code, report.errors[-1].hint) == (4, "is a switched on?")
