"""The table of commands is the truth about the commands, and every command keeps the contract of the line."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from syrupy.assertion import SnapshotAssertion
from typer.main import get_command

from sparkctl.cli import overview
from sparkctl.cli.options import LONG

ENTRIES = overview.entries()
OURS = {*LONG, "-i", "-o", "-v", "-y", "-h"} - {"--help"}


def _command(entry: Any) -> Any:
    return get_command(import_module(entry.module).app)


def _leaves(command: Any) -> list[Any]:
    """The command itself, or every sub-command below it."""
    below = getattr(command, "commands", None)
    return [command] if below is None else [leaf for one in below.values() for leaf in _leaves(one)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_summary_and_parts_are_those_of_the_command(entry: Any) -> None:
    command = _command(entry)
    assert (command.help or "").strip().splitlines()[0] == entry.summary
    assert sorted(getattr(command, "commands", ())) == sorted(entry.parts)
    assert len(entry.summary) <= 64 and not entry.summary.endswith(".")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_no_command_takes_a_global_option_for_itself(entry: Any) -> None:
    for leaf in _leaves(_command(entry)):
        for parameter in leaf.params:
            assert not OURS & {*parameter.opts, *parameter.secondary_opts}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_command_says_what_it_does(entry: Any) -> None:
    for leaf in _leaves(_command(entry)):
        assert leaf.help, leaf.name


def test_every_command_file_is_in_the_table() -> None:
    declared = {entry.module.rsplit(".", 1)[1] for entry in ENTRIES}
    folder = Path(overview.__file__).parent
    found = {path.stem for path in folder.glob("*.py") if re.search(r"^app = new_app", path.read_text(), re.MULTILINE)}
    assert declared == found


def test_command_files_are_short() -> None:
    for entry in ENTRIES:
        path = import_module(entry.module).__file__
        assert path is not None
        assert len(Path(path).read_text().splitlines()) <= 120, path


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_help(entry: Any, width: int, snapshot: SnapshotAssertion, capsys: pytest.CaptureFixture[str]) -> None:
    command = _command(entry)
    settings = {"terminal_width": width, "max_content_width": width}
    shown = []
    for words in [[], *([part] for part in entry.parts)]:
        with (
            pytest.raises(typer.Exit),
            command.make_context(f"sparkctl {entry.name}", [*words, "--help"], **settings) as it,
        ):
            command.invoke(it)
        shown.append(capsys.readouterr().out)
    assert shown == snapshot
    assert all(len(line) <= width for text in shown for line in text.splitlines())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inventory", "chekc"], "check"),
        (["serve", "--modle", "x"], "--model"),
        (["logs", "--folow"], "--follow"),
        (["exec", "uname"], "sparkctl exec -- uname"),
        (["shell"], "HOST"),
    ],
)
def test_what_was_meant_is_said(words: list[str], said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "sparkctl", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert "Usage:" not in ended.stderr
