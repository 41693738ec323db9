"""The proof that a model is served: its name in /v1/models and real completions, asked inside vLLM's container."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkctl.ensure import secret
from sparkctl.facts.base import Fact, FactUnavailable, Output
from sparkctl.serving.names import SERVE

SCRIPT = r"""
import json, os, sys, time, urllib.error, urllib.request
port, name, seconds, tokens, keyfile = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
prompts, began = sys.argv[6:], time.monotonic()
headers = {"Content-Type": "application/json"}
if keyfile and os.path.exists(keyfile):
    headers["Authorization"] = "Bearer " + open(keyfile).read().strip()
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(path, body=None):
    left = max(1.0, seconds - (time.monotonic() - began))
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request("http://127.0.0.1:%s%s" % (port, path), data, headers)
    try:
        with direct.open(request, timeout=left if body else min(5.0, left)) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, {"error": error.read(2000).decode("utf-8", "replace")}
def complete(prompt):
    global chat
    start, common = time.monotonic(), {"model": name, "max_tokens": tokens, "temperature": 0}
    if chat:
        status, said = ask("/v1/chat/completions", {**common, "messages": [{"role": "user", "content": prompt}]})
        if status == 400 and "chat template" in json.dumps(said):
            chat = False
    if not chat:
        status, said = ask("/v1/completions", {**common, "prompt": prompt})
    answer = {"kind": "chat" if chat else "completion", "status": status, "seconds": time.monotonic() - start}
    if status != 200:
        return {**answer, "error": said.get("error", "")}
    choice = (said.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    text = choice.get("text") or message.get("content") or message.get("reasoning_content") or message.get("reasoning")
    return {**answer, "text": text or "", "tokens": (said.get("usage") or {}).get("completion_tokens", 0)}
chat, found = True, {"models": [], "completions": [], "trouble": ""}
try:
    status, said = ask("/v1/models")
    if status == 200:
        found["models"] = [model["id"] for model in said.get("data", [])]
    else:
        found["trouble"] = "/v1/models answered %d" % status
    if name in found["models"]:
        for prompt in prompts:
            found["completions"].append(complete(prompt))
            if found["completions"][-1]["status"] != 200:
                break
except (OSError, ValueError) as error:
    found["trouble"] = "%s: %s" % (type(error).__name__, getattr(error, "reason", None) or error)
print("READY " + json.dumps(found))
"""
"""With the standard library only, and past any proxy of the environment. The key is read where it lies."""

TOKENS = 16
"""Asked of each completion: enough to go through prefill and several decode steps."""


ANSWER_SECONDS = 180.0
"""For all completions of one proof. The first compiles kernels: 17 s on two busy cores, a minute on a Spark."""

TIMED_OUT = "timed out"


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer. `status` is HTTP's, `seconds` the whole request's; `error` is the body of a refusal."""

    kind: str
    status: int
    seconds: float
    text: str = ""
    tokens: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said; `trouble` why it said nothing (`URLError: Connection refused` while it starts)."""

    models: tuple[str, ...]
    completions: tuple[Completion, ...]
    trouble: str = ""

    def proves(self, name: str, completions: int) -> bool:
        """The name is there and so many real completions came back. An empty text is none."""
        real = [one for one in self.completions if one.status == 200 and one.tokens > 0]
        return name in self.models and len(real) >= completions

    @property
    def hangs(self) -> bool:
        """The API names its models and does not complete: seen when a rank has gone and its engine still waits."""
        return bool(self.models) and TIMED_OUT in self.trouble

    @property
    def refused(self) -> Completion | None:
        """The first request that the API answered with an error."""
        return next((one for one in self.completions if one.status != 200), None)


def answer(
    port: int, name: str, prompts: Sequence[str], *, key: bool = False, seconds: float = ANSWER_SECONDS
) -> Fact[Answer]:
    """Ask the API on loopback of the head, within `seconds` in all. Unavailable where the container does not run."""
    keyfile = f"{secret.INSIDE}/{secret.API_KEY}" if key else ""
    arguments = (str(port), name, f"{seconds:g}", str(TOKENS), keyfile, *prompts)
    limit = ("timeout", "-k", "1", f"{seconds + 3:g}")
    words = ("docker", "exec", SERVE, *limit, "python3", "-c", SCRIPT, *arguments)
    return Fact(f"answers of {name} on port {port}", shlex.join(words), _parse, timeout=seconds + 8)


def _parse(output: Output) -> Answer:
    for line in output.stdout.splitlines():
        if line.startswith("READY "):
            return from_json(json.loads(line.removeprefix("READY ")))
    if output.code == 124:
        raise FactUnavailable(f"the API {TIMED_OUT}")
    said = (output.stderr or output.stdout).strip().splitlines()
    raise FactUnavailable(said[-1][:200] if said else f"the question could not be asked (exit code {output.code})")


def from_json(said: Mapping[str, Any]) -> Answer:
    """The answer of our script."""
    rows = (
        Completion(
            row["kind"],
            int(row["status"]),
            float(row["seconds"]),
            str(row.get("text", "")),
            int(row.get("tokens") or 0),
            str(row.get("error", "")),
        )
        for row in said["completions"]
    )
    return Answer(tuple(said["models"]), tuple(rows), str(said.get("trouble", "")))
