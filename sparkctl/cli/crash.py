"""The trace of a bug, written beside the run journal instead of onto the user's screen."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sparkctl import __version__
from sparkctl.ssh.command import mask

_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|CREDENTIAL", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"\b(hf_[A-Za-z0-9]{8,}|sk-[A-Za-z0-9_-]{8,}|nvapi-[A-Za-z0-9_-]{8,}|Bearer \S+)")


def write(argv: Sequence[str], error: BaseException, env: Mapping[str, str] = os.environ) -> str:
    """Write the trace, readable by the user alone; returns its path, or why there is none."""
    import platformdirs

    try:
        folder = platformdirs.user_state_path("sparkctl") / "crashes"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(redacted(_text(argv, error), env))
        return str(path)
    except OSError as refusal:
        return f"(the trace could not be written: {refusal.strerror})"


def redacted(text: str, env: Mapping[str, str]) -> str:
    """Without the values of secret-looking environment variables and without anything shaped like a token."""
    secrets = tuple(value for name, value in env.items() if _SECRET_NAME.search(name) and len(value) >= 6)
    return _SECRET_TEXT.sub(mask("x", ("x",)), mask(text, secrets))


def _text(argv: Sequence[str], error: BaseException) -> str:
    about = f"sparkctl {__version__}, Python {sys.version.split()[0]}, {sys.platform}"
    return f"{about}\nsparkctl {' '.join(argv)}\n\n{''.join(traceback.format_exception(error))}"
