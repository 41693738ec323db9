"""What a secret looks like, so that none is written where it would be read. Pure."""

from __future__ import annotations

import re

from sparkctl.ssh.command import MASK

_NAMES = re.compile(
    r"(?:^|_)(?:TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|SECRET_KEY|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)$",
    re.IGNORECASE,
)
# The look-behind keeps a long word from being tried from each of its letters.
_ASSIGNED = re.compile(r"(?<![A-Za-z0-9_-])-*([A-Za-z_][A-Za-z0-9_-]*)=.")
_GIVEN = re.compile(r"(?<![A-Za-z0-9_])([A-Za-z_][A-Za-z0-9_-]*)=[^\s\]'\"]+")
_VALUES = re.compile(
    # Tokens of Hugging Face, NVIDIA NGC, OpenAI and GitHub; a private key; a URL with a password in it.
    r"\bhf_[A-Za-z0-9]{20,}|\bnvapi-[A-Za-z0-9_-]{20,}|\bsk-[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s@]+@"
)


def named_secret(name: str) -> bool:
    """Whether a variable or option of this name holds a secret (and not, say, the path of one)."""
    return bool(_NAMES.search(name.lstrip("-").replace("-", "_")))


def looks_secret(text: str) -> bool:
    """Whether an argument or a value gives a secret away: `HF_TOKEN=...`, `--api-key=...`, `hf_...`."""
    return bool(_VALUES.search(text)) or any(named_secret(name) for name in _assigned_names(text))


def masked(text: str) -> str:
    """`text` without the values of secrets, for messages."""
    text = _VALUES.sub(MASK, text)
    return _GIVEN.sub(lambda m: f"{m[1]}={MASK}" if any(map(named_secret, (m[1], m[1][1:]))) else m[0], text)


def _assigned_names(text: str) -> list[str]:
    """Names before a `=` and something; in `-eNAME=...` docker reads the name from the third letter on."""
    return [name for part in (text, text[2:]) for name in _ASSIGNED.findall(part)]
