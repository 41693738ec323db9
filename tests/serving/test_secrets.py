from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import cast

import pytest

from sparkctl.ensure import secret
from sparkctl.facts.base import FactUnavailable, Output
from sparkctl.facts.container import Container
from sparkctl.facts.files import EMPTY_DIGEST, FileState
from sparkctl.ssh.command import Command, Put

TOKEN = b"canary-0123456789"
DIGEST = hashlib.sha256(TOKEN).hexdigest()
PATH = "/var/lib/sparkctl/c/ray-token"
RUNNING = Container("sparkctl-ray", "1" * 64, "img", "i", "running", labels={"sparkctl.role": "head"})


def state(kind: str = "file", mode: int = 0o600, owner: str = "root:root", digest: str = DIGEST) -> secret.Secret:
    return secret.Secret(FileState(PATH, kind, mode, owner, digest if kind == "file" else ""), (RUNNING,))  # type: ignore[arg-type]


MADE = secret.SecretMade("c", secret.RAY_TOKEN, ends=("head",))
SAME = secret.SecretFile("c", secret.RAY_TOKEN, TOKEN, ends=("head",))


@pytest.mark.parametrize(
    ("ensure", "seen", "changes"),
    [
        (MADE, state(), []),
        (MADE, state("absent"), ["ray-token: absent -> there", "sparkctl-ray: running -> absent"]),
        (MADE, state(digest=EMPTY_DIGEST), ["ray-token: empty -> there", "sparkctl-ray: running -> absent"]),
        (MADE, state(mode=0o644), ["mode of ray-token: 0644 -> 0600"]),
        (SAME, state(), []),
        (SAME, state(digest="other"), ["ray-token: another one -> there", "sparkctl-ray: running -> absent"]),
        (SAME, state("absent"), ["ray-token: absent -> there", "sparkctl-ray: running -> absent"]),
        (SAME, state(owner="dan:dan"), ["owner of ray-token: dan:dan -> root:root"]),
    ],
)
def test_what_differs_about_a_secret(
    ensure: secret.SecretMade | secret.SecretFile, seen: secret.Secret, changes: list[str]
) -> None:
    diff = ensure.diff(seen)
    assert [str(change) for change in diff.changes] == changes
    shown = [repr(ensure), *map(str, diff.changes), *map(str, ensure.apply(seen, diff))]
    assert not [text for text in shown if "canary" in text]


@pytest.mark.parametrize("kind", ["directory", "link", "other"])
def test_what_is_no_file_is_left_alone(kind: str) -> None:
    for ensure in (MADE, SAME):
        diff = ensure.diff(state(kind))
        assert diff.refuse is not None
        assert not diff.changes


def test_a_secret_is_written_for_root_alone_and_confidentially() -> None:
    put = SAME.apply(state("absent"), SAME.diff(state("absent")))[-1]
    assert isinstance(put, Put)
    assert (put.mode, put.owner, put.sudo, put.confidential) == (0o600, "root:root", True, True)


def test_the_containers_that_know_the_old_one_end_first() -> None:
    actions = [str(action) for action in MADE.apply(state("absent"), MADE.diff(state("absent")))]
    assert [text.split()[:2] for text in actions[:2]] == [["docker", "stop"], ["docker", "rm"]]


def test_the_script_makes_64_hexadecimal_digits_readable_by_root_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret, "ROOT", str(tmp_path / "lib"))
    make = cast(Command, MADE.apply(state("absent"), MADE.diff(state("absent")))[-1])
    os.umask(0o022)
    subprocess.run(make.argv, check=True, timeout=10)
    made = tmp_path / "lib" / "c" / "ray-token"
    assert len(made.read_text()) == 64
    assert int(made.read_text(), 16) > 0
    assert made.stat().st_mode & 0o777 == 0o600
    assert made.parent.stat().st_mode & 0o777 == 0o755


def test_an_absent_token_cannot_be_brought_elsewhere() -> None:
    fact = secret.secret_content("c", secret.RAY_TOKEN)
    assert fact.secret and fact.sudo
    assert fact.parse(Output(0, "abc")) == b"abc"
    with pytest.raises(FactUnavailable):
        fact.parse(Output(0, ""))
    with pytest.raises(FactUnavailable):
        fact.parse(Output(1, "", "cat: No such file or directory"))
