"""What `serve` asks of vLLM: options over the playbook, secrets from safe places only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sparkctl.cli import secrets
from sparkctl.cli.request import Asked, recipe_of, request_of
from sparkctl.errors import ConfigError, UsageError
from sparkctl.inventory.cluster import Cluster, Host, Runtime, Serve
from sparkctl.playbook.recipe import Engine, Model, Needs, Recipe
from sparkctl.serving.vllm import PROMPTS

CLUSTER = Cluster("c", (Host("a", "10.0.0.1", role="head"),), runtime=Runtime(image="img:1"))
RECIPE = Recipe(
    "r",
    "",
    None,
    Needs(),
    Model(id="org/model", served_name="m"),
    Engine(max_model_len=512, gpu_memory_utilization=0.5, extra_args=("--x",), env=(("A", "1"),)),
    ("one?", "two?", "three?"),
)


def test_a_playbook_gives_what_no_option_says() -> None:
    request = request_of(Asked("r"), RECIPE, CLUSTER)
    assert (request.model, request.name, request.max_model_len, request.gpu_memory_utilization) == (
        "org/model",
        "m",
        512,
        0.5,
    )
    assert (request.extra, dict(request.env), request.prompts) == (("--x",), {"A": "1"}, ("one?", "two?", "three?"))


def test_an_option_wins() -> None:
    asked = Asked(
        "r", tp=2, pp=3, max_model_len=64, gpu_memory_utilization=0.7, port=9000, served_model_name="n", extra=("--y",)
    )
    request = request_of(asked, RECIPE, CLUSTER)
    assert (request.tensor_parallel, request.pipeline_parallel, request.max_model_len) == (2, 3, 64)
    assert (request.gpu_memory_utilization, request.port, request.name) == (0.7, 9000, "n")
    assert request.extra == ("--x", "--y")


def test_two_prompts_are_asked_at_least() -> None:
    request = request_of(Asked("r"), replace(RECIPE, smoke=("only one?",)), CLUSTER)
    assert request.prompts == ("only one?", *PROMPTS)


@pytest.mark.parametrize(
    ("model", "target"),
    [("org/model", "org/model"), ("gpt2", "gpt2"), ("/models/x", "/models/x"), ("tiny-cpu", "lab/tiny")],
)
def test_a_model_is_a_playbook_a_hub_id_or_a_path(model: str, target: str) -> None:
    assert recipe_of(model).target == target


def test_what_is_nearly_a_playbook_is_asked_about() -> None:
    with pytest.raises(UsageError) as raised:
        recipe_of("tiny-cup")
    assert raised.value.hint == "sparkctl serve --model tiny-cpu"


def test_a_playbook_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yml"
    file.write_text("name: mine\ndescription: x\nmodel: {id: a/b}\nengine: {}\n")
    assert recipe_of(str(file)).target == "a/b"
    with pytest.raises(ConfigError):
        recipe_of(str(tmp_path / "nosuch.yml"))


def test_what_the_cluster_cannot_hold_is_said_before_anything_is_touched() -> None:
    with pytest.raises(ConfigError, match="needs 2 hosts, the inventory has 1"):
        request_of(Asked("r"), replace(RECIPE, needs=Needs(hosts=2)), CLUSTER)
    with pytest.raises(ConfigError, match="needs the image other:2"):
        request_of(Asked("r"), replace(RECIPE, engine=Engine(image="other:2")), CLUSTER)


def test_secrets_are_read_and_stay_out_of_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, token = tmp_path / "key", tmp_path / "token"
    for file in (key, token):
        file.write_text(f" the-{file.name}\n")
        file.chmod(0o600)
    cluster = replace(
        CLUSTER, runtime=replace(CLUSTER.runtime, hf_token_file=str(token)), serve=Serve(api_key_file=str(key))
    )
    request = request_of(Asked("r"), RECIPE, cluster)
    assert (request.hf_token, request.api_key) == (b"the-token", b"the-key")
    assert "the-token" not in repr(request) and "the-key" not in repr(request)
    monkeypatch.setenv("MY_TOKEN", "from-env")
    cluster = replace(CLUSTER, runtime=replace(CLUSTER.runtime, hf_token_env="MY_TOKEN"))
    assert request_of(Asked("r"), RECIPE, cluster).hf_token == b"from-env"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "key"
    file.write_text("secret")
    file.chmod(mode)
    with pytest.raises(ConfigError, match="others can read it") as raised:
        secrets.from_file(str(file), "the API key")
    assert raised.value.hint == f"chmod 600 {file}"


@pytest.mark.parametrize("content", ["", "\n", "two words", "a\x00b", "x" * 5000, "über"])
def test_what_is_no_secret_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / "key"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError) as raised:
        secrets.from_file(str(file), "the API key")
    assert not content.strip() or content not in str(raised.value)


def test_a_secret_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        secrets.from_file(str(tmp_path / "nosuch"), "the API key")
    with pytest.raises(ConfigError, match=r"\$NOSUCH: it is not set"):
        secrets.from_variable("NOSUCH", "the token", {})
    with pytest.raises(ConfigError, match=r"not a file|is a directory"):
        secrets.from_file(str(tmp_path), "the API key")
