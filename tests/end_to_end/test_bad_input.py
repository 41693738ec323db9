"""What goes wrong in real life: each gives the contract's exit code and one clear sentence with its fix."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
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


def without_image(host: str) -> None:
    inside(host, "docker rmi -f $(docker images -q)")


def pulling(host: str) -> bool:
    return bool(inside(host, "pgrep -f '^docker pull'").strip())


def begin_bootstrap() -> subprocess.Popen[bytes]:
    """A bootstrap in the middle of pulling spark-2's image."""
    without_image("spark-2")
    argv = [sys.executable, "-m", "sparkctl", "-i", "lab", "bootstrap"]
    run = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not pulling("spark-2"):
        assert run.poll() is None and time.monotonic() < until, "the pull did not begin"
        time.sleep(0.2)
    return run


def point_registry(host: str, script: str) -> None:
    """Change where the host finds the registry; dockerd believes /etc/hosts for five seconds (Go's resolver)."""
    inside(host, script)
    time.sleep(6)


def test_the_registry_is_down() -> None:
    without_image("spark-2")
    point_registry(
        "spark-2", "cp /etc/hosts /root/hosts; sed -i '/nvcr.io/d' /etc/hosts; echo 127.0.0.9 nvcr.io >>/etc/hosts"
    )
    try:
        one_sentence(on_lab("bootstrap", expect=1), "nvcr.io", "spark-2")
    finally:
        point_registry("spark-2", "cat /root/hosts >/etc/hosts")


def test_a_killed_run_is_finished_by_the_next() -> None:
    run = begin_bootstrap()
    run.kill()
    run.communicate(timeout=20)
    assert on_lab("history").json["runs"][0]["ended"] == "interrupted"
    assert on_lab("bootstrap").json["ok"]
    assert set(on_lab("bootstrap").json["counts"]) == {"ok"}


def test_an_interrupted_run_says_what_was_under_way_and_is_finished_by_the_next() -> None:
    run = begin_bootstrap()
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=30)
    assert run.returncode == 130
    assert b"Traceback" not in said and b"spark-2" in said
    assert on_lab("bootstrap").json["ok"]


def test_a_key_that_the_host_does_not_know(tmp_path: Path, lab_inventory: str) -> None:
    stranger = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    lines = [line for line in lab_inventory.splitlines() if "identity_file" in line]
    (path,) = re.findall(r"identity_file:\s*([^,}\s]+)", lines[0])
    inventory = changed_inventory(tmp_path, lab_inventory, path, str(stranger))
    one_sentence(sparkctl("-i", inventory, "bootstrap", expect=4), "spark-1")


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
