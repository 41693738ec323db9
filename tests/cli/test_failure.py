"""Every way a run can end: the exit code, the sentence, and never a traceback."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sparkctl import errors
from sparkctl.cli.crash import redacted
from sparkctl.cli.failure import Interrupted, did_you_mean, for_inventory, guarded

TABLE: list[tuple[BaseException, int]] = [
    (errors.SparkctlError("x"), 1),
    (errors.StepFailed("x"), 1),
    (errors.UsageError("x"), 2),
    (errors.ConfigError("x"), 3),
    (errors.UnreachableError("x"), 4),
    (errors.HostKeyError("x"), 4),
    (errors.AuthenticationError("x"), 4),
    (errors.PartlyDoneError("x"), 5),
    (errors.LockedError("x"), 6),
    (OSError(errno.ENOSPC, "No space left on device", "/state"), 1),
    (PermissionError(errno.EACCES, "Permission denied", "/etc/x"), 1),
    (ValueError("a bug"), 70),
    (FileNotFoundError(errno.ENOENT, "No such file"), 70),
    (RecursionError(), 70),
    (KeyboardInterrupt(), 130),
    (Interrupted("half"), 130),
    (BrokenPipeError(), 0),
]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _raise(error: BaseException) -> Any:
    def run() -> int:
        raise error

    return run


@pytest.mark.parametrize(("error", "code"), TABLE, ids=lambda value: repr(value))
def test_exit_codes(error: BaseException, code: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert guarded(["up"], _raise(error)) == code
    shown = capfd.readouterr()
    assert "Traceback" not in shown.err + shown.out
    assert shown.out == ""
    if not isinstance(error, BrokenPipeError):
        assert shown.err.startswith("error: ")


@pytest.mark.parametrize(
    ("error", "code"), [pair for pair in TABLE if not isinstance(pair[0], BrokenPipeError)], ids=repr
)
def test_json_is_one_object_on_stdout(error: BaseException, code: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert guarded(["inventory", "check", "-o", "json"], _raise(error)) == code
    shown = capfd.readouterr()
    answer = json.loads(shown.out)
    assert answer["schema"] == "sparkctl.inventory-check/v1"
    assert set(answer["error"]) >= {"code", "message", "host", "step", "hint", "location"}
    assert shown.err == ""


def test_success_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    assert guarded(["up"], lambda: 10) == 10
    assert capfd.readouterr() == ("", "")


def test_a_bug_leaves_its_trace_in_a_file_for_the_user_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    guarded(["up"], _raise(ValueError("hf_abcdefghijklmnop")))
    (trace,) = tmp_path.glob("sparkctl/crashes/*.txt")
    assert str(trace) in capfd.readouterr().err.replace("\n", "")
    assert trace.stat().st_mode & 0o777 == 0o600
    text = trace.read_text()
    assert "ValueError" in text
    assert "hf_abcdefghijklmnop" not in text


def test_a_bug_where_nothing_can_be_written_is_still_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    assert guarded(["up"], _raise(ValueError("x"))) == 70
    assert "Traceback" not in capfd.readouterr().err


def test_secrets_of_the_environment_are_not_in_a_trace() -> None:
    env = {"HF_TOKEN": "correct horse", "PATH": "/usr/bin", "VLLM_API_KEY": "battery-staple"}
    assert redacted("a correct horse, battery-staple, /usr/bin, Bearer abc", env) == "a •••, •••, /usr/bin, •••"


def test_an_interrupted_run_says_what_it_left(capfd: pytest.CaptureFixture[str]) -> None:
    stopped = Interrupted("during package.docker on spark-1")
    assert guarded(["bootstrap", "-i", "lab"], _raise(stopped)) == 130
    assert capfd.readouterr().err.splitlines() == [
        "error: interrupted: during package.docker on spark-1",
        "fix: sparkctl bootstrap -i lab",
    ]


def test_a_hint_can_be_pasted() -> None:
    shown = for_inventory(
        [errors.HostKeyError("x", hint="sparkctl trust"), errors.StepFailed("y", hint="ping x")], "my lab"
    )
    assert [error.hint for error in shown] == ["sparkctl -i 'my lab' trust", "ping x"]


@pytest.mark.parametrize(("word", "meant"), [("boostrap", "bootstrap"), ("statsu", "status"), ("qqq", None)])
def test_did_you_mean(word: str, meant: str | None) -> None:
    assert did_you_mean(word, ["bootstrap", "status", "up"]) == meant


def _sparkctl(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sparkctl", *words], capture_output=True, text=True, timeout=60, check=False, **settings
    )


def test_help_into_a_closed_pipe_says_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "sparkctl", "--help"], stdout=write, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_a_sentence(unbuffered: str) -> None:
    for words in (["--help"], ["playbook", "list"], ["playbook", "list", "-o", "json"]):
        with open("/dev/full", "w") as full:
            ended = subprocess.run(
                [sys.executable, "-m", "sparkctl", *words],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
                env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            )
        assert (ended.returncode, ended.stderr) == (1, "error: working: no space left on device\n"), words


@pytest.mark.parametrize(("line", "code"), [("playbook list", 0), ("bootstap", 2), ("--help", 0)])
def test_streams_that_were_closed_before_we_started(line: str, code: int) -> None:
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&-"):
        ended = subprocess.run(
            ["sh", "-c", f"exec {sys.executable} -m sparkctl {line} {closed}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (ended.returncode, "Traceback" in ended.stderr) == (code, False), closed


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("help inventory check", "Usage: sparkctl inventory check "),
        ("-h inventory show", "Usage: sparkctl inventory show "),
        ("help inventory", "Usage: sparkctl inventory "),
        ("-h exec -- touch /x", "Usage: sparkctl exec "),
        ("-h down --yes", "Usage: sparkctl down "),
    ],
)
def test_help_before_a_command_runs_nothing_of_it(line: str, said: str) -> None:
    ended = _sparkctl(*line.split())
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(said)


WAITS = """
import sys, time
from sparkctl.cli.failure import guarded
def run():
    print("ready", flush=True)
    time.sleep(30)
sys.exit(guarded(["up"], run))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_run_at_once_with_130(number: int) -> None:
    child = subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    began = time.monotonic()
    child.send_signal(number)
    _, said = child.communicate(timeout=20)
    assert child.returncode == 130
    assert said.startswith("error: interrupted: ")
    assert "Traceback" not in said
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["bootstap"], 2, "there is no command 'bootstap'\nfix: sparkctl bootstrap"),
        (["up", "--detailed-exitcode"], 2, "fix: sparkctl up --dry-run --detailed-exitcode"),
        (["inventory", "check", "a", "b"], 2, "fix: sparkctl inventory check --help"),
        (["playbook", "check"], 2, "fix: sparkctl playbook check --help"),
        (["lab", "nope"], 2, "there is no command 'nope'\nfix: sparkctl lab --help"),
        (["help", "nope"], 2, "there is no command 'nope'"),
        (["--dryrun", "up"], 2, "there is no option '--dryrun'\nfix: sparkctl --dry-run"),
        (["-o", "yaml"], 2, "-o takes text or json, not 'yaml'"),
        (["x\x1b[2Jy"], 2, "there is no command 'x\\x1b[2Jy'"),
    ],
)
def test_a_wrong_line_is_told_on_stderr_alone(words: list[str], code: int, said: str) -> None:
    ended = _sparkctl(*words)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert said in ended.stderr
