"""The overview is answered without importing what it does not need: it must come at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sparkctl import __version__
from sparkctl.cli import overview

HEAVY = {"fabric", "paramiko", "httpx", "cryptography", "pydantic", "yaml", "rich", "typer", "jinja2", "concurrent"}


def _imported(code: str) -> set[str]:
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in ended.stderr.splitlines() if "|" in line}


@pytest.mark.parametrize(
    "code",
    [
        "import sparkctl.__main__",
        "from sparkctl.cli.main import main; main(['--help'])",
        "from sparkctl.cli.main import main; main(['--version'])",
        "from sparkctl.cli.main import main; main(['nosuchcommand'])",
    ],
)
def test_nothing_heavy_is_imported_at_the_start(code: str) -> None:
    assert not _imported(code) & HEAVY


def test_the_help_of_help() -> None:
    text = overview.render()
    assert f"sparkctl {__version__}" in text
    assert max(map(len, text.splitlines())) <= 80
    for entry in overview.entries():
        assert f"  {entry.name} " in text


@pytest.mark.parametrize(
    ("words", "schema"),
    [
        (["status"], "sparkctl.status/v1"),
        (["-i", "x", "inventory", "check", "a.yml"], "sparkctl.inventory-check/v1"),
        (["inventory"], "sparkctl.inventory/v1"),
        (["nonsense"], "sparkctl.error/v1"),
        ([], "sparkctl.error/v1"),
    ],
)
def test_schema_names(words: list[str], schema: str) -> None:
    assert overview.schema(words) == schema
