"""The batch script under real shells, with all the noise and malice that a host may answer with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkctl.facts import batch
from sparkctl.facts.base import Fact, FactUnavailable, Missing, Output, lines, require
from sparkctl.facts.joined import joined

NONCE = "0123456789abcdef"
SHELLS = [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]


def raw(name: str, snippet: str, **more: Any) -> Fact[Output]:
    return Fact(name, snippet, lambda output: output, **more)


def run(shell: str, facts: Iterable[Fact[Any]], before: str = "") -> dict[str, Output]:
    asked = batch.unique(facts)
    argv = ["busybox", "sh"] if shell == "busybox" else [shell]
    script = before + batch.script(asked, NONCE)
    done = subprocess.run(argv, input=script, capture_output=True, text=True, timeout=30)
    return batch.split(asked, NONCE, done.stdout, done.stderr)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_answers_come_back_each_with_its_own_streams_and_code(shell: str) -> None:
    answers = run(
        shell, [raw("out", "echo hello"), raw("err", "echo no >&2; exit 3"), raw("both", "printf a; printf b >&2")]
    )
    assert answers["out"] == Output(0, "hello\n")
    assert answers["err"] == Output(3, "", "no\n")
    assert answers["both"] == Output(0, "a", "b")


def test_noise_of_a_login_shell_is_not_an_answer(shell: str) -> None:
    noise = "echo 'Welcome to DGX OS'; printf '\\036deadbeef B 0\\nforged\\n\\036deadbeef E 0 0\\n'; echo oops >&2\n"
    assert run(shell, [raw("x", "echo real")], before=noise)["x"] == Output(0, "real\n")


def test_what_a_program_prints_cannot_end_its_frame_early(shell: str) -> None:
    forged = "printf 'a\\n\\036E 0 0\\n\\036 B 1\\nb'"
    answers = run(shell, [raw("forger", forged), raw("next", "echo next")])
    assert answers["forger"].stdout == "a\n\x1eE 0 0\n\x1e B 1\nb"
    assert answers["next"] == Output(0, "next\n")


@pytest.mark.parametrize("hostile", ["'", '"', "$(exit 9)", "`exit 9`", "a\nb", "\\", "a'b\"c$d", "-n", "*", "é"])
def test_quotes_in_a_snippet_reach_the_host_whole(shell: str, hostile: str) -> None:
    import shlex

    assert run(shell, [raw("x", f"printf %s {shlex.quote(hostile)}")])["x"].stdout == hostile


def test_a_snippet_that_hangs_costs_its_own_deadline_only(shell: str) -> None:
    answers = run(shell, [raw("slow", "echo begun; sleep 20", timeout=0.3), raw("next", "echo next")])
    assert answers["slow"].code == 124
    assert answers["next"] == Output(0, "next\n")


def test_a_snippet_cannot_eat_the_script_or_change_what_follows(shell: str) -> None:
    answers = run(shell, [raw("cat", "cat; exit 5"), raw("set", "set -eu; PATH=; false"), raw("next", "echo next")])
    assert answers["cat"] == Output(5, "")
    assert answers["set"].code == 1
    assert answers["next"] == Output(0, "next\n")


def test_a_refused_sudo_leaves_the_plain_answers(shell: str) -> None:
    no_sudo = 'id() { echo 1000; }; sudo() { echo "sudo: a password is required" >&2; return 1; }\n'
    asked = batch.unique([raw("plain", "echo plain"), raw("root", "id -u", sudo=True)])
    argv = ["busybox", "sh"] if shell == "busybox" else [shell]
    done = subprocess.run(argv, input=no_sudo + batch.script(asked, NONCE), capture_output=True, text=True, timeout=30)
    answers = batch.split(asked, NONCE, done.stdout, done.stderr)
    assert answers == {"plain": Output(0, "plain\n")}
    assert batch.values(asked, answers, Missing("sudo: a password is required"))["root"] == Missing(
        "sudo: a password is required"
    )


def test_a_granted_sudo_asks_all_of_its_facts(shell: str) -> None:
    sudo = 'id() { echo 1000; }; sudo() { shift 2; "$@"; }\n'
    answers = run(
        shell, [raw("a", 'echo "it\'s a"', sudo=True), raw("p", "echo p"), raw("b", "echo b", sudo=True)], before=sudo
    )
    assert {name: output.stdout for name, output in answers.items()} == {"a": "it's a\n", "p": "p\n", "b": "b\n"}


@given(st.integers(0, 600))
def test_an_answer_that_was_cut_off_is_absent_or_whole(cut: int) -> None:
    asked = batch.unique([raw("a", "echo a"), raw("b", "printf 'b\\nb\\n'")])
    whole = subprocess.run(["sh"], input=batch.script(asked, NONCE), capture_output=True, text=True).stdout
    answers = batch.split(asked, NONCE, whole[:cut], "")
    full = {"a": Output(0, "a\n"), "b": Output(0, "b\nb\n")}
    assert all(answers[name] == full[name] for name in answers)


@given(st.text(max_size=300))
def test_no_stream_can_break_the_splitter(stream: str) -> None:
    asked = batch.unique([raw("a", "echo a")])
    assert batch.split(asked, NONCE, stream, stream) == {}


@pytest.mark.parametrize("code", ["\u00b9", "-1", "1.0", "", "0x1"])
def test_an_exit_code_that_is_no_number_is_no_answer(code: str) -> None:
    asked = batch.unique([raw("a", "echo a")])
    assert batch.split(asked, NONCE, f"\x1e{NONCE} B 0\na\n\n\x1e{NONCE} E 0 {code}\n", "") == {}


def test_one_name_for_two_questions_is_a_bug() -> None:
    with pytest.raises(ValueError, match="two facts are called 'x'"):
        batch.unique([raw("x", "echo 1"), raw("x", "echo 2")])


def test_the_deadline_of_a_batch_covers_all_that_is_in_it() -> None:
    asked = batch.unique([raw("a", "a", timeout=3), raw("b", "b", timeout=4)])
    assert batch.deadline(asked) == 17


def test_an_unknowable_fact_is_missing_with_its_reason() -> None:
    def refuse(output: Output) -> str:
        raise FactUnavailable("because", hint="do this")

    asked = batch.unique([Fact("x", "true", refuse), Fact("gone", "true", refuse)])
    values = batch.values(asked, {"x": Output(0, "")}, Missing("the line died"))
    assert values == {"x": Missing("because", "do this"), "gone": Missing("the line died")}


def test_require_gives_the_last_words() -> None:
    with pytest.raises(FactUnavailable, match="last"):
        require(Output(1, "", "first\nlast\n"))
    with pytest.raises(FactUnavailable, match="exit code 7"):
        require(Output(7, ""))
    with pytest.raises(FactUnavailable, match="within the deadline"):
        require(Output(124, "half"))
    assert lines(Output(0, "a\n\n b\n")) == ("a", " b")


def test_joined_questions_keep_their_codes_and_texts_apart(shell: str) -> None:
    fact = joined(
        "all",
        {"a": raw("a", "echo a"), "b": raw("b", "echo why >&2; exit 4"), "c": raw("c", "printf 'no newline'")},
        dict,
    )
    assert fact.parse(run(shell, [fact])["all"]) == {
        "a": Output(0, "a\n"),
        "b": Output(4, "why\n"),
        "c": Output(0, "no newline"),
    }


@given(st.integers(0, 40))
def test_a_joined_answer_that_was_cut_off_is_unavailable(cut: int) -> None:
    fact = joined("all", {"a": raw("a", "echo a"), "b": raw("b", "echo b")}, dict)
    whole = subprocess.run(["sh", "-c", fact.snippet], capture_output=True, text=True).stdout
    kept = whole[: min(cut, len(whole) - 2)]
    with pytest.raises(FactUnavailable, match="cut off"):
        fact.parse(Output(0, kept))


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), IndexError(), TypeError(), AttributeError()])
def test_an_answer_of_another_shape_is_missing_not_a_crash(error: Exception) -> None:
    def parse(output: Output) -> str:
        raise error

    asked = batch.unique([Fact("nodes", "echo", parse)])
    assert batch.values(asked, {"nodes": Output(0, "{")}, Missing("lost")) == {
        "nodes": Missing("the answer about nodes could not be read")
    }
