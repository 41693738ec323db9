"""What the hosts and Ray and vLLM answer, parsed and judged."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from sparkctl.facts.base import FactUnavailable, Missing, Output
from sparkctl.facts.container import Container, container_log, containers_of
from sparkctl.flows.phase import NotYet, Proven, Refuted
from sparkctl.flows.proofs import LOG_LINES, WHOLE_LOG, Freed, Join, Served
from sparkctl.serving.image import image_contents
from sparkctl.serving.names import RAY, SERVE
from sparkctl.serving.node import GIB, NODE, NodeState
from sparkctl.serving.nodes import Node, Nodes, from_list, joined, ray_nodes
from sparkctl.serving.ports import LISTENERS, Listener, holders
from sparkctl.serving.ready import SCRIPT, Answer, Completion, answer

EXPECTED = {"spark-1": "192.168.100.10", "spark-2": "192.168.100.11"}
ADDRESS = "192.168.100.10:6379"

LIST_NODES = """[{"node_id": "3b69", "node_ip": "192.168.100.11", "is_head_node": false, "state": "DEAD",
"state_message": "Terminated due to preemption: Node received SIGTERM; draining before shutdown.",
"resources_total": {"CPU": 2.0, "node:192.168.100.11": 1.0, "GPU": 1.0, "memory": "21.707 GiB"}},
{"node_id": "4c70", "node_ip": "192.168.100.11", "is_head_node": false, "state": "ALIVE", "state_message": null,
"resources_total": {"CPU": 2.0, "GPU": 1.0}},
{"node_id": "3c9c", "node_ip": "192.168.100.10", "is_head_node": true, "state": "ALIVE", "state_message": null,
"resources_total": {"CPU": 2.0, "node:__internal_head__": 1.0}}]"""
"""`ray list nodes --format json` of Ray 2.60, shortened; the head lost its GPU."""


def node(address: str, alive: bool = True, gpus: float = 1.0) -> Node:
    return Node(address[-2:], address, alive, gpus)


def test_the_list_of_ray_is_understood() -> None:
    found = joined(from_list(json.loads(LIST_NODES)), EXPECTED)
    assert (found.present, found.missing, found.without_gpu) == (("spark-2",), (), ("spark-1",))


@pytest.mark.parametrize(
    ("nodes", "missing", "foreign"),
    [
        ([node("192.168.100.10"), node("192.168.100.11")], (), ()),
        ([node("192.168.100.10"), node("192.168.100.11", alive=False)], ("spark-2",), ()),
        ([node("192.168.100.10"), node("192.168.100.11", alive=False), node("192.168.100.11")], (), ()),
        ([node("192.168.100.10"), node("192.168.1.22")], ("spark-2",), ("192.168.1.22",)),
        ([], ("spark-1", "spark-2"), ()),
    ],
)
def test_joined_is_by_address_and_never_by_total(
    nodes: list[Node], missing: tuple[str, ...], foreign: tuple[str, ...]
) -> None:
    found = joined(nodes, EXPECTED)
    assert (found.missing, found.foreign) == (missing, foreign)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (Output(1, "", "Error response from daemon: No such container: sparkctl-ray"), "Ray is not up"),
        (Output(1, "", "Error response from daemon: container 12 is not running"), "Ray is not up"),
        (Output(124, ""), "Ray does not answer"),
        (Output(1, "", "RaySystemError: RPC error: InvalidAuthToken: wrong"), "Ray does not accept its own token"),
        (Output(1, "", "Traceback\nRaySystemError: Failed to connect to GCS."), "Failed to connect to GCS"),
    ],
)
def test_why_the_table_is_not_there(output: Output, reason: str) -> None:
    with pytest.raises(FactUnavailable, match=reason):
        ray_nodes(ADDRESS).parse(output)


def test_the_table_is_found_among_what_ray_prints() -> None:
    table = {
        "ray": "2.60.0",
        "gpus_free": 0.0,
        "nodes": [{"id": "a", "ip": "192.168.100.10", "alive": True, "gpus": 1}],
    }
    said = f"2026-11-21 INFO worker.py:1841 -- Connecting\nNODES {json.dumps(table)}\n"
    assert ray_nodes(ADDRESS).parse(Output(0, said)) == Nodes((Node("a", "192.168.100.10", True, 1.0),), 0.0, "2.60.0")


def ours(name: str = RAY, state: str = "running", code: int = 0) -> Container:
    return Container(name, "1" * 64, "img", "i", state, code, "10:00")


def seen(nodes: Nodes | Missing, second: Container | None = None, log: str = "") -> dict[str, dict[str, Any]]:
    mine = containers_of("c").name
    return {
        "spark-1": {mine: (ours(),), ray_nodes(ADDRESS).name: nodes, container_log(RAY, LOG_LINES).name: ""},
        "spark-2": {mine: (second,) if second else (), container_log(RAY, LOG_LINES).name: log},
    }


BOTH = Nodes((node("192.168.100.10"), node("192.168.100.11")), 2.0, "2.60.0")
HEAD = Nodes((node("192.168.100.10"),), 1.0, "2.60.0")


def test_join_waits_proves_and_gives_up() -> None:
    join = Join("c", ADDRESS, EXPECTED)
    assert join.judge(seen(BOTH, ours())) == Proven("2 of 2 nodes ALIVE, 2 GPUs, Ray 2.60.0")
    waiting = join.judge(seen(HEAD, ours()))
    assert waiting == NotYet("spark-2 (192.168.100.11) to join, 1 of 2 nodes ALIVE", 1, 2)
    assert isinstance(join.judge(seen(Missing("Ray does not answer"), ours())), NotYet)
    ended = join.judge(seen(HEAD, ours(state="exited", code=1)))
    assert isinstance(ended, Refuted)
    assert (ended.host, ended.message) == ("spark-2", "joining spark-2 to Ray: its container exited with code 1")
    absent = join.judge(seen(HEAD))
    assert isinstance(absent, Refuted)
    assert absent.hint == "sparkctl up"


def test_the_previous_run_of_a_node_that_is_starting_is_no_proof() -> None:
    log = "2026-11-21 04:07:50,014 INFO scripts.py:1101 -- Local node IP: 192.168.100.11"
    join = Join("c", ADDRESS, EXPECTED)
    waiting = join.judge(seen(BOTH, ours(), log))
    assert isinstance(waiting, NotYet)
    assert waiting.waiting_for.startswith("spark-2 (192.168.100.11) to join, 1 of 2")
    assert isinstance(join.judge(seen(BOTH, ours(), f"{log}\nSUCC scripts.py:1251 -- Ray runtime started.")), Proven)


def test_a_node_that_nobody_expects_is_named() -> None:
    three = Nodes((*BOTH.nodes, node("10.0.0.7")), 3.0, "2.60.0")
    told = Join("c", ADDRESS, EXPECTED).judge(seen(three, ours()))
    assert "besides 10.0.0.7, which the inventory does not have" in str(told)
    assert "10.0.0.7" not in str(Join("c", ADDRESS, EXPECTED, known=("10.0.0.7",)).judge(seen(three, ours())))


def test_join_that_may_not_wait_refuses_at_once() -> None:
    join = Join("c", ADDRESS, EXPECTED, wait=False)
    for nodes in (HEAD, Missing("Ray is not up", "sparkctl up")):
        refused = join.judge(seen(nodes, ours()))
        assert isinstance(refused, Refuted)
        assert refused.hint == "sparkctl up"


def test_a_worker_that_says_nothing_but_its_address_speaks_another_version() -> None:
    log = "2026-11-21 04:07:50,014 INFO scripts.py:1101 -- Local node IP: 192.168.100.11"
    blamed = Join("c", ADDRESS, EXPECTED).blame(seen(HEAD, ours(), log), Refuted("all nodes: waited 120 s"))
    assert blamed.host == "spark-2"
    assert "no head that speaks its version" in blamed.message
    assert log in (blamed.evidence or "")


PROMPTS = ("one", "two")
GOOD = Completion("chat", 200, 0.3, "hello", 2)


def serving(given: Answer | Missing, container: Container | None = None, log: str = "") -> dict[str, dict[str, Any]]:
    return {
        "spark-1": {
            containers_of("c").name: (container or ours(SERVE),),
            container_log(SERVE, LOG_LINES).name: log,
            container_log(SERVE, WHOLE_LOG).name: log,
            answer(8000, "tiny", PROMPTS).name: given,
        }
    }


REFUSED = Answer((), (), "URLError: Connection refused")
FATAL = "(EngineCore pid=8) ERROR 11-21 11:28:38 [core.py:1] EngineCore failed to start.\nKeyError: 'x'\n"


@pytest.mark.parametrize(
    ("given", "log", "kind", "words"),
    [
        (Answer(("tiny",), (GOOD, GOOD)), "", Proven, "2 completions: 'hello' in 0.30 s; 'hello' in 0.30 s"),
        (Answer(("tiny",), (GOOD,)), "", Refuted, "without a single token"),
        (Answer(("tiny",), (GOOD, Completion("chat", 200, 0.1))), "", Refuted, "without a single token"),
        (Answer(("tiny",), (GOOD, Completion("chat", 500, 0.1, error="EngineCore"))), "", Refuted, "answered 500"),
        (Answer(("tiny",), (Completion("chat", 503, 0.1),)), "", NotYet, "starting"),
        (Answer(("other",), ()), "", Refuted, "port 8000 serves other"),
        (REFUSED, "INFO:     Application startup complete.", NotYet, "opening the API"),
        (REFUSED, FATAL, Refuted, "KeyError: 'x'"),
        (Missing("the API timed out"), "", NotYet, "starting"),
        (Answer(("tiny",), (), "TimeoutError: timed out"), "", Refuted, "completed none within 180 s"),
    ],
)
def test_serving_is_nothing_less_than_completions(given: Any, log: str, kind: type, words: str) -> None:
    judged = Served("c", "spark-1", "tiny", 8000, PROMPTS).judge(serving(given, log=log))
    assert isinstance(judged, kind)
    assert words in str(judged)


def test_an_ended_vllm_is_blamed_with_the_cause_in_its_whole_log() -> None:
    log = "vllm: error: unrecognized arguments: --foo\n" + "  File x\n" * 500
    judge = Served("c", "spark-1", "tiny", 8000, PROMPTS)
    facts = serving(REFUSED, ours(SERVE, "exited", 2), log)
    refuted = judge.judge(facts)
    assert isinstance(refuted, Refuted)
    blamed = judge.blame(facts, refuted)
    assert blamed.message == "serving tiny on spark-1: vLLM does not know the argument --foo"


def test_free_gpus_are_counted_by_ray() -> None:
    judge = Freed("c", "spark-1", ADDRESS)
    assert judge.judge(seen(BOTH)) == Proven("2 of 2 GPUs free")
    taken = Nodes(BOTH.nodes, 0.0, "2.60.0")
    assert judge.judge(seen(taken)) == NotYet("2 GPUs to be free again", 0.0, 2.0)
    assert judge.judge({"spark-1": {containers_of("c").name: ()}}) == Proven("Ray is not up")
    unknown = Missing("docker did not answer within the deadline", "sudo systemctl restart docker")
    refuted = judge.judge({"spark-1": {containers_of("c").name: unknown}})
    assert isinstance(refuted, Refuted), "what cannot be asked is not known to be free"
    assert unknown.reason in refuted.message and refuted.hint == unknown.hint


def run_script(port: int, *words: str) -> Answer:
    """The probe as the container would run it."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(port), *words], capture_output=True, text=True, timeout=30, check=True
    )
    return answer(8000, "tiny", PROMPTS).parse(Output(0, done.stdout))


class FakeVllm(BaseHTTPRequestHandler):
    """A fake: answers completions but has no chat template."""

    def do_GET(self) -> None:
        self._send(200, {"data": [{"id": "tiny"}]})

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "messages" in said:
            self._send(
                400, {"error": {"message": "As of transformers v4.44, default chat template is no longer allowed"}}
            )
        elif self.headers.get("Authorization") == "Bearer wrong":
            self._send(401, {"error": "Unauthorized"})
        else:
            self._send(200, {"choices": [{"text": said["prompt"][::-1]}], "usage": {"completion_tokens": 3}})

    def _send(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        pass


def test_the_probe_asks_for_real(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server = HTTPServer(("127.0.0.1", 0), FakeVllm)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = run_script(server.server_port, "tiny", "20", "16", "", "abc", "def")
    assert [one.text for one in found.completions] == ["cba", "fed"]
    assert found.proves("tiny", 2)
    assert not run_script(server.server_port, "other", "20", "16", "", "abc").completions
    key = tmp_path / "key"
    key.write_text("wrong\n")
    refused = run_script(server.server_port, "tiny", "20", "16", str(key), "abc").refused
    assert refused is not None
    assert refused.status == 401
    server.shutdown()
    server.server_close()
    assert "refused" in run_script(server.server_port, "tiny", "5", "16", "", "abc").trouble


def test_the_node_s_own_snippet_runs_here() -> None:
    done = subprocess.run(["sh", "-c", NODE.snippet], capture_output=True, text=True, timeout=20, check=True)
    found = NODE.parse(Output(0, done.stdout))
    assert found.memory > GIB // 2
    assert found.netdevs["127.0.0.1"] == "lo"


def test_what_a_spark_says_about_itself() -> None:
    said = "home /home/dan\nmemory 127535336\ninfiniband\nnetdev enP7s7 192.168.1.21\nhca rocep1s0f1\ngpus 1\n"
    assert NODE.parse(Output(0, said)) == NodeState(
        "/home/dan", 127535336 * 1024, True, 1, ("rocep1s0f1",), {"192.168.1.21": "enP7s7"}
    )
    with pytest.raises(FactUnavailable):
        NODE.parse(Output(0, "home \nmemory x\n"))


SS = """\
LISTEN 0      4096         0.0.0.0:6379       0.0.0.0:*    users:(("gcs_server",pid=812,fd=6))
LISTEN 0      64              [::]:2049          [::]:*
LISTEN 0      511    127.0.0.53%lo:53         0.0.0.0:*    users:(("systemd-resolve",pid=1,fd=14))
"""


def test_who_listens() -> None:
    found = LISTENERS.parse(Output(0, SS))
    assert holders(found, 6379, "192.168.100.10") == (Listener("0.0.0.0", 6379, "gcs_server", 812),)
    assert holders(found, 2049, "192.168.100.10")[0].pid == 0
    assert holders(found, 53, "192.168.100.10") == ()
    assert holders(found, 53, "0.0.0.0")[0].process == "systemd-resolve"


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ('docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]]', "toolkit"),
        ("exec /usr/bin/python3: exec format error", "another processor"),
        ('exec: "python3": executable file not found in $PATH', "no python3"),
        ("permission denied while trying to connect to the Docker daemon socket", "may not talk to docker"),
    ],
)
def test_why_an_image_cannot_be_looked_into(stderr: str, reason: str) -> None:
    with pytest.raises(FactUnavailable, match=reason):
        image_contents("c", "img").parse(Output(125, "", stderr))


def test_a_log_is_bounded_clean_and_empty_where_there_is_none() -> None:
    fact = container_log(SERVE, 3)
    assert fact.parse(Output(0, "\x1b[36m(pid=1)\x1b[0m a\nb\n")) == "(pid=1) a\nb"
    assert fact.parse(Output(1, "Error response from daemon: No such container: sparkctl-serve\n")) == ""
