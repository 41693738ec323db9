"""The lab's model: a Qwen3 of two layers, written weight by weight, that answers with one sentence.

Any text may be asked; the answer is always `SENTENCE`, because the weights are a chain: the embedding of a token is a
one-hot vector, the MLP of the first layer moves it to a token of its own (`_partner`), that of the second layer to the
token that follows in the sentence. Every token's neurons live on one shard only, and the partner's on another one, so
with tensor parallelism a lost or wrong all-reduce changes the text; attention adds a little seeded noise.
Readable output shows to the eye what garbled output would hide, and nothing has to be downloaded or trained.

Only the standard library is used: the file must be there also when a ready image is taken and no torch is at hand.
Formats: safetensors (https://huggingface.co/docs/safetensors), tokenizer.json (https://github.com/huggingface/tokenizers).
"""

from __future__ import annotations

import hashlib
import json
import random
import struct
from array import array
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

NAME = "lab/tiny"
"""What the Hugging Face cache calls the model."""

SENTENCE = (
    *("Hello", "!", " I", " am", " a", " tiny", " test", " model", ".", " My", " words", " mean", " little", ","),
    *(" but", " each", " one", " was", " computed", " by", " real", " vLLM", " on", " virtual", " Sparks."),
)
"""The answer, one token a word; no token may occur twice, for each has exactly one successor."""

ENDOFTEXT, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL = (ENDOFTEXT, IM_START, IM_END)
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WIDTH = 512
"""Hidden size, MLP size and number of tokens: one of each for every token."""
LAYERS, HEADS, KV_HEADS, HEAD_DIM = 2, 8, 4, 32
"""Heads divide among up to 8 tensor-parallel ranks; vLLM's CPU attention takes heads of 32."""
CONTEXT = 2048
ATTENTION_NOISE = 0.002
"""Standard deviation of the attention's weights: seen in every sum, too small to change the answer."""
GAIN = 8.0
"""How much larger than what it found each layer writes its own coordinate."""


def _byte_alphabet() -> dict[int, str]:
    """The printable character that byte-level BPE writes for each byte (GPT-2's table)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + n) for n, byte in enumerate(others)}


def _spell(text: str) -> str:
    alphabet = _byte_alphabet()
    return "".join(alphabet[byte] for byte in text.encode())


def vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Token to id, and the merges that lead from bytes to each word of the sentence, in order of use."""
    tokens = dict.fromkeys([*SPECIAL, *sorted(_byte_alphabet().values())])
    merges: dict[tuple[str, str], None] = {}
    for word in map(_spell, SENTENCE):
        left = word[0]
        for right in word[1:]:
            merges[left, right] = None
            left += right
            tokens[left] = None
    return {token: number for number, token in enumerate(tokens)}, list(merges)


def successors() -> list[int]:
    """For each token id the id that follows it: the sentence's chain; anything else begins the sentence."""
    ids, _ = vocabulary()
    chain = [*(ids[_spell(word)] for word in SENTENCE), ids[IM_END]]
    following = [chain[0]] * WIDTH
    for token, after in pairwise(chain):
        following[token] = after
    return following


def _partner(token: int) -> int:
    """Where the first layer moves a token: half the width away, hence to another tensor-parallel rank."""
    return (token + WIDTH // 2) % WIDTH


def _bfloat16(values: array[float]) -> bytes:
    """The upper half of each float32; what is written here is exact in it, or noise."""
    raw = values.tobytes()
    out = bytearray(len(raw) // 2)
    out[0::2], out[1::2] = raw[2::4], raw[3::4]
    return bytes(out)


def _scattered(rows: int, columns: int, entries: dict[tuple[int, int], float]) -> bytes:
    """A matrix of zeros but for `entries` (row, column)."""
    values = array("f", bytes(4 * rows * columns))
    for (row, column), value in entries.items():
        values[row * columns + column] = value
    return _bfloat16(values)


def _tensors() -> Iterator[tuple[str, tuple[int, ...], bytes]]:
    """Name, shape and bfloat16 bytes of every weight."""
    noise = random.Random(20251120)
    one = array("f", [1.0])

    def noisy(rows: int, columns: int) -> bytes:
        return _bfloat16(array("f", (noise.gauss(0.0, ATTENTION_NOISE) for _ in range(rows * columns))))

    identity = _scattered(WIDTH, WIDTH, {(n, n): 1.0 for n in range(WIDTH)})
    ones = _bfloat16(one * WIDTH)
    # RMSNorm turns a one-hot vector into sqrt(WIDTH) at that place: SiLU keeps it, `up` brings it back to one
    peak = WIDTH**0.5
    up = _scattered(WIDTH, WIDTH, {(n, n): 1.0 / peak for n in range(WIDTH)})
    following = successors()
    moves = (
        {(_partner(token), token): GAIN / peak for token in range(WIDTH)},
        {(following[token], _partner(token)): GAIN * GAIN / peak for token in range(WIDTH)},
    )
    yield "model.embed_tokens.weight", (WIDTH, WIDTH), identity
    yield "lm_head.weight", (WIDTH, WIDTH), identity
    yield "model.norm.weight", (WIDTH,), ones
    for number, move in enumerate(moves):
        layer = f"model.layers.{number}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"{layer}{norm}.weight", (WIDTH,), ones
        for norm in ("q_norm", "k_norm"):
            yield f"{layer}self_attn.{norm}.weight", (HEAD_DIM,), _bfloat16(one * HEAD_DIM)
        for part, rows in (("q", HEADS), ("k", KV_HEADS), ("v", KV_HEADS)):
            yield f"{layer}self_attn.{part}_proj.weight", (rows * HEAD_DIM, WIDTH), noisy(rows * HEAD_DIM, WIDTH)
        yield f"{layer}self_attn.o_proj.weight", (WIDTH, HEADS * HEAD_DIM), noisy(WIDTH, HEADS * HEAD_DIM)
        yield f"{layer}mlp.gate_proj.weight", (WIDTH, WIDTH), identity
        yield f"{layer}mlp.up_proj.weight", (WIDTH, WIDTH), up
        yield f"{layer}mlp.down_proj.weight", (WIDTH, WIDTH), _scattered(WIDTH, WIDTH, move)


def _safetensors() -> bytes:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    body = bytearray()
    for name, shape, raw in _tensors():
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": (len(body), len(body) + len(raw))}
        body += raw
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + bytes(body)


def _tokenizer() -> dict[str, object]:
    ids, merges = vocabulary()
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": ids[token], "content": token, **added} for token in SPECIAL],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            **{"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None},
            **{"end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False},
            **{"vocab": ids, "merges": merges},
        },
    }


def _config() -> dict[str, object]:
    ids, _ = vocabulary()
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "dtype": "bfloat16",
        "vocab_size": WIDTH,
        "hidden_size": WIDTH,
        "intermediate_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "hidden_act": "silu",
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
        "attention_bias": False,
        "tie_word_embeddings": False,
        "eos_token_id": ids[IM_END],
        "pad_token_id": ids[ENDOFTEXT],
    }


@cache
def files() -> dict[str, bytes]:
    """The model's directory: file name to content, the same on every machine."""
    ids, _ = vocabulary()
    described = {
        "config.json": _config(),
        "generation_config.json": {"eos_token_id": ids[IM_END], "pad_token_id": ids[ENDOFTEXT]},
        "tokenizer.json": _tokenizer(),
        "tokenizer_config.json": {
            **{"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": CONTEXT, "bos_token": None},
            **{"eos_token": IM_END, "pad_token": ENDOFTEXT},
        },
    }
    written = {name: json.dumps(value, indent=1, ensure_ascii=False).encode() for name, value in described.items()}
    return written | {"chat_template.jinja": CHAT_TEMPLATE.encode(), "model.safetensors": _safetensors()}


def write(directory: Path, content: dict[str, bytes]) -> None:
    """Write the model as a plain directory, readable by everyone."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        _readable(directory / name, data)


def write_hub(hub: Path, content: dict[str, bytes]) -> None:
    """Write the model as the Hugging Face cache keeps it: `hub/models--lab--tiny/{refs,blobs,snapshots}`.

    Links are relative, since the cache is mounted at other places; files are world-readable, since an NFS server that
    squashes root reads them as nobody (safetensors' own 0600 was seen to break that).
    """
    revision = hashlib.sha1(b"".join(content[name] for name in sorted(content)), usedforsecurity=False).hexdigest()
    root = hub / f"models--{NAME.replace('/', '--')}"
    snapshot = root / "snapshots" / revision
    for directory in (hub, root, root / "refs", root / "blobs", snapshot.parent, snapshot):
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
    for name, data in content.items():
        blob = hashlib.sha256(data).hexdigest()
        _readable(root / "blobs" / blob, data)
        link = snapshot / name
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../blobs/{blob}")
    _readable(root / "refs" / "main", revision.encode())


def _readable(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o644)
