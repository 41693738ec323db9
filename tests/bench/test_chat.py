from __future__ import annotations

import json

import httpx
import pytest
import respx

from sparkctl.bench.chat import ask
from sparkctl.errors import StepFailed

URL = "http://10.77.0.10:8000/v1"
CHAT = "http://10.77.0.10:8000/v1/chat/completions"


def answer(content: object) -> httpx.Response:
    return httpx.Response(200, json={"choices": [{"message": {"content": content}}]})


@respx.mock
def test_the_whole_answer_comes_back_and_the_key_goes_along() -> None:
    route = respx.post(CHAT).mock(return_value=answer(" Hello there. \n"))
    assert ask(URL, "Say hello.", model="tiny", key="k3y") == "Hello there."
    sent = route.calls.last.request
    assert sent.headers["Authorization"] == "Bearer k3y"
    assert json.loads(sent.content)["messages"] == [{"role": "user", "content": "Say hello."}]


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(500, text="EngineCore encountered an issue"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"choices": []}),
        httpx.Response(200, json=[]),
        answer(""),
        answer(None),
        answer(7),
        httpx.ConnectError("refused"),
    ],
    ids=["500", "no JSON", "no choice", "a list", "empty", "null", "a number", "refused"],
)
@respx.mock
def test_anything_but_an_answer_is_a_failure_with_a_command(reply: httpx.Response | Exception) -> None:
    route = respx.post(CHAT)
    route.mock(**({"side_effect": reply} if isinstance(reply, Exception) else {"return_value": reply}))  # type: ignore[arg-type]
    with pytest.raises(StepFailed) as raised:
        ask(URL, "Say hello.", model="tiny", key="k3y")
    assert raised.value.hint == "sparkctl smoke"
    assert "k3y" not in raised.value.message
