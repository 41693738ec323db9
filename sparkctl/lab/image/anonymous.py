"""The token that registries hand to anyone who asks (https://distribution.github.io/distribution/spec/auth/token/)."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import suppress

import httpx


class AnonymousToken(httpx.Auth):
    """Answers a registry's challenge; a token that expired meanwhile is challenged again, hence renewed."""

    def __init__(self) -> None:
        self._token: str | None = None

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Try with the token at hand; on 401 ask for one and try once more."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        answer = yield request
        asked = _token_url(answer.headers.get("www-authenticate", "")) if answer.status_code == 401 else None
        if asked is None:
            return
        granted = yield httpx.Request("GET", asked)
        granted.read()
        with suppress(ValueError, AttributeError):
            content = granted.json()
            self._token = str(content.get("token") or content.get("access_token") or "")
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        # in any case: the last answer of this flow is the one that the caller sees
        yield request


def _token_url(challenge: str) -> httpx.URL | None:
    """Where a `Bearer` challenge says that tokens are given; None for any other."""
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if not challenge.lower().startswith("bearer ") or not fields.get("realm", "").startswith(("https://", "http://")):
        return None
    return httpx.URL(fields["realm"], params={name: fields[name] for name in ("service", "scope") if name in fields})
