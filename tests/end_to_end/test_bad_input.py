"""What goes wrong in real life: each gives the contract's exit code and one clear sentence with its fix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Said, inside, on_lab, sparkctl

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("bootstrapped")]


@pytest.fixture(scope="module")
def bootstrapped(lab: None) -> None:
    on_lab("bootstrap")
    on_lab("down", "--yes")


def one_sentence(said: Said, *words: str) -> None:
    error = said.error
    assert "\n" not in error["message"], error
    assert error["hint"], error
    for word in words:
        assert word in error["message"] + " " + str(error["hint"]) + str(error.get("evidence")), error


@pytest.fixture
def lab_inventory(tmp_path: Path) -> Iterator[str]:
    from sparkctl.lab import lab

    path = lab.inventory_path()
    assert path is not None
    yield path.read_text()


def changed_inventory(tmp_path: Path, text: str, old: str, new: str) -> str:
    assert old in text
    path = tmp_path / "inventory.yml"
    path.write_text(text.replace(old, new))
    path.chmod(0o600)
    return str(path)


def test_a_host_that_is_down() -> None:
    sparkctl("lab", "kill", "spark-2")
    try:
        one_sentence(on_lab("bootstrap", expect=4), "spark-2")
        status = on_lab("status", expect=None).json
        assert [host["reachable"] for host in status["hosts"]] == [True, False]
    finally:
        sparkctl("lab", "power-on", "spark-2")


def test_a_tag_that_does_not_exist(tmp_path: Path, lab_inventory: str) -> None:
    path = changed_inventory(tmp_path, lab_inventory, "vllm:25.11-py3", "vllm:99.99-py3")
    one_sentence(sparkctl("-i", path, "bootstrap", expect=1), "99.99-py3")


def test_no_sudo() -> None:
    inside("spark-2", "mv /etc/sudoers.d/spark /root/spark.sudoers")
    try:
        one_sentence(on_lab("bootstrap", expect=1), "sudo", "spark-2")
    finally:
        inside("spark-2", "mv /root/spark.sudoers /etc/sudoers.d/spark")


def test_docker_is_not_running() -> None:
    inside("spark-2", "systemctl stop docker.socket docker.service")
    try:
        one_sentence(on_lab("up", expect=1), "docker", "spark-2")
    finally:
        inside("spark-2", "systemctl start docker.socket docker.service")


def test_the_ray_port_is_taken_by_somebody_else() -> None:
    inside("spark-1", "systemd-run --unit squatter python3 -m http.server 6379")
    try:
        one_sentence(on_lab("up", expect=1), "6379", "spark-1")
    finally:
        inside("spark-1", "systemctl stop squatter")


def test_no_gpu_container_hook() -> None:
    hook = inside("spark-2", "command -v nvidia-container-runtime-hook").strip()
    inside("spark-2", f"mv {hook} /root/hook; systemctl reset-failed docker; systemctl restart docker")
    try:
        said = on_lab("up", expect=1)
        one_sentence(said, "spark-2")
        assert "gpu" in str(said.json).lower() or "nvidia" in str(said.json).lower()
    finally:
        inside("spark-2", f"mv /root/hook {hook}; systemctl reset-failed docker; systemctl restart docker")
        on_lab("down", "--yes")


def test_a_changed_host_key_is_a_hard_stop_that_yes_does_not_override() -> None:
    inside("spark-2", "cp -a /etc/ssh /root/ssh; rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh")
    try:
        one_sentence(on_lab("status", expect=4), "spark-2", "--forget spark-2")
        on_lab("trust", "--yes", expect=4)
    finally:
        inside("spark-2", "cp -a /root/ssh/. /etc/ssh/; systemctl restart ssh")
    on_lab("status")


def test_serve_without_ray() -> None:
    one_sentence(on_lab("serve", "--model", "tiny-cpu", expect=1), "sparkctl", "up")


def test_a_model_that_is_not_there() -> None:
    on_lab("up")
    one_sentence(on_lab("serve", "--model", "nobody/nothing", expect=1))


def test_an_argument_that_vllm_does_not_know() -> None:
    one_sentence(on_lab("serve", "--model", "tiny-cpu", "--", "--no-such-argument", expect=1), "no-such-argument")
