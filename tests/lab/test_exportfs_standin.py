"""The stand-in for exportfs: exports(5) in, exportfs's words and nfs-ganesha's configuration out."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from sparkctl.lab import nfs
from tests.lab.test_standins import load


@pytest.fixture
def exportfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load(nfs.SOURCES / "exportfs")
    for name in ("ETAB", "GANESHA", "PID"):
        monkeypatch.setattr(module, name, str(tmp_path / name.lower()))
    return module


def run(exportfs: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["exportfs", *words])
    monkeypatch.setattr(exportfs, "failed", False)
    code: int = exportfs.main()
    return code


def parsed(exportfs: ModuleType, tmp_path: Path, text: str) -> list[tuple[str, str, str]]:
    file = tmp_path / "x.exports"
    file.write_text(text)
    return [(path, client, exportfs.shown(options)) for path, client, options in exportfs.parse_file(str(file))]


RW = "sync,wdelay,hide,no_subtree_check,sec=sys,rw,secure,root_squash,no_all_squash"
RO = RW.replace(",rw,", ",ro,")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/srv 192.168.100.0/24(rw,sync,no_subtree_check)\n", [("/srv", "192.168.100.0/24", RW)]),
        ("/srv\ta(rw,no_subtree_check)  b(ro,no_subtree_check)", [("/srv", "a", RW), ("/srv", "b", RO)]),
        ("# nothing\n\n/srv *(ro,no_subtree_check) # why\n", [("/srv", "*", RO)]),
        ('"/my models" *(rw,no_subtree_check)', [("/my models", "*", RW)]),
        ("/my\\040models *(rw,no_subtree_check)", [("/my models", "*", RW)]),
        ("/srv \\\n  a(rw,no_subtree_check)", [("/srv", "a", RW)]),
        ("/srv -rw,no_subtree_check a b(ro)", [("/srv", "a", RW), ("/srv", "b", RO)]),
    ],
)
def test_exports_are_read_as_the_manual_has_them(
    exportfs: ModuleType, tmp_path: Path, text: str, found: list[tuple[str, str, str]]
) -> None:
    assert parsed(exportfs, tmp_path, text) == found


def test_options_are_shown_in_exportfs_own_order(exportfs: ModuleType, tmp_path: Path) -> None:
    text = "/srv *(insecure,anonuid=1000,async,no_root_squash,no_subtree_check,fsid=7,rw)"
    expected = "async,wdelay,hide,no_subtree_check,anonuid=1000,fsid=7,sec=sys,rw,insecure,no_root_squash,no_all_squash"
    assert parsed(exportfs, tmp_path, text) == [("/srv", "*", expected)]


def test_an_unknown_option_is_refused_with_its_place(
    exportfs: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parsed(exportfs, tmp_path, "\n/srv *(rw,bogus)") == []
    assert 'x.exports:2: unknown keyword "bogus"' in capsys.readouterr().err
    assert exportfs.failed


def test_exporting_writes_table_list_and_servers_configuration(
    exportfs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(exportfs, "exportable", lambda path, options: True)
    long = tmp_path / "a-directory-with-a-name"
    assert run(exportfs, monkeypatch, "-o", "rw,no_subtree_check", f"192.168.100.0/24:{long}") == 0
    assert run(exportfs, monkeypatch, "-v") == 0
    assert capsys.readouterr().out == f"{long}\n\t\t192.168.100.0/24({RW})\n"
    served = (tmp_path / "ganesha").read_text()
    assert f'Path = "{long}"' in served
    assert "Clients = 192.168.100.0/24; Access_Type = RW; Squash = Root_Squash; PrivilegedPort = true;" in served
    assert run(exportfs, monkeypatch, "-u", f"192.168.100.0/24:{long}") == 0
    assert run(exportfs, monkeypatch, "-u", f"192.168.100.0/24:{long}") == 1
    assert "Could not find" in capsys.readouterr().err
    assert "EXPORT {" not in (tmp_path / "ganesha").read_text()


def test_a_missing_directory_fails_as_exportfs_does(
    exportfs: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(exportfs, monkeypatch, "-o", "rw,no_subtree_check", "*:/does/not/exist") == 1
    assert capsys.readouterr().err == "exportfs: Failed to stat /does/not/exist: No such file or directory\n"


@pytest.mark.parametrize(
    ("kind", "complaint"), [("overlay", "does not support NFS export"), ("tmpfs", "requires fsid=")]
)
def test_file_systems_the_kernel_cannot_export_are_refused(
    exportfs: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: str,
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = type("Done", (), {"stdout": kind + "\n"})()
    monkeypatch.setattr(exportfs.subprocess, "run", lambda *_, **__: answer)
    assert not exportfs.exportable(str(tmp_path), {})
    assert complaint in capsys.readouterr().err
