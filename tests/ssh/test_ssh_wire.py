"""The line for the login shell and what follows on stdin, run by real shells without any ssh."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkctl.errors import StepFailed
from sparkctl.ssh.output import AfterMark
from sparkctl.ssh.wire import Job, argv_script, exec_line, kill_line, new_mark, script_with

SHELLS = ("sh", "dash", "bash", "zsh", "csh", "tcsh", "fish", "ksh")


def through(job: Job, shell: str = "sh", cut: int | None = None, cwd: Path | None = None) -> tuple[int, bytes, bytes]:
    """What a login shell makes of a job: its status, stdout and stderr after the mark."""
    mark = new_mark()
    line = exec_line(mark, job.timeout, sudo=False)
    done = subprocess.run([shell, "-c", line], input=job.payload()[:cut], capture_output=True, timeout=20, cwd=cwd)
    out, err = AfterMark(mark), AfterMark(mark)
    return done.returncode, out.feed(done.stdout), err.feed(done.stderr)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_login_shell_runs_the_same_line(shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    argv = ("printf", "%s|", "a b", "c'd\"e", "$(id) `id` $HOME ~ *", "new\nline", "back\\slash!", "Łódź")
    code, out, err = through(Job(argv_script(argv), b"unread"), shell)
    assert (code, err) == (0, b"")
    assert out.decode() == "".join(f"{arg}|" for arg in argv[2:])


ANY_ARGUMENT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30) | st.binary(
    max_size=30
).map(lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape"))


@settings(max_examples=60, deadline=None)
@given(st.lists(ANY_ARGUMENT, min_size=1, max_size=5), st.none() | st.binary(max_size=100))
def test_arguments_and_stdin_arrive_byte_by_byte(arguments: list[str], stdin: bytes | None) -> None:
    script = argv_script(("sh", "-c", 'printf "%s\\0" "$@"; cat', "sh", *arguments))
    code, out, _ = through(Job(script, stdin))
    expected = b"".join(one.encode("utf-8", "surrogateescape") + b"\0" for one in arguments)
    assert (code, out) == (0, expected + (stdin or b""))


def test_a_long_script_and_its_stdin_do_not_mix() -> None:
    script = "\n".join(f"echo line {number} 'quoted'" for number in range(300)) + "\nwc -c"
    assert through(Job(script))[1].splitlines()[-1].strip() == b"0"
    assert through(Job(script, b"x" * 1000))[1].splitlines()[-1].strip() == b"1000"
    assert len(through(Job(script))[1].splitlines()) == 301


@pytest.mark.parametrize("stdin", [None, b"some input\n"])
@pytest.mark.parametrize("padding", ["", "\n# " + "x" * 1500])
def test_a_job_cut_off_in_transit_runs_nothing(tmp_path: Path, stdin: bytes | None, padding: str) -> None:
    canary = tmp_path / "canary"
    job = Job(f"touch {canary}\ntouch {canary}2\n{padding}\ntouch {canary}3", stdin)
    # With stdin, what matters is that the script is whole; a program must notice itself that its input is short.
    whole = len(job.payload()) - len(stdin or b"")
    for cut in [0, 1, *range(2, whole, max(whole // 12, 1)), whole - 1]:
        code, _, _ = through(job, cut=cut)
        assert code != 0
        assert not list(tmp_path.iterdir()), f"cut at byte {cut} of {whole}"
    assert through(job)[0] == 0
    assert len(list(tmp_path.iterdir())) == 3


def test_the_host_itself_ends_a_job_at_its_deadline() -> None:
    assert through(Job("sleep 30", timeout=0.2))[0] == 124


def test_the_environment_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    monkeypatch.setenv("LANGUAGE", "de")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    code, out, _ = through(
        Job('echo "$LC_ALL/${LANGUAGE-}/${TMPDIR-}"; pwd; mktemp -u; command -v ip sysctl sshd | wc -l')
    )
    lines = out.decode().splitlines()
    assert code == 0
    assert lines[:2] == ["C//", str(tmp_path)]
    assert lines[2].startswith("/tmp/")


def test_death_by_a_signal_shows_as_a_shell_shows_it() -> None:
    assert through(Job(argv_script(("sh", "-c", "kill -9 $$"))))[0] == 137


@pytest.mark.parametrize("argv", [(), ("",), ("-rf",), ("a\0b",)])
def test_what_is_no_command_is_refused(argv: tuple[str, ...]) -> None:
    with pytest.raises(StepFailed):
        Job(argv_script(argv)).payload()


def test_the_line_holds_nothing_that_shells_read_differently() -> None:
    for line in (
        exec_line(new_mark(), 12.5, sudo=True),
        exec_line(new_mark(), math.inf, sudo=False),
        kill_line(42, True),
    ):
        assert line.count("'") == 2
        assert not set(line) & set("\\!\n\r\t`")
        assert set(line.split("'")[0]) <= set("abcdefghijklmnopqrstuvwxyzLC_ALL=-.0123456789 ")
    assert " timeout -k 5 0 " in exec_line(new_mark(), math.inf, sudo=False)
    assert " timeout -k 5 12.5 " in exec_line(new_mark(), 12.5, sudo=False)


def test_values_are_positional_never_text() -> None:
    code, out, _ = through(Job(script_with('printf "%s" "$2"', "one", "$(touch /tmp/x); '\n")))
    assert (code, out) == (0, b"$(touch /tmp/x); '\n")
