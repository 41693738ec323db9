"""Playbooks: the shipped ones load, wrong ones say why, names are found in their order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkctl.errors import ConfigError
from sparkctl.inventory.problems import PlaybookError
from sparkctl.inventory.schema import json_schema
from sparkctl.playbook import files
from sparkctl.playbook.loader import load
from sparkctl.playbook.recipe import Engine, Model, Needs, Recipe
from sparkctl.playbook.schema import PlaybookModel

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "playbooks").glob("*.yml"))

GOOD = """\
name: big
description: A big model
source: https://example.org
needs: {hosts: 4, free_memory_gib: 85.5}
model: {id: org/Big-Model_1.5, revision: 0a1b2c3, served_name: big}
engine:
  image: nvcr.io/nvidia/vllm:25.11-py3
  tensor_parallel: 2
  pipeline_parallel: 2
  max_model_len: 32768
  gpu_memory_utilization: 0.85
  max_num_seqs: 8
  max_num_batched_tokens: 8192
  kv_cache_dtype: fp8
  kv_cache_memory_bytes: 67108864
  load_format: fastsafetensors
  quantization: mxfp4
  enforce_eager: true
  extra_args: [--reasoning-parser, deepseek_r1, "--x=$(id)"]
  env: {VLLM_USE_DEEP_GEMM: 0}
smoke:
  - "2+2="
  - |
    Two lines
    are fine.
"""


def test_every_key() -> None:
    assert load(GOOD, "big.yml") == Recipe(
        "big",
        "A big model",
        "https://example.org",
        Needs(4, 85.5),
        Model("org/Big-Model_1.5", None, "0a1b2c3", "big"),
        Engine(
            "nvcr.io/nvidia/vllm:25.11-py3",
            2,
            2,
            32768,
            0.85,
            8,
            8192,
            "fp8",
            67108864,
            "fastsafetensors",
            "mxfp4",
            True,
            ("--reasoning-parser", "deepseek_r1", "--x=$(id)"),
            (("VLLM_USE_DEEP_GEMM", "0"),),
        ),
        ("2+2=", "Two lines\nare fine.\n"),
    )


def test_arguments_of_vllm() -> None:
    assert load(GOOD, "big.yml").arguments == {
        "revision": "0a1b2c3",
        "max-num-seqs": 8,
        "max-num-batched-tokens": 8192,
        "kv-cache-dtype": "fp8",
        "kv-cache-memory-bytes": 67108864,
        "load-format": "fastsafetensors",
        "quantization": "mxfp4",
        "enforce-eager": True,
    }


def test_the_least() -> None:
    recipe = load("name: a\ndescription: b\nmodel: {path: /opt/models/tiny}\n", "a.yml")
    assert recipe == Recipe("a", "b", None, Needs(), Model(path="/opt/models/tiny"), Engine(pipeline_parallel=1))
    assert (recipe.target, recipe.served_name, recipe.arguments) == ("/opt/models/tiny", "/opt/models/tiny", {})


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped(path: Path) -> None:
    recipe = load(path.read_bytes(), path.name)
    assert recipe.name == path.stem
    assert recipe.smoke and recipe.source
    assert path.read_text().startswith("# yaml-language-server: $schema=../docs/schema/playbook.json\n")


def test_the_model_of_the_lab() -> None:
    recipe = load((ROOT / "playbooks/tiny-cpu.yml").read_bytes(), "tiny-cpu.yml")
    assert (recipe.target, recipe.served_name, recipe.needs.hosts) == ("lab/tiny", "tiny", 1)
    assert recipe.engine.max_model_len == 512
    assert recipe.arguments == {"max-num-seqs": 8, "kv-cache-memory-bytes": 67108864, "enforce-eager": True}


def test_three_are_shipped() -> None:
    assert {"tiny-cpu", "deepseek-r1-distill-llama-8b", "gpt-oss-120b"} <= set(files.names((ROOT / "playbooks",)))


def test_the_schema_for_editors_is_current() -> None:
    """Otherwise: python -m sparkctl.playbook.schema > docs/schema/playbook.json"""
    written = json.loads((ROOT / "docs/schema/playbook.json").read_text())
    assert written == json_schema(PlaybookModel, "sparkctl playbook")


@pytest.mark.parametrize(
    ("old", "new", "path", "line", "message", "hint"),
    [
        ("name: big\n", "", "name", 1, "name is missing", "write name: gpt-oss-120b"),
        ("name: big", "name: ../big", "name", 1, "is not a name", "write big"),
        ("description: A big model", "description: [x]", "description", 2, "found a list, wanted text", "write desc"),
        ("hosts: 4", "hosts: 65", "needs.hosts", 4, "wanted a number from 1 to 64", "write 1"),
        ("hosts: 4", "hosts: 2", "engine.tensor_parallel", 8, "2 x 2 GPUs are asked for", "needs: {hosts: 4}"),
        ("free_memory_gib: 85.5", "free_memory_gib: lots", "needs.free_memory_gib", 4, "wanted a number", "write"),
        ("id: org/Big-Model_1.5", "id: '-org/x'", "model.id", 5, "is not a Hugging Face id", "openai/"),
        ("id: org/Big-Model_1.5", "id: org/../x", "model.id", 5, "is not a Hugging Face id", "openai/"),
        ("id: org/Big-Model_1.5", "id: a/b/c", "model.id", 5, "is not a Hugging Face id", "openai/"),
        ("id: org/Big-Model_1.5", "id: $(id)", "model.id", 5, "is not a Hugging Face id", "openai/"),
        ("id: org/Big-Model_1.5, ", "", "model", 5, "neither id nor path", "write id: ORG/MODEL"),
        ("id: org/Big-Model_1.5", "id: a/b, path: /x", "model.path", 5, "both id and path are here", "keep one"),
        ("id: org/Big-Model_1.5", "path: /x", "model.revision", 5, "a path has no revision", "delete it"),
        ("id: org/Big-Model_1.5", "path: /x/../y", "model.path", 5, "is not a plain absolute path", "container"),
        ("id: org/Big-Model_1.5", "path: models/x", "model.path", 5, "is not a plain absolute path", "container"),
        ("revision: 0a1b2c3", "revision: 1e10", "model.revision", 5, "is another number to some", '"1e10"'),
        ("revision: 0a1b2c3", "revision: --x", "model.revision", 5, "is not a plain word", "letters"),
        ("served_name: big", "served_name: a b", "model.served_name", 5, "is not a plain word", "letters"),
        ("tensor_parallel: 2", "tensor_parallel: all", "engine.tensor_parallel", 8, "wanted auto", "write auto"),
        ("tensor_parallel: 2", "tensor_parallel: 0", "engine.tensor_parallel", 8, "found the number 0", ""),
        (
            "tensor_parallel: 2",
            'tensor_parallel: "2"',
            "engine.tensor_parallel",
            8,
            "found the text '2'",
            "without quotes",
        ),
        ("tensor_parallel: 2", "tensor_parallel: [2]", "engine.tensor_parallel", 8, "found a list", "whole number"),
        ("pipeline_parallel: 2", "pipeline_parallel: -1", "engine.pipeline_parallel", 9, "wanted a number", "write 1"),
        ("max_model_len: 32768", "max_model_len: 32k", "engine.max_model_len", 10, "found the text '32k'", "whole"),
        ("utilization: 0.85", "utilization: 0.99", "engine.gpu_memory_utilization", 11, "the number 0.99", ""),
        (
            "utilization: 0.85",
            "utilization: 85%",
            "engine.gpu_memory_utilization",
            11,
            "found the text '85%'",
            "number",
        ),
        ("enforce_eager: true", "enforce_eager: yes", "engine.enforce_eager", 18, "is true to some", "or true"),
        ("enforce_eager: true", "enforce_eager: 1", "engine.enforce_eager", 18, "wanted true or false", "true"),
        ("extra_args: [", "extra_args: [--api-key, ", "engine.extra_args[0]", 19, "holds a secret", "api_key_file"),
        ("extra_args: [", "extra_args: [--hf-token=x, ", "engine.extra_args[0]", 19, "holds a secret", "hf_token_file"),
        ("extra_args:", "extra_arg:", "engine.extra_arg", 19, "unknown key", "did you mean extra_args?"),
        ("VLLM_USE_DEEP_GEMM: 0", "HF_TOKEN: x", "engine.env.HF_TOKEN", 20, "is a secret", "file"),
        ('"2+2="', '" "', "smoke[0]", 22, "an empty prompt", "write what to ask"),
        ("engine:", "engin:", "engin", 6, "unknown key 'engin'", "did you mean engine?"),
        ("smoke:", "max_model_len: 1\nsmoke:", "max_model_len", 21, "unknown key", "stands under engine"),
    ],
)
def test_wrong_playbooks(old: str, new: str, path: str, line: int, message: str, hint: str) -> None:
    assert old in GOOD
    with pytest.raises(PlaybookError) as caught:
        load(GOOD.replace(old, new, 1), "big.yml")
    found = caught.value.problems
    hit = next((p for p in found if p.path == path and message in p.message), None)
    assert hit is not None, found
    assert hit.line == line
    assert hint in (hit.hint or "")
    assert caught.value.message.startswith("reading playbook big.yml: ")


@settings(max_examples=300, deadline=1000)
@given(st.integers(0, len(GOOD)), st.integers(0, 20), st.text(max_size=8))
def test_a_good_file_cut_and_patched(at: int, length: int, patch: str) -> None:
    try:
        load(GOOD[:at] + patch + GOOD[at + length :], "big.yml")
    except PlaybookError as error:
        assert all(problem.message.isprintable() for problem in error.problems)


def test_find_and_names(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    for path in (near / "a.yml", far / "a.yml", far / "b.yaml", far / "README.md", far / "Bad Name.yml"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    search = (near, far, tmp_path / "nowhere")
    assert files.find("a", search) == near / "a.yml"
    assert files.find("b", search) == far / "b.yaml"
    assert files.names(search) == ("a", "b")
    for name in ("c", "org/model", "../far/a", "/etc/passwd", "", "-a", "README", "a.yml"):
        assert files.find(name, search) is None


def test_the_users_own_folder_comes_first(tmp_path: Path) -> None:
    folder = tmp_path / "playbooks"
    folder.mkdir()
    (folder / "tiny-cpu.yml").touch()
    assert files.find("tiny-cpu", files.search_path(tmp_path)) == folder / "tiny-cpu.yml"
    found = files.find("gpt-oss-120b", files.search_path(tmp_path))
    assert found is not None and found.is_file()


def test_read(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("x")
    assert files.read(tmp_path / "a.yml") == b"x"
    with pytest.raises(ConfigError, match="there is no such file"):
        files.read(tmp_path / "b.yml")
    with pytest.raises(ConfigError, match="there is no such file"):
        files.read(tmp_path)
