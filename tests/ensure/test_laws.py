"""The laws that every ensure keeps (design, section 4), run over all of them on the fake Spark."""

from __future__ import annotations

import copy
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sparkctl.ensure
from sparkctl.ensure.base import Ensure
from sparkctl.facts.base import FactUnavailable, Missing, Output
from sparkctl.ssh.command import Command, Put
from tests.ensure.examples import CANARY, EXAMPLES, Example
from tests.ensure.seen_values import seen_values
from tests.ensure.simulated_answers import answer, value
from tests.ensure.simulated_host import SimulatedHost

CASES = [
    pytest.param(example, start, id=f"{example.ensure.key}-{start}") for example in EXAMPLES for start in example.starts
]
EACH = [pytest.param(example.ensure, id=example.ensure.key) for example in EXAMPLES]

ELSEWHERE = {"container", "secret"}
"""Modules whose ensures are held to the laws by tests of their own."""


def test_every_ensure_has_an_example() -> None:
    found = set()
    for module in pkgutil.iter_modules(sparkctl.ensure.__path__):
        if module.name == "base" or module.name in ELSEWHERE:
            continue
        loaded = importlib.import_module(f"sparkctl.ensure.{module.name}")
        found |= {
            member
            for _, member in inspect.getmembers(loaded, inspect.isclass)
            if member.__module__ == loaded.__name__ and hasattr(member, "diff") and hasattr(member, "apply")
        }
    assert found == {type(example.ensure) for example in EXAMPLES}


def once(ensure: Ensure, host: SimulatedHost) -> int:
    """Ask, judge, apply; the number of actions."""
    seen = value(host, ensure.fact)
    assert not isinstance(seen, Missing), seen
    diff = ensure.diff(seen)
    assert diff.refuse is None
    actions = ensure.apply(seen, diff) if diff else []
    host.carry_out(actions)
    return len(actions)


@pytest.mark.parametrize(("example", "start"), CASES)
def test_applying_a_diff_leaves_none(example: Example, start: str) -> None:
    host = example.host(start)
    once(example.ensure, host)
    assert not example.ensure.diff(value(host, example.ensure.fact))


@pytest.mark.parametrize(("example", "start"), CASES)
def test_the_second_run_sends_only_probes(example: Example, start: str) -> None:
    host = example.host(start)
    once(example.ensure, host)
    before = copy.deepcopy(host)
    assert once(example.ensure, host) == 0
    assert host == before


@pytest.mark.parametrize(("example", "start"), CASES)
def test_a_run_cut_after_any_action_is_finished_by_the_next(example: Example, start: str) -> None:
    ensure = example.ensure
    whole = example.host(start)
    seen = value(whole, ensure.fact)
    diff = ensure.diff(seen)
    actions = list(ensure.apply(seen, diff)) if diff else []
    whole.carry_out(actions)
    for cut in range(len(actions)):
        host = example.host(start)
        host.carry_out(actions[:cut])
        once(ensure, host)
        assert not ensure.diff(value(host, ensure.fact)), f"cut after {cut} of {[str(a) for a in actions]}"
        assert host.files == whole.files


def test_at_least_one_start_of_each_example_needs_a_change() -> None:
    idle = [
        example.ensure.key
        for example in EXAMPLES
        if not any(example.ensure.diff(value(example.host(start), example.ensure.fact)) for start in example.starts)
    ]
    assert idle == []


@pytest.mark.parametrize("ensure", EACH)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_diff_and_apply_are_total(ensure: Ensure, data: st.DataObject) -> None:
    seen = data.draw(seen_values(ensure))
    before = copy.deepcopy(seen)
    diff = ensure.diff(seen)
    assert diff == ensure.diff(seen)
    if diff.changes and diff.refuse is None:
        actions = ensure.apply(seen, diff)
        assert all(str(action) for action in actions)
    assert seen == before
    for change in diff.changes:
        assert "\n" not in str(change)


@pytest.mark.parametrize("ensure", EACH)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said=st.text(max_size=200), code=st.sampled_from([0, 0, 0, 1, 2, 124, 127, 137]), cut=st.integers(0, 400))
def test_a_fact_parses_or_says_why_not(ensure: Ensure, said: str, code: int, cut: int) -> None:
    """Whatever comes back: noise, or a real answer cut off anywhere."""
    real = answer(SimulatedHost(), ensure.fact.name).stdout
    for stdout in (said, real[:cut], real[:cut] + said):
        try:
            seen = ensure.fact.parse(Output(code, stdout, said))
        except FactUnavailable as unavailable:
            assert unavailable.reason.strip()
        else:
            ensure.diff(seen)


CHANGES = re.compile(
    r"(?<![\w-])(rm|mv|cp|tee|touch|mkdir|install\s+-|chmod|chown|ln|usermod|kill|reboot|umount|exportfs\s+-[^v]|truncate"
    r"|netplan\s+(?!get)\w+|apt-get|dpkg\s|systemctl\s+(?!show|is-)\w+|docker\s+(?!image inspect|info|ps|inspect)\w+"
    r"|ip\s+(\S+\s+)?(addr|link)\s+(add|del|set))(?![\w-])"
)
WRITES = re.compile(r"(?<![0-9&])>(?!&|\s*/dev/null)|[0-9]>(?!&|\s*/dev/null)")


@pytest.mark.parametrize("ensure", EACH)
def test_no_probe_holds_a_changing_command(ensure: Ensure) -> None:
    # inside double quotes of our own messages `->` and the like do not occur: every `>` is a redirection
    assert not CHANGES.search(ensure.fact.snippet), CHANGES.search(ensure.fact.snippet)
    assert not WRITES.search(ensure.fact.snippet), WRITES.search(ensure.fact.snippet)


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_no_probe_changes_the_home_it_runs_in(shell: str, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    (tmp_path / ".ssh/authorized_keys").write_text("ssh-rsa AAAA laptop\n")
    environment = os.environ | {"HOME": str(tmp_path), "LC_ALL": "C"}

    def tree() -> list[tuple[str, bytes]]:
        return [(str(p), p.read_bytes() if p.is_file() else b"") for p in sorted(tmp_path.rglob("*"))]

    before = tree()
    for example in EXAMPLES:
        fact = example.ensure.fact
        done = subprocess.run(
            [shell, "-c", fact.snippet], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30
        )
        assert "syntax error" not in done.stderr.lower(), fact.name
        assert "Bad substitution" not in done.stderr, fact.name
    assert tree() == before


@pytest.mark.parametrize(("example", "start"), CASES)
def test_what_changes_something_says_so_and_has_a_deadline(example: Example, start: str) -> None:
    ensure, host = example.ensure, example.host(start)
    seen = value(host, ensure.fact)
    diff = ensure.diff(seen)
    for action in ensure.apply(seen, diff) if diff else []:
        if isinstance(action, Command):
            assert 0 < action.timeout <= 3600
            assert action.mutates or "exit 1" in str(action)  # the one that only waits
        if isinstance(action, Put):
            assert action.path.startswith("/")


@pytest.mark.parametrize(("example", "start"), CASES)
def test_a_secret_is_shown_nowhere(example: Example, start: str) -> None:
    ensure, host = example.ensure, example.host(start)
    fact = ensure.fact
    seen = value(host, fact)
    diff = ensure.diff(seen)
    actions = list(ensure.apply(seen, diff)) if diff else []
    shown = [fact.snippet, str(diff), *(str(action) for action in actions)]
    assert not any(CANARY.decode() in text for text in shown)
    for action in actions:
        if isinstance(action, Put) and CANARY in action.content:
            assert action.confidential
