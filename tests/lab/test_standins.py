"""The stand-ins say what the real programs say, and that they are stand-ins."""

from __future__ import annotations

import importlib.util
import json
import re
import resource
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from sparkctl.lab import hosts, places, spark_root

STANDINS = places.STANDINS


def load(path: Path) -> ModuleType:
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        name = "standin_" + re.sub(r"\W", "_", path.name)
        spec = importlib.util.spec_from_loader(name, SourceFileLoader(name, str(path)))
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.dont_write_bytecode = before


def smi(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", STANDINS / "nvidia-smi", *words], capture_output=True, text=True, timeout=10, check=False
    )


@pytest.mark.parametrize("file", sorted(p for p in STANDINS.rglob("*") if p.is_file()), ids=lambda path: path.name)
def test_every_file_says_that_it_is_ours(file: Path) -> None:
    if file.name in {"exports", "daemon.json"}:
        pytest.skip("configuration in the real program's own format")
    assert re.search(r"STAND-IN|SHIM|[Ss]tand-ins", "\n".join(file.read_text().splitlines()[:6]))


@pytest.mark.parametrize("file", ["nvidia-smi", "udevadm", "nfs/wait-for-server", "../boot.sh"])
def test_shell_scripts_are_posix(file: str) -> None:
    checked = subprocess.run(["sh", "-n", STANDINS / file], capture_output=True, text=True, timeout=10, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_virtual_host_cannot_set_the_machines_clock() -> None:
    dropped = re.search(r"^no_harm=(.*)$", places.BOOT_SCRIPT.read_text(), re.MULTILINE)
    assert dropped is not None and "CAP_SYS_TIME" in dropped[1].split(",")
    assert '--drop-capability="$no_harm"' in places.BOOT_SCRIPT.read_text()
    assert [f"CAP_{name.upper()}" for name in hosts._WITHHELD] == dropped[1].split(",")


def test_entering_a_host_withholds_the_same_capabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "first_process", lambda where, host: 4711)
    argv = hosts.exec_argv(places.Places(), "spark-1", ["id"])
    assert argv[0] == "setpriv"
    assert "-sys_time" in argv[1].removeprefix("--bounding-set=").split(",")
    assert argv.index("nsenter") == 2 and argv[-1] == "id"


def test_nvidia_smi_lists_one_gb10() -> None:
    answer = smi("-L")
    assert answer.returncode == 0
    assert re.fullmatch(r"GPU 0: NVIDIA GB10 \(UUID: GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\)\n", answer.stdout)


def test_nvidia_smi_answers_queries_in_the_order_asked() -> None:
    fields = "index,gpu_name,pci.bus_id,driver_version,compute_cap,memory.total"
    answer = smi(f"--query-gpu={fields}", "--format=csv,noheader")
    assert answer.stdout == "0, NVIDIA GB10, 0000000F:01:00.0, 580.95.05, 12.1, [N/A]\n"
    assert smi("--query-gpu=index,name", "--format=csv").stdout.splitlines()[0] == "index, name"
    assert smi("--query-gpu=power.draw", "--format=csv,noheader,nounits").stdout == "5.00\n"


def test_nvidia_smi_refuses_what_it_does_not_know() -> None:
    answer = smi("--query-gpu=name,color", "--format=csv")
    assert (answer.returncode, answer.stdout.splitlines()[0]) == (2, 'Field "color" is not a valid field to query.')
    assert smi("--frobnicate").returncode == 1


def test_nvidia_smi_table_names_driver_and_cuda() -> None:
    assert re.search(r"Driver Version: 580\.95\.05 +CUDA Version: 13\.0", smi().stdout)
    assert "Not Supported" in smi().stdout


@pytest.mark.parametrize(
    ("asked", "given"), [("all", True), ("0", True), ("void", False), ("none", False), (None, False)]
)
def test_the_hook_gives_nvidia_smi_to_containers_that_ask(tmp_path: Path, asked: str | None, given: bool) -> None:
    hook = load(STANDINS / "nvidia-container-runtime-hook")
    hook.NVIDIA_SMI = str(STANDINS / "nvidia-smi")
    environment = ["PATH=/bin", *([f"NVIDIA_VISIBLE_DEVICES={asked}"] if asked is not None else [])]
    config = {"process": {"env": environment}, "root": {"path": "rootfs"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    hook.prestart({"bundle": str(tmp_path)})
    assert (tmp_path / "rootfs/usr/bin/nvidia-smi").exists() is given


def test_limits_above_ours_are_clamped_and_others_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = load(STANDINS / "lab-runc")
    limits = {resource.RLIMIT_MEMLOCK: 8 << 20, resource.RLIMIT_NOFILE: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (0, limits[kind]))
    asked = [
        {"type": "RLIMIT_MEMLOCK", "hard": 2**64 - 1, "soft": 4096},
        {"type": "RLIMIT_NOFILE", "hard": 1048576, "soft": 1048576},
    ]
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"process": {"rlimits": asked}}))
    shim.clamp(str(config), lambda content: content["process"])
    memlock, nofile = json.loads(config.read_text())["process"]["rlimits"]
    assert (memlock["hard"], memlock["soft"], nofile["hard"]) == (8 << 20, 4096, 1048576)


def test_finishing_links_only_what_exists() -> None:
    named = {*spark_root._LINKS.values(), *spark_root._COPIES.values()}
    assert named <= {file.name for file in STANDINS.iterdir()}
