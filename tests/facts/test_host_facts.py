"""What hosts were seen to print, and what we make of it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from sparkctl.facts.base import Fact, FactUnavailable, Output
from sparkctl.facts.docker import parse_engine, parse_image_state
from sparkctl.facts.files import FileState, directory_state, file_state
from sparkctl.facts.gpu import GPU_LIST, Gpu, parse_gpus
from sparkctl.facts.keys import KEY_PAIR, bare, parse_host_key, parse_key_pair
from sparkctl.facts.memory import disk_free, parse_disk_free, parse_memory
from sparkctl.facts.os import LOGIN, SYSTEM, assignments, group_state, parse_session, parse_system
from sparkctl.facts.packages import Package, package_state, parse_package_state
from sparkctl.facts.paths import quoted
from sparkctl.facts.services import UnitState, parse_unit_state


def here(fact: Fact[object], home: Path) -> object:
    done = subprocess.run(
        ["sh", "-c", fact.snippet], env=os.environ | {"HOME": str(home), "LC_ALL": "C"}, capture_output=True, text=True
    )
    return fact.parse(Output(done.returncode, done.stdout, done.stderr))


def test_memory_is_read_from_meminfo_in_gib() -> None:
    memory = parse_memory(
        Output(0, "MemTotal:       127600000 kB\nMemAvailable:   104857600 kB\nSwapTotal: 16777216 kB\n")
    )
    assert memory.available == 100.0
    assert memory.total == pytest.approx(121.69, abs=0.01)
    assert (memory.swap_total, memory.swap_free) == (16.0, 0.0)


def test_df_with_a_device_name_that_pushes_its_columns_on() -> None:
    header = "Filesystem     1024-blocks      Used Available Capacity Mounted on\n"
    wide = header + "/dev/nvme0n1p2 3932160 66060288 104857600  2% /\n"
    assert parse_disk_free(Output(0, wide)) == 100.0


def test_disk_free_of_a_path_that_is_not_there_yet(tmp_path: Path) -> None:
    assert here(disk_free(f"{tmp_path}/a/b/c"), tmp_path) > 0  # type: ignore[operator]


@pytest.mark.parametrize(
    ("said", "gpus"),
    [
        ("NVIDIA GB10, 580.142, [N/A], 12.1\n", (Gpu("NVIDIA GB10", "580.142", None, "12.1"),)),
        ("NVIDIA GB10, 580.95.05, [Not Supported], [N/A]\n", (Gpu("NVIDIA GB10", "580.95.05", None, None),)),
        ("NVIDIA GB10, [N/A], 580.95.05\n", (Gpu("NVIDIA GB10", "[N/A]", None, None),)),
        ("NVIDIA H200, 570.1, 143771, 9.0\n", (Gpu("NVIDIA H200", "570.1", 143771, "9.0"),)),
        ("", ()),
    ],
)
def test_gpus(said: str, gpus: tuple[Gpu, ...]) -> None:
    assert parse_gpus(Output(0, said)) == gpus


def test_a_missing_driver_is_told_from_a_broken_one() -> None:
    with pytest.raises(FactUnavailable, match="not installed"):
        parse_gpus(Output(127, "", "sh: 1: nvidia-smi: not found"))
    broken = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    with pytest.raises(FactUnavailable, match="couldn't communicate"):
        GPU_LIST.parse(Output(9, broken))


def test_gpu_list() -> None:
    line = "GPU 0: NVIDIA GB10 (UUID: GPU-d51f1f69-4063-9beb-b3e9-734334ec9006)"
    assert GPU_LIST.parse(Output(0, f"{line}\n")) == (line,)


def test_dgx_release_with_bare_values_and_repeated_keys() -> None:
    said = ["DGX_NAME=DGX Spark", 'DGX_OTA_VERSION="7.3.1"', 'DGX_OTA_VERSION="7.5.0"', "", "# no", "garbage"]
    assert assignments(said) == {"DGX_NAME": "DGX Spark", "DGX_OTA_VERSION": "7.5.0"}


def test_system() -> None:
    said = "aarch64\n6.17.0-1014-nvidia\nspark-1\n== os\nID=ubuntu\nVERSION_ID=\"24.04\"\n== dgx\nDGX_NAME='x'\n"
    system = parse_system(Output(0, said))
    assert (system.arch, system.hostname) == ("aarch64", "spark-1")
    assert (system.release["VERSION_ID"], system.dgx) == ("24.04", {"DGX_NAME": "x"})


def test_facts_about_this_very_machine(tmp_path: Path) -> None:
    assert here(LOGIN, tmp_path).uid == os.getuid()  # type: ignore[attr-defined]
    assert here(SYSTEM, tmp_path).arch == os.uname().machine  # type: ignore[attr-defined]
    assert here(group_state("no-such-group"), tmp_path).exists is False  # type: ignore[attr-defined]


@pytest.mark.parametrize(("said", "address"), [("10.0.0.5 51022 10.0.0.9 22\n", "10.0.0.9"), ("\n", None), ("x", None)])
def test_session(said: str, address: str | None) -> None:
    assert parse_session(Output(0, said)) == address


def test_packages_as_dpkg_and_apt_say_it() -> None:
    said = (
        "dpkg\tnfs-common\tinstall ok installed\t1:2.6.4-3ubuntu5.1\n"
        "dpkg\tbroken\tinstall ok half-configured\t2.0\napt\tbroken\t2.0\n"
        "dpkg\tgone\tdeinstall ok config-files\t1.0\napt\tgone\t(none)\n"
        "dpkg\tunheard-of\t\napt\tunheard-of\t\n"
    )
    seen = parse_package_state(Output(0, said))
    assert seen["nfs-common"] == Package("installed", "1:2.6.4-3ubuntu5.1")
    assert seen["broken"] == Package("half-configured", "2.0", "2.0")
    assert seen["gone"] == Package("config-files", "1.0", "")
    assert seen["unheard-of"].status == "not-installed"
    assert seen["never asked"] == Package()


@pytest.mark.parametrize("name", ["$(reboot)", "-y", "", "a b", "NFS"])
def test_a_package_name_is_one_before_it_meets_a_shell(name: str) -> None:
    with pytest.raises(ValueError, match="not a package name"):
        package_state(name)


def test_units() -> None:
    said = "LoadState=loaded\nActiveState=active\nSubState=exited\nUnitFileState=enabled\nNeedDaemonReload=yes\n"
    assert parse_unit_state(Output(0, said)) == UnitState("loaded", "active", "exited", "enabled", True, "")
    assert not UnitState(file_state="enabled-runtime").enabled  # gone at the next boot
    assert UnitState(file_state="static").enabled
    with pytest.raises(FactUnavailable, match="Host is down"):
        parse_unit_state(Output(1, "", "Failed to connect to bus: Host is down"))


def engine(**info: object) -> Output:
    base: dict[str, object] = {
        "ServerVersion": "29.0.1",
        "Runtimes": {"runc": {}, "nvidia": {}},
        "Architecture": "aarch64",
    }
    return Output(0, json.dumps({"info": base | info, "hook": False, "cdi": False}))


def test_engine() -> None:
    assert parse_engine(engine()).gpu
    assert parse_engine(engine()).runtimes == ("nvidia", "runc")
    assert not parse_engine(engine(Runtimes={"runc": {}})).gpu


@pytest.mark.parametrize(
    ("output", "reason", "hint"),
    [
        (Output(127, "", "sh: 1: docker: not found"), "not installed", "apt-get install docker.io"),
        (
            Output(
                1,
                "",
                "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            ),
            "may not talk to docker",
            "sparkctl bootstrap",
        ),
        (
            Output(
                1,
                "",
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            ),
            "docker is not running",
            "systemctl start docker",
        ),
        (Output(124, ""), "within the deadline", "systemctl restart docker"),
        (Output(0, "not json"), "not JSON", None),
        (
            engine(ServerVersion=None, ServerErrors=["permission denied while trying"]),
            "may not talk",
            "sparkctl bootstrap",
        ),
    ],
)
def test_docker_that_does_not_answer(output: Output, reason: str, hint: str | None) -> None:
    with pytest.raises(FactUnavailable) as raised:
        parse_engine(output)
    assert reason in raised.value.reason
    assert (hint or "") in (raised.value.hint or "")


def test_image() -> None:
    inspected = [
        {
            "Id": "sha256:1",
            "RepoDigests": ["nvcr.io/nvidia/vllm@sha256:2"],
            "RootFS": {"Type": "layers", "Layers": ["sha256:a", "sha256:b"]},
            "Architecture": "arm64",
            "Size": 12_000_000_000,
        }
    ]
    image = parse_image_state(Output(0, json.dumps(inspected)))
    assert image is not None
    assert (image.layers, image.arch, image.size) == (("sha256:a", "sha256:b"), "arm64", 12_000_000_000)


@pytest.mark.parametrize(
    "said", ["Error: No such image: x:1", "Error response from daemon: No such image: x:1", "error: no such image: x:1"]
)
def test_an_image_that_is_not_there_is_an_answer(said: str) -> None:
    assert parse_image_state(Output(1, "[]\n", said)) is None


def test_a_real_file_is_read_byte_for_byte(tmp_path: Path) -> None:
    content = b"a\x00\xff\n\nno newline at the end"
    (tmp_path / "it's $HOME").write_bytes(content)
    (tmp_path / "it's $HOME").chmod(0o640)
    seen = here(file_state("~/it's $HOME"), tmp_path)
    assert isinstance(seen, FileState)
    assert (seen.path, seen.content, seen.mode) == (f"{tmp_path}/it's $HOME", content, 0o640)


def test_the_kinds_of_things_that_may_stand_in_a_files_place(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "dir").mkdir()
    os.mkfifo(tmp_path / "pipe")
    kinds = {name: here(file_state(f"~/{name}"), tmp_path).kind for name in ("no", "empty", "link", "dir", "pipe")}  # type: ignore[attr-defined]
    assert kinds == {"no": "absent", "empty": "file", "link": "link", "dir": "directory", "pipe": "other"}
    assert here(file_state("~/empty"), tmp_path).content == b""  # type: ignore[attr-defined]
    followed = here(file_state("~/link", follow=True), tmp_path)
    assert (followed.path, followed.kind) == (f"{tmp_path}/elsewhere", "absent")  # type: ignore[attr-defined]


def test_a_confidential_file_tells_only_its_digest(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_canary")
    seen = here(file_state("~/token", confidential=True), tmp_path)
    assert seen.content is None and seen.digest  # type: ignore[attr-defined]


def test_a_directory_tells_its_files_and_not_its_empty_skeleton(tmp_path: Path) -> None:
    (tmp_path / "cache/hub/.locks").mkdir(parents=True)
    seen = here(directory_state("~/cache"), tmp_path)
    assert (seen.kind, seen.files, seen.unread) == ("directory", (), "")  # type: ignore[attr-defined]
    (tmp_path / "cache/hub/model").touch()
    assert here(directory_state("~/cache"), tmp_path).files == (f"{tmp_path}/cache/hub/model",)  # type: ignore[attr-defined]
    assert here(directory_state("~/none"), tmp_path).kind == "absent"  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["relative", "", "~bob/x", "/a\0b"])
def test_only_paths_that_mean_one_thing_are_quoted(path: str) -> None:
    with pytest.raises(ValueError, match="not an absolute path"):
        quoted(path)


PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJPrw3qHyvT8NMJVeef4vbFIplTEcCRus2gawjuqsl0S"


def test_keys_that_ssh_keygen_really_made(tmp_path: Path) -> None:
    assert here(KEY_PAIR, tmp_path).public is None  # type: ignore[attr-defined]
    (tmp_path / ".ssh").mkdir()
    key = tmp_path / ".ssh/id_ed25519_sparkctl"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "sparkctl:x:y", "-f", key], check=True)
    public = " ".join((tmp_path / ".ssh/id_ed25519_sparkctl.pub").read_text().split()[:2])
    assert here(KEY_PAIR, tmp_path).public == public  # type: ignore[attr-defined]
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "a passphrase", "-f", key], check=True)
    assert "passphrase" in here(KEY_PAIR, tmp_path).unusable  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "line",
    ["", "ssh-rsa AAAA", 'command="reboot" ' + PUBLIC, PUBLIC + "\nssh-rsa AAAA", "ssh-ed25519 AAAA$(x)", PUBLIC[:30]],
)
def test_nothing_but_a_public_key_gets_into_a_peers_files(line: str) -> None:
    assert bare(line) is None


def test_a_host_key() -> None:
    assert parse_host_key(Output(0, f"{PUBLIC} root@spark-1\n")) == PUBLIC
    with pytest.raises(FactUnavailable, match="no ed25519 host key"):
        parse_host_key(Output(0, "ssh-rsa AAAA root@spark-1\n"))
    with pytest.raises(FactUnavailable, match="cut off"):
        parse_key_pair(Output(0, "noise"))
