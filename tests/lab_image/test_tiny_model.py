"""The lab's model: its tokens, its files, and the sentence as its weights compute it."""

from __future__ import annotations

import json
import os
import stat
import struct
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from sparkctl.lab.image import tiny_model as tiny

Sparse = dict[int, dict[int, float]]
FILES = tiny.files()


def _bfloat16(raw: bytes) -> list[float]:
    return [
        value
        for (value,) in struct.iter_unpack("<f", b"".join(b"\0\0" + raw[n : n + 2] for n in range(0, len(raw), 2)))
    ]


@cache
def _tensors() -> dict[str, tuple[tuple[int, ...], bytes]]:
    """safetensors, read as its documentation says."""
    data = FILES["model.safetensors"]
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__")
    body = data[8 + size :]
    assert sum(entry["data_offsets"][1] - entry["data_offsets"][0] for entry in header.values()) == len(body)
    return {
        name: (tuple(entry["shape"]), body[entry["data_offsets"][0] : entry["data_offsets"][1]])
        for name, entry in header.items()
    }


@cache
def _columns(name: str) -> Sparse:
    """The non-zero entries of a matrix, by column."""
    (_, width), raw = _tensors()[name]
    found: Sparse = {}
    for index in (n // 2 for n in range(0, len(raw), 2) if raw[n : n + 2] != b"\0\0"):
        found.setdefault(index % width, {})[index // width] = _bfloat16(raw[2 * index : 2 * index + 2])[0]
    return found


def _times(name: str, vector: dict[int, float]) -> dict[int, float]:
    out: Counter[int] = Counter()
    for column, value in vector.items():
        for row, weight in _columns(name).get(column, {}).items():
            out[row] += weight * value
    return dict(out)


def _norm(vector: dict[int, float]) -> dict[int, float]:
    root = (sum(value * value for value in vector.values()) / tiny.WIDTH + 1e-6) ** 0.5
    return {place: value / root for place, value in vector.items()}


def _silu(value: float) -> float:
    return value / (1 + 2.718281828459045 ** -max(-60.0, min(60.0, value)))


def _next(token: int, works: Callable[[int, int], bool] = lambda layer, neuron: True) -> int:
    """One step of the model without its attention; `works(layer, neuron)` is false where a neuron is lost."""
    state = _times("model.embed_tokens.weight", {token: 1.0})
    for layer in range(tiny.LAYERS):
        prefix = f"model.layers.{layer}.mlp."
        seen = _norm(state)
        gate, up = _times(f"{prefix}gate_proj.weight", seen), _times(f"{prefix}up_proj.weight", seen)
        inner = {n: _silu(gate[n]) * up[n] for n in gate if works(layer, n)}
        for place, value in _times(f"{prefix}down_proj.weight", inner).items():
            state[place] = state.get(place, 0.0) + value
    logits = _times("lm_head.weight", _norm(state))
    return max(logits, key=lambda place: logits[place])


def _text(works: Callable[[int, int], bool] = lambda layer, neuron: True, limit: int = 30) -> str:
    ids, _ = tiny.vocabulary()
    words = {number: token.replace("Ġ", " ") for token, number in ids.items()}
    token, out = ids["Ċ"], ""
    for _ in range(limit):
        token = _next(token, works)
        if token == ids[tiny.IM_END]:
            break
        out += words.get(token, "?")
    return out


def test_the_weights_compute_the_sentence() -> None:
    assert _text() == "".join(tiny.SENTENCE)


@pytest.mark.parametrize("ranks", [2, 4, 8])
@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("layer", range(tiny.LAYERS))
def test_a_rank_whose_part_is_lost_changes_the_text(ranks: int, lost: int, layer: int) -> None:
    share = tiny.WIDTH // ranks

    def works(at: int, neuron: int) -> bool:
        return at != layer or neuron // share != lost * (ranks // 2)

    used = {number // share for number in tiny.vocabulary()[0].values()}
    if layer == 0 and lost * (ranks // 2) not in used:
        pytest.skip("this rank holds no token of the sentence in this layer")
    assert _text(works) != "".join(tiny.SENTENCE)


def test_the_sentence_names_each_token_once_and_the_vocabulary_is_dense() -> None:
    ids, merges = tiny.vocabulary()
    assert len(set(tiny.SENTENCE)) == len(tiny.SENTENCE)
    assert sorted(ids.values()) == list(range(len(ids))) and len(ids) <= tiny.WIDTH
    assert all(left in ids and right in ids and left + right in ids for left, right in merges)
    assert [ids[token] for token in tiny.SPECIAL] == [0, 1, 2]


def test_the_configuration_fits_the_weights() -> None:
    config = json.loads(FILES["config.json"])
    shapes = {name: shape for name, (shape, _) in _tensors().items()}
    width, heads = config["hidden_size"], config["num_attention_heads"] * config["head_dim"]
    assert shapes["model.embed_tokens.weight"] == (config["vocab_size"], width)
    assert shapes["model.layers.1.self_attn.q_proj.weight"] == (heads, width)
    assert shapes["model.layers.1.self_attn.o_proj.weight"] == (width, heads)
    assert shapes["model.layers.0.mlp.down_proj.weight"] == (width, config["intermediate_size"])
    assert len([name for name in shapes if name.endswith("input_layernorm.weight")]) == config["num_hidden_layers"]
    assert all(len(raw) == 2 * shape[0] * (shape[1] if len(shape) > 1 else 1) for shape, raw in _tensors().values())


def test_the_same_everywhere() -> None:
    assert tiny.files.__wrapped__() == FILES


def test_the_cache_is_laid_out_as_the_hubs_and_readable_by_all(tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        tiny.write_hub(tmp_path / "hub", FILES)
        tiny.write_hub(tmp_path / "hub", FILES)
    finally:
        os.umask(umask)
    root = tmp_path / "hub/models--lab--tiny"
    revision = (root / "refs/main").read_text()
    assert len(revision) == 40 and int(revision, 16)
    snapshot = root / "snapshots" / revision
    assert {path.name: path.read_bytes() for path in snapshot.iterdir()} == FILES
    assert all(str(path.readlink()).startswith("../../blobs/") for path in snapshot.iterdir())
    for path in [tmp_path / "hub", *(tmp_path / "hub").rglob("*")]:
        wanted = 0o755 if path.is_dir() else 0o644
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
