"""The smoke test's questions to an OpenAI-style API and how an answer is judged. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PROMPT = "Say hello in one word."
TOKENS = 8


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` of HTTP; `events` are the data of server-sent events, in order, for a request that streams."""

    status: int
    body: str = ""
    events: tuple[str, ...] = ()

    def json(self) -> Any:
        """The body as JSON, None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`ok`, and what was seen in one line."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `body` is JSON, or raw text where the point is that it is none."""

    name: str
    method: str
    path: str
    judge: Callable[[Reply], Verdict]
    body: Mapping[str, Any] | str | None = None
    streams: bool = False


MODELS = Question("models", "GET", "/v1/models", lambda reply: Verdict(reply.status == 200, str(reply.status)))
"""Asked first, to learn what is served."""


def questions(model: str, limit: int | None = None) -> tuple[Question, ...]:
    """All requests in order. `limit` is the model's context length in tokens, for the prompt that is too long."""
    short: dict[str, Any] = {"model": model, "max_tokens": TOKENS, "temperature": 0}
    says = [{"role": "user", "content": PROMPT}]
    endless = "word " * (2 * (limit or 262_144))
    return (
        Question("models", "GET", "/v1/models", lambda reply: names(reply, model)),
        Question("completion", "POST", "/v1/completions", completed, {**short, "prompt": PROMPT}),
        Question("chat", "POST", "/v1/chat/completions", completed, {**short, "messages": says}),
        Question(
            "streaming", "POST", "/v1/chat/completions", streamed, {**short, "messages": says, "stream": True}, True
        ),
        Question(
            "unknown model",
            "POST",
            "/v1/completions",
            lambda reply: refused(reply, (400, 404)),
            {**short, "model": "sparkctl/no-such-model", "prompt": PROMPT},
        ),
        Question("broken JSON", "POST", "/v1/completions", lambda reply: refused(reply, (400, 422)), '{"model": '),
        Question(
            "prompt too long",
            "POST",
            "/v1/completions",
            lambda reply: refused(reply, (400, 413, 422)),
            {**short, "prompt": endless},
        ),
        Question("still answers", "POST", "/v1/completions", completed, {**short, "prompt": PROMPT}),
    )


def served(reply: Reply) -> tuple[str | None, int | None]:
    """The first model that is served, and its context length where the server tells it (vLLM does)."""
    said = reply.json()
    rows = said.get("data") if isinstance(said, dict) else None
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    limit = first.get("max_model_len")
    return first.get("id"), limit if isinstance(limit, int) else None


def names(reply: Reply, model: str) -> Verdict:
    """/v1/models names the model."""
    said = reply.json()
    rows = said.get("data", []) if isinstance(said, dict) else []
    found = [row.get("id") for row in rows if isinstance(row, dict)]
    if reply.status != 200:
        return _error(reply)
    return Verdict(model in found, ", ".join(str(name) for name in found) or "no model")


def completed(reply: Reply) -> Verdict:
    """Text came back, of at least one token: an empty answer with status 200 is none."""
    said = reply.json()
    if reply.status != 200 or not isinstance(said, dict):
        return _error(reply)
    choice = (said.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    text = choice.get("text") or message.get("content") or message.get("reasoning_content") or message.get("reasoning")
    tokens = (said.get("usage") or {}).get("completion_tokens")
    if not text and not tokens:
        return Verdict(False, "an answer without a single token")
    return Verdict(True, f"{_short(str(text or ''))!r}" + (f", {tokens} tokens" if tokens else ""))


def streamed(reply: Reply) -> Verdict:
    """Text came in pieces, and the stream was ended by `[DONE]`."""
    if reply.status != 200:
        return _error(reply)
    if not reply.events or reply.events[-1] != "[DONE]":
        return Verdict(False, f"{len(reply.events)} events and no [DONE]")
    pieces = []
    for event in reply.events[:-1]:
        try:
            said = json.loads(event)
        except ValueError:
            return Verdict(False, f"an event that is not JSON: {_short(event)!r}")
        if "error" in said:
            return Verdict(False, _short(json.dumps(said["error"])))
        delta = ((said.get("choices") or [{}])[0]).get("delta") or {}
        pieces.append(delta.get("content") or delta.get("reasoning_content") or delta.get("reasoning") or "")
    text = [piece for piece in pieces if piece]
    if not text:
        return Verdict(False, f"{len(pieces)} events without text")
    return Verdict(True, f"{_short(''.join(text))!r} in {len(text)} pieces")


def refused(reply: Reply, expected: tuple[int, ...]) -> Verdict:
    """The request was refused with one of `expected`, and said why."""
    wanted = " or ".join(str(status) for status in expected)
    detail = f"{reply.status}, {wanted} expected: {_message(reply)}" if reply.status not in expected else ""
    return Verdict(not detail, detail or f"{reply.status}: {_message(reply)}")


def _error(reply: Reply) -> Verdict:
    return Verdict(False, f"{reply.status}: {_message(reply)}")


def _message(reply: Reply) -> str:
    said = reply.json()
    error = said.get("error", said) if isinstance(said, dict) else reply.body
    message = error.get("message", error) if isinstance(error, dict) else error
    return _short(str(message)) or "no words"


def _short(text: str) -> str:
    return " ".join(text.split())[:120]
