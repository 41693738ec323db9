"""One question to a served model and its answer, whole."""

from __future__ import annotations

import httpx

from sparkctl.bench.smoke import base_of
from sparkctl.errors import StepFailed

DEADLINE = 120.0
"""Seconds: the first request after a start compiles, which took 17 s on two busy cores."""


def ask(url: str, prompt: str, *, model: str, key: str | None = None, tokens: int = 64) -> str:
    """What `model` at `url` answers to `prompt`, past any proxy. Raises StepFailed where there is no such answer."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": tokens,
        "temperature": 0,
    }
    doing = f"asking {model} at {base_of(url)}"
    try:
        with httpx.Client(base_url=base_of(url), headers=headers, timeout=DEADLINE, trust_env=False) as client:
            reply = client.post("/v1/chat/completions", json=body)
        reply.raise_for_status()
        text = reply.json()["choices"][0]["message"]["content"]
    except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as error:
        raise StepFailed(f"{doing}: {type(error).__name__}", hint="sparkctl smoke") from error
    if not isinstance(text, str) or not text.strip():
        raise StepFailed(f"{doing}: the answer is empty", hint="sparkctl smoke")
    return text.strip()
