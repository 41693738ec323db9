from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import respx

from sparkctl.bench.questions import Reply, completed, names, refused, served, streamed
from sparkctl.bench.smoke import base_of, smoke


@dataclass
class FakeOpenAI:
    """A fake OpenAI-style server on loopback, with faults to choose."""

    faults: set[str] = field(default_factory=set)
    key: str | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, body: bytes) -> tuple[int, Any]:
        self.asked.append(path)
        if path == "/v1/models":
            return 200, {"data": [{"id": "tiny", "max_model_len": 64}]}
        try:
            said = json.loads(body)
        except ValueError:
            return 400, {"error": {"message": "Expecting value"}}
        if said["model"] != "tiny" and "any-model" not in self.faults:
            return 404, {"error": {"message": f"The model `{said['model']}` does not exist."}}
        if len(str(said.get("prompt", "")).split()) > 64:
            if "dies" in self.faults:
                self.faults.add("dead")
            return 400, {"error": {"message": "This model's maximum context length is 64 tokens."}}
        if "dead" in self.faults:
            return 500, {"error": {"message": "EngineCore encountered an issue."}}
        text = "" if "empty" in self.faults else "hello"
        usage = {"completion_tokens": len(text)}
        if path == "/v1/completions":
            return 200, {"choices": [{"text": text}], "usage": usage}
        return 200, {"choices": [{"message": {"content": text}, "delta": {"content": text}}], "usage": usage}


class Handler(BaseHTTPRequestHandler):
    fake: FakeOpenAI

    def do_GET(self) -> None:
        self._reply(b"")

    def do_POST(self) -> None:
        self._reply(self.rfile.read(int(self.headers["Content-Length"])))

    def _reply(self, body: bytes) -> None:
        if self.fake.key and self.headers.get("Authorization") != f"Bearer {self.fake.key}":
            status, said = 401, {"error": "Unauthorized"}
        else:
            status, said = self.fake.answer(self.path, body)
        text = json.dumps(said)
        if b'"stream": true' in body and status == 200:
            text = f"data: {text}\n\ndata: {text}\n\n" + ("" if "no-done" in self.fake.faults else "data: [DONE]\n\n")
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    found = FakeOpenAI()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Mine", (Handler,), {"fake": found}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()


def test_a_healthy_server_passes_everything(fake: FakeOpenAI) -> None:
    found = smoke(f"{fake.url}/v1/")
    assert [(check.name, check.ok) for check in found.checks] == [
        ("models", True),
        ("completion", True),
        ("chat", True),
        ("streaming", True),
        ("unknown model", True),
        ("broken JSON", True),
        ("prompt too long", True),
        ("still answers", True),
    ]
    assert found.ok
    assert found.model == "tiny"
    assert json.loads(json.dumps(found.to_json()))["checks"][3]["detail"] == "'hellohello' in 2 pieces"


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        ("empty", {"completion", "chat", "streaming", "still answers"}),
        ("no-done", {"streaming"}),
        ("any-model", {"unknown model"}),
        ("dies", {"still answers"}),
    ],
)
def test_each_fault_fails_its_own_checks(fake: FakeOpenAI, fault: str, failed: set[str]) -> None:
    fake.faults.add(fault)
    assert {check.name for check in smoke(fake.url).checks if not check.ok} == failed


def test_the_key_is_sent_and_never_shown(fake: FakeOpenAI) -> None:
    fake.key = "sk-canary"
    assert smoke(fake.url, key="sk-canary").ok
    without = smoke(fake.url)
    assert not without.ok
    assert "sk-canary" not in json.dumps(without.to_json()) + repr(without)


def test_nobody_there_is_one_failed_check() -> None:
    found = smoke("http://127.0.0.1:9")
    assert [(check.name, check.ok) for check in found.checks] == [("models", False)]
    assert "refused" in found.checks[0].detail.lower()


@respx.mock
def test_a_proxy_page_is_not_taken_for_a_model() -> None:
    respx.get("http://spark-1:8000/v1/models").mock(httpx.Response(502, text="<html>Bad Gateway</html>"))
    found = smoke("http://spark-1:8000")
    assert not found.ok
    assert found.checks[0].detail == "502: no model is served"


@respx.mock
def test_a_request_that_hangs_is_a_failed_check() -> None:
    respx.get("http://spark-1:8000/v1/models").mock(httpx.Response(200, json={"data": [{"id": "tiny"}]}))
    respx.post(path="/v1/completions").mock(side_effect=httpx.ReadTimeout("timed out"))
    respx.post(path="/v1/chat/completions").mock(httpx.Response(500, text="oops"))
    found = {check.name: check for check in smoke("http://spark-1:8000").checks}
    assert found["completion"].detail == "timed out"
    assert found["chat"].detail == "500: oops"


@pytest.mark.parametrize("url", ["http://h:8000", "http://h:8000/", "http://h:8000/v1", "http://h:8000/v1/"])
def test_the_base_of_what_people_type(url: str) -> None:
    assert base_of(url) == "http://h:8000"


@pytest.mark.parametrize(
    ("reply", "ok"),
    [
        (Reply(200, '{"choices": [{"text": "hi"}]}'), True),
        (Reply(200, '{"choices": [{"message": {"content": null, "reasoning": "hm"}}]}'), True),
        (Reply(200, '{"choices": [{"text": ""}], "usage": {"completion_tokens": 4}}'), True),
        (Reply(200, '{"choices": [{"text": ""}], "usage": {"completion_tokens": 0}}'), False),
        (Reply(200, '{"choices": []}'), False),
        (Reply(200, "not json"), False),
        (Reply(500, '{"error": {"message": "EngineCore"}}'), False),
    ],
)
def test_a_completion_has_tokens(reply: Reply, ok: bool) -> None:
    assert completed(reply).ok is ok


def test_other_answers_are_judged_too() -> None:
    assert names(Reply(200, '{"data": [{"id": "a"}]}'), "b").ok is False
    assert served(Reply(200, "[]")) == (None, None)
    assert streamed(Reply(200, events=("x", "[DONE]"))).detail == "an event that is not JSON: 'x'"
    assert streamed(Reply(200, events=('{"error": {"message": "no"}}', "[DONE]"))).ok is False
    assert refused(Reply(500, ""), (400, 404)).detail == "500, 400 or 404 expected: no words"
