"""The main job as a user does it, on two virtual Sparks with real Ray and vLLM. Each test builds on the one before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end.conftest import changed, inside, on_lab, sparkctl

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab")]

FOREIGN = "somebody-elses"


def containers(host: str) -> dict[str, str]:
    """name -> id of every container on a host."""
    rows = inside(host, "docker ps -a --no-trunc --format '{{.Names}} {{.ID}}'").split("\n")
    return dict(row.split() for row in rows if row)


def test_the_first_bootstrap_does_what_its_dry_run_listed_and_the_second_does_nothing() -> None:
    listed = on_lab("bootstrap", "--dry-run", "--detailed-exitcode", expect=10).json
    assert listed["changes"] and not listed["failed"]
    promised = {(entry["host"], entry["ensure"]) for entry in listed["changes"] + listed["unknown"]}
    first = on_lab("bootstrap").json
    assert changed(first) == promised
    second = on_lab("bootstrap").json
    assert (changed(second), second["counts"].keys()) == (set(), {"ok"})
    on_lab("bootstrap", "--dry-run", "--detailed-exitcode", expect=0)


def test_bootstrap_made_what_it_says() -> None:
    for host, peer in (("spark-1", "spark-2"), ("spark-2", "spark-1")):
        assert "docker" in inside(host, "id -nG spark").split()
        assert inside(host, f"runuser -u spark -- ssh -o BatchMode=yes {peer} hostname").strip() == peer
        assert "mtu 9000" in inside(host, "ip link show enp1s0f1np1")
    assert inside("spark-1", "sha256sum /home/spark/.ssh/id_ed25519_sparkctl") != inside(
        "spark-2", "sha256sum /home/spark/.ssh/id_ed25519_sparkctl"
    )
    assert "nfs" in inside("spark-2", "findmnt -no FSTYPE /home/spark/.cache/huggingface")
    assert inside("spark-2", "ls /home/spark/.cache/huggingface/hub").split() == ["models--lab--tiny"]


def test_the_fabric_survives_a_power_cut() -> None:
    sparkctl("lab", "kill", "spark-2")
    sparkctl("lab", "power-on", "spark-2")
    report = on_lab("bootstrap").json
    assert report["ok"]
    assert "192.168.100.11" in inside("spark-2", "ip -4 addr show enp1s0f1np1")


def test_up_is_proven_joined_and_a_no_op_the_second_time() -> None:
    first = on_lab("up").json
    assert any("2" in proof for proof in first["proofs"])
    assert set(on_lab("up").json["counts"]) == {"ok"}
    assert on_lab("status").json["state"] == "up"


def test_no_secret_is_in_inspect_or_in_a_process_list() -> None:
    token = inside("spark-1", "cat /run/sparkctl/ray-token /var/lib/sparkctl/*/ray-token 2>/dev/null").split()
    tokens = token or inside("spark-1", "find / -xdev -name '*ray-token*' -type f -exec cat {} +").split()
    assert tokens, "the Ray token was not found on the head"
    for host in ("spark-1", "spark-2"):
        shown = inside(host, "docker inspect $(docker ps -aq); ps -ef")
        assert not any(secret in shown for secret in tokens)


def serve(*more: str, **kwargs: Any) -> dict[str, Any]:
    return on_lab("serve", "--model", "tiny-cpu", *more, **kwargs).json


def test_serve_answers_and_serving_again_changes_nothing() -> None:
    serve()
    before = {host: containers(host) for host in ("spark-1", "spark-2")}
    assert set(serve()["counts"]) == {"ok"}
    assert {host: containers(host) for host in ("spark-1", "spark-2")} == before
    status = on_lab("status").json
    assert (status["state"], status["model"]) == ("serving", "tiny")
    assert status["endpoint"]
    assert all(host["reachable"] for host in status["hosts"])


def test_smoke_passes_on_the_served_model() -> None:
    report = on_lab("smoke").json
    assert all(check["ok"] for check in report["checks"]), report


def test_a_changed_argument_shows_as_a_diff_and_restarts_only_the_serving_part() -> None:
    before = {host: containers(host) for host in ("spark-1", "spark-2")}
    (change,) = serve("--max-model-len", "256", "--dry-run")["changes"]
    assert "512" in str(change["before"]) and "256" in str(change["after"])
    serve("--max-model-len", "256")
    after = {host: containers(host) for host in ("spark-1", "spark-2")}
    assert after["spark-2"] == before["spark-2"]
    differing = {name for name in after["spark-1"] if after["spark-1"][name] != before["spark-1"].get(name)}
    assert differing == {"sparkctl-serve"}


def test_logs_and_exec_speak_to_the_right_hosts() -> None:
    assert "vllm" in on_lab("logs", "spark-1", as_json=False).out.lower()
    said = on_lab("exec", "--", "hostname", as_json=False)
    assert "spark-1" in said.out and "spark-2" in said.out


def test_stop_ends_serving_and_leaves_ray_up() -> None:
    on_lab("stop")
    assert on_lab("status").json["state"] == "up"
    assert set(on_lab("stop").json["counts"]) <= {"ok"}


def test_down_touches_nothing_of_anyone_elses_then_up_and_serve_work_again() -> None:
    image = inside("spark-1", "docker images --format '{{.Repository}}:{{.Tag}}' | head -n 1").strip()
    inside("spark-1", f"docker run -d --name {FOREIGN} {image} sleep infinity")
    on_lab("down", "--yes")
    assert set(containers("spark-1")) == {FOREIGN}
    assert containers("spark-2") == {}
    assert on_lab("status").json["state"] == "down"
    assert set(on_lab("down", "--yes").json["counts"]) <= {"ok"}
    on_lab("up")
    serve()
    assert on_lab("status").json["state"] == "serving"
    inside("spark-1", f"docker rm -f {FOREIGN}")
