"""The demo is the commands that a user would type, ends with what to type next, and stops at the first that fails."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from sparkctl.cli import demo, demonstrate, overview
from sparkctl.cli.options import Globals, hoist
from sparkctl.cli.picture import Picture
from sparkctl.cli.session import Session
from sparkctl.errors import UsageError


def test_every_stage_and_every_next_step_is_a_command() -> None:
    lines = [stage.words for stage in (*demo.stages(2, "img", True), demo.END)]
    lines += [tuple(command.split()[1:]) for command, _ in demo.NEXT]
    for words in lines:
        command, *rest = hoist(list(words)).words
        entry = overview.find(command)
        assert entry is not None, words
        assert not entry.parts or rest[0] in entry.parts


def test_the_order_is_boot_trust_bootstrap_up_serve_ask() -> None:
    names = [hoist(list(stage.words)).words[0] for stage in demo.stages(2, None, False)]
    assert names == ["lab", "trust", "bootstrap", "up", "serve", "smoke", "status"]


def test_yes_and_image_are_handed_on() -> None:
    first = demo.stages(3, "my/vllm:1", True)[0]
    assert str(first) == "sparkctl lab up --nodes 3 --image my/vllm:1 --yes"


@pytest.mark.parametrize("width", [40, 80, None])
def test_the_end_names_every_stage_and_the_whole(width: int | None) -> None:
    took = [(stage, 1.5) for stage in demo.stages(2, None, False)]
    said = demo.Said("Who are you?", "A \x1b[31mtiny\x1b[0m model.", "http://10.77.0.10:8000/v1")
    lines = demo.end_lines(took, said, keep=False, limit=width, color=False)
    assert lines[-5].split() == ["10.5", "s", "in", "all"]
    assert [line.split(maxsplit=1) for line in lines[-3:]] == [
        ["you", "Who are you?"],
        ["tiny", "A tiny model."],
        ["at", "http://10.77.0.10:8000/v1"],
    ]
    assert width is None or max(map(len, lines)) <= width
    more = demo.end_lines(took, said, keep=True, limit=None, color=False)
    assert more[: len(took) + 6] == demo.end_lines(took, said, keep=False, limit=None, color=False)
    assert "try next:" in more


def test_a_picture_keeps_the_end_of_a_long_stage(tmp_path: Path) -> None:
    with Picture(tmp_path / "p.svg", "t") as picture:
        picture.add([f"line-{n}" for n in range(30)], shown=5)
        picture.add(["all", "of", "it"])
    text = (tmp_path / "p.svg").read_text()
    assert "line-29" in text and "line-25" in text and "line-24" not in text and "25&#160;lines" in text


def _play(words: list[tuple[str, ...]], tmp_path: Path, picture: bool) -> tuple[list[Any], Path | None]:
    session = Session.begin(Globals(), ["lab", "demo"], "sparkctl.lab-demo/v1")
    where = tmp_path / "demo.svg" if picture else None
    with nullcontext() if where is None else Picture(where, "demo") as shown:
        return demonstrate.play(session, [demo.Stage("s", one) for one in words], shown), where


def test_a_picture_is_of_what_was_really_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    took, where = _play([("--version",)], tmp_path, picture=True)
    assert where is not None and len(took) == 1
    assert "sparkctl" in where.read_text() and where.read_text().startswith("<svg")
    assert "$ sparkctl --version" in capfd.readouterr().err


@pytest.mark.parametrize("picture", [False, True])
def test_the_first_failure_ends_it(tmp_path: Path, picture: bool, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="exit code 2"):
        _play([("nosuch",), ("--version",)], tmp_path, picture)
    assert "there is no command 'nosuch'" in "".join(capfd.readouterr())
