from __future__ import annotations

import json
from pathlib import Path

from sparkctl.converge import to_json
from sparkctl.ensure import secret
from sparkctl.flows.serve import serve
from sparkctl.flows.up import up
from sparkctl.serving.vllm import Request
from tests.flows.conftest import TINY, Hosts, stack


def test_without_ray_it_says_so_and_how_to_go_on(hosts: Hosts) -> None:
    report, sent = hosts.converge(serve(stack(), TINY))
    assert report.exit_code == 1
    assert report.errors[0].message.endswith("on spark-1: Ray of spark-1: it is not up")
    assert report.errors[0].hint == "sparkctl up"
    assert sent == {"spark-1": [], "spark-2": []}


def test_served_means_completions_and_the_second_run_only_asks(raised: Hosts) -> None:
    report, sent = raised.converge(serve(stack(), TINY))
    assert report.errors == ()
    assert "lab/tiny answers: 2 completions: 'hello' in 0.10 s; 'hello' in 0.10 s" in report.proofs
    assert sent["spark-2"] == []
    again, sent = raised.converge(serve(stack(), TINY))
    assert again.errors == ()
    assert sent == {"spark-1": [], "spark-2": []}
    assert "lab/tiny answers: 2 completions: 'hello' in 0.10 s; 'hello' in 0.10 s" in again.proofs


def test_a_changed_argument_shows_and_restarts_only_vllm(serving: Hosts) -> None:
    longer = serve(stack(), Request("lab/tiny", max_model_len=1024))
    told = to_json(serving.plan(longer))
    assert [(change["before"], change["after"]) for change in told["changes"]] == [
        ({"--max-model-len": "512"}, {"--max-model-len": "1024"})
    ]
    report, sent = serving.converge(longer)
    assert report.errors == ()
    done = [line.split()[:2] for line in sent["spark-1"]]
    assert done == [["docker", "stop"], ["docker", "rm"], ["docker", "run"], ["sh", "-euc"]]
    assert sent["spark-2"] == []


def test_vllm_is_made_anew_for_a_new_ray(serving: Hosts) -> None:
    state = serving.file("spark-1", "docker.json")
    containers = json.loads(state.read_text())
    ray = next(one for one in containers.values() if one["name"] == "sparkctl-ray")
    ray["state"]["StartedAt"] = "2026-11-21T11:00:00Z"
    state.write_text(json.dumps(containers))
    told = to_json(serving.plan(serve(stack(), TINY)))
    assert list(told["changes"][0]["before"]) == ["Ray"]


def test_a_new_ray_head_takes_vllm_along(serving: Hosts) -> None:
    changed = stack(docker_args=("--cpus", "16"))
    told = to_json(serving.plan(up(changed)))
    assert told["changes"][0]["before"] == {"docker --cpus": "(not set)", "sparkctl-serve": "running"}
    report, _ = serving.converge(up(changed))
    assert report.errors == ()
    assert "sparkctl-serve" not in serving.file("spark-1", "docker.json").read_text()


def test_up_and_serve_planned_together_know_what_waits_for_what(hosts: Hosts) -> None:
    told = to_json(hosts.plan((*up(stack()), *serve(stack(), TINY))))
    assert {"host": "spark-1", "phase": "vLLM", "ensure": "container.sparkctl-serve"}.items() <= told["unknown"][
        -1
    ].items()
    assert told["unknown"][-1]["reason"] == "known after container.sparkctl-ray"
    report, _ = hosts.converge((*up(stack()), *serve(stack(), TINY)))
    assert report.errors == ()


def test_a_failed_start_says_what_vllm_said(raised: Hosts) -> None:
    raised.fault("spark-1", "exits")
    raised.fault("spark-1", "log", "vllm: error: unrecognized arguments: --max-modle-len 512\n")
    report, _ = raised.converge(serve(stack(), Request("lab/tiny", extra=("--max-modle-len", "512"))))
    error = report.errors[0]
    assert error.message.endswith("on spark-1: vLLM does not know the argument --max-modle-len")
    assert error.hint == "did you mean --max-model-len?"
    assert "vllm: error: unrecognized arguments: --max-modle-len 512" in (error.evidence or "")


def test_secrets_reach_the_hosts_as_files_only(raised: Hosts) -> None:
    canaries = {secret.HF_TOKEN: b"hf_canary_one", secret.API_KEY: b"key-canary-two"}
    asked = Request("lab/tiny", hf_token=canaries[secret.HF_TOKEN], api_key=canaries[secret.API_KEY])
    report, sent = raised.converge(serve(stack(), asked))
    assert report.errors == ()
    for name, canary in canaries.items():
        assert Path(secret.path("two-sparks", name)).read_bytes() == canary
        seen = [*sent["spark-1"], *sent["spark-2"], *map(str, raised.events), repr(asked), str(report.to_json())]
        seen += [path.read_text() for path in raised.root.rglob("docker.json")]
        assert not [text for text in seen if canary.decode() in text]


def test_a_new_api_key_restarts_vllm(raised: Hosts) -> None:
    raised.converge(serve(stack(), Request("lab/tiny", api_key=b"one")))
    report, sent = raised.converge(serve(stack(), Request("lab/tiny", api_key=b"two")))
    assert report.errors == ()
    assert [line.split()[:2] for line in sent["spark-1"]][-2] == ["docker", "run"]


def test_a_path_that_a_node_cannot_read_is_told_before_vllm_is_started(raised: Hosts) -> None:
    raised.fault("spark-2", "model")
    report, sent = raised.converge(serve(stack(), Request("/srv/models/tiny")))
    assert "its containers see no model in /srv/models/tiny" in report.errors[0].message
    assert report.errors[0].host == "spark-2"
    assert sent["spark-1"] == []


def test_a_port_of_somebody_else_is_told(raised: Hosts) -> None:
    line = 'LISTEN 0 128 *:8000 *:* users:(("nginx",pid=99,fd=6))\n'
    raised.file("spark-1", "listeners").write_text(line)
    report, _ = raised.converge(serve(stack(), TINY))
    assert "port 8000, which vLLM needs, is taken by nginx (process 99)" in report.errors[0].message


def test_too_little_memory_is_told_for_every_host(raised: Hosts) -> None:
    report, sent = raised.converge(serve(stack(), Request("lab/tiny", free_memory_gib=1e6)))
    assert "the model needs 1e+06 on each host (and 1 more)" in report.errors[0].message
    assert sent["spark-1"] == []


def test_our_own_port_is_free_for_us_and_a_new_one_must_be_free(serving: Hosts) -> None:
    lines = [
        f'LISTEN 0 128 *:{port} *:* users:(("{who}",pid=9,fd=6))' for port, who in ((8000, "vllm"), (8001, "nginx"))
    ]
    serving.file("spark-1", "listeners").write_text("\n".join(lines) + "\n")
    again, _ = serving.converge(serve(stack(), TINY))
    assert again.errors == ()
    moved, _ = serving.converge(serve(stack(), Request("lab/tiny", max_model_len=512, port=8001)))
    assert "port 8001, which vLLM needs, is taken by nginx" in moved.errors[0].message
