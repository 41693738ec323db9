"""Which file `-i` means, and which files are not trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sparkctl.errors import ConfigError
from sparkctl.inventory import files


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name in ("inventories/default.yml", "inventories/lab.yml", "inventories/two.yaml", "config/far.yml", "x.yml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("cluster: x\n")
    return tmp_path


def _find(here: Path, wanted: str | None, **env: str) -> Path | str:
    return files.find(wanted, env=env, cwd=here, config=here / "config")


@pytest.mark.parametrize(
    ("wanted", "variable", "found"),
    [
        (None, "", "inventories/default.yml"),
        (None, "two", "inventories/two.yaml"),
        (None, "x.yml", "x.yml"),
        ("two", "x.yml", "inventories/two.yaml"),
        ("far", "", "config/far.yml"),
        ("x.yml", "", "x.yml"),
        ("./inventories/two.yaml", "", "inventories/two.yaml"),
    ],
)
def test_find(here: Path, wanted: str | None, variable: str, found: str) -> None:
    assert _find(here, wanted, SPARKCTL_INVENTORY=variable) == here / found


def test_lab_is_the_running_lab_even_where_a_file_has_its_name(here: Path) -> None:
    assert _find(here, "lab") == files.LAB
    assert _find(here, None, SPARKCTL_INVENTORY="lab") == files.LAB


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        ("tow", "it is neither in", "-i two"),
        ("elsewhere-entirely", "it is neither in", "known: default, far, lab, two"),
        ("inventories/defualt.yml", "there is no such file", "-i inventories/default.yml"),
        ("inventories/qqqqqqqqq.yml", "there is no such file", "there are: default.yml"),
        ("nowhere/x.yml", "there is no such file", "name one: -i FILE"),
        ("$(id)", "it is neither in", "known:"),
    ],
)
def test_find_refuses(here: Path, wanted: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _find(here, wanted)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.exit_code == 3


def test_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"inventories/default\.yml does not exist"):
        _find(tmp_path, None)


@pytest.mark.parametrize(
    ("mode", "uid", "me", "private", "fault"),
    [
        (0o644, 1000, 1000, False, None),
        (0o600, 0, 1000, False, None),
        (0o664, 1000, 1000, True, None),
        (0o664, 1000, 1000, False, "chmod g-w"),
        (0o666, 1000, 1000, True, "chmod go-w"),
        (0o646, 1000, 1000, True, "chmod go-w"),
        (0o644, 1001, 1000, False, 'sudo chown "$USER"'),
        (0o644, 1001, 0, False, None),
    ],
)
def test_permissions(mode: int, uid: int, me: int, private: bool, fault: str | None) -> None:
    found = files.check_permissions(mode, uid, me, private_group=private)
    assert (found and found[1]) == fault


def test_read(here: Path) -> None:
    assert files.read(here / "x.yml") == b"cluster: x\n"


def test_read_refuses_what_everybody_may_change(here: Path) -> None:
    path = here / "x.yml"
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="everybody may write to it") as caught:
        files.read(path)
    assert caught.value.hint == f"chmod go-w {path}"


def test_read_refuses_pipes_and_folders_without_waiting(here: Path) -> None:
    os.mkfifo(here / "pipe.yml")
    for name in ("pipe.yml", "inventories"):
        with pytest.raises(ConfigError, match="it is not a file"):
            files.read(here / name)
    with pytest.raises(ConfigError, match="it is not a file"):
        files.read(Path("/dev/zero"))
    with pytest.raises(ConfigError, match="no such file or directory"):
        files.read(here / "nowhere.yml")


def test_read_takes_no_more_than_the_loader_may_see(here: Path) -> None:
    path = here / "x.yml"
    path.write_bytes(b"#" * (3 << 20))
    assert len(files.read(path)) == (1 << 20) + 1
