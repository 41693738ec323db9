"""Smoke tests of a served model: real requests, the wrong ones too, and the server must survive them."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from sparkctl.bench.questions import MODELS, Question, Reply, questions, served

DEADLINE = 120.0
"""Seconds a request: the first after a start compiles, which took 17 s on two busy cores."""

LIMIT = 4_000_000
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True)
class Check:
    """One request and how it ended."""

    name: str
    ok: bool
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Smoke:
    """All checks of one API. `reached`: something took the connection, whatever it then said."""

    url: str
    model: str | None
    checks: tuple[Check, ...]
    reached: bool = True

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "url": self.url,
            "model": self.model,
            "checks": [{**asdict(check), "seconds": round(check.seconds, 3)} for check in self.checks],
        }


def base_of(url: str) -> str:
    """The address before `/v1`: both `http://host:8000` and `http://host:8000/v1/` are understood."""
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def smoke(url: str, *, key: str | None = None, model: str | None = None, deadline: float = DEADLINE) -> Smoke:
    """Ask everything of `questions` at `url`, past any proxy. `model` defaults to the first that is served.

    Raises nothing: an API that cannot be reached is a check that failed. `key` is sent and never shown.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    base = base_of(url)
    with httpx.Client(base_url=base, headers=headers, timeout=deadline, trust_env=False) as client:
        began = time.monotonic()
        try:
            first = _ask(client, MODELS)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            check = Check("models", False, _said(error, key), time.monotonic() - began)
            return Smoke(
                base, model, (check,), reached=not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            )
        found, limit = served(first)
        wanted = model or found
        if wanted is None:
            detail = f"{first.status}: no model is served"
            return Smoke(base, None, (Check("models", False, detail, time.monotonic() - began),))
        return Smoke(base, wanted, tuple(_check(client, question, key) for question in questions(wanted, limit)))


def _check(client: httpx.Client, question: Question, key: str | None) -> Check:
    began = time.monotonic()
    try:
        verdict = question.judge(_ask(client, question))
        ok, detail = verdict.ok, verdict.detail
    except (httpx.HTTPError, ValueError) as error:
        ok, detail = False, _said(error, key)
    return Check(question.name, ok, detail, time.monotonic() - began)


def _ask(client: httpx.Client, question: Question) -> Reply:
    body = question.body if isinstance(question.body, str) or question.body is None else json.dumps(question.body)
    headers = {"Content-Type": "application/json"} if body is not None else {}
    with client.stream(question.method, question.path, content=body, headers=headers) as answer:
        if not question.streams or answer.status_code != 200:
            return Reply(answer.status_code, _read(answer))
        events = []
        for line in answer.iter_lines():
            if line.startswith("data:"):
                events.append(line.removeprefix("data:").strip())
                if events[-1] == "[DONE]":
                    break
        return Reply(answer.status_code, events=tuple(events))


def _read(answer: httpx.Response) -> str:
    content = bytearray()
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > LIMIT:
            raise ValueError(f"an answer of more than {LIMIT} bytes")
    return content.decode("utf-8", "replace")


def _said(error: Exception, key: str | None) -> str:
    said = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
    return said.replace(key, "•••") if key else said
