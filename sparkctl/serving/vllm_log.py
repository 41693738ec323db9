"""What vLLM's log says: how far its start has come, or why it failed. Pure, and total on any text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sparkctl.serving.hints import VLLM, explain

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_WHO = re.compile(r"^\((?P<who>[^()]*pid=\d+[^()]*)\)\s?")
_LEVEL = re.compile(r"^(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) +(?:\d\d-\d\d \d\d:\d\d:\d\d +)?\[[^\]\s]+\] ?")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: whose (`Worker pid=7`), its level (empty where it has none), the words, and as it stood there."""

    who: str
    level: str
    text: str
    raw: str


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` steps of `stage`, where the log counts them."""

    stage: str
    done: float | None = None
    total: float | None = None

    def __str__(self) -> str:
        if self.done is None or self.total is None:
            return self.stage
        return f"{self.stage} ({self.done:.0f} of {self.total:.0f})"


@dataclass(frozen=True, slots=True)
class Failure:
    """`cause` in one phrase, the one `fix`, and the very lines that tell it."""

    cause: str
    fix: str | None
    evidence: str


_STAGES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (stage, re.compile(pattern))
    for stage, pattern in (
        ("starting vLLM", r"vLLM API server version|\bversion \d+\.\d+\.|non-default args:"),
        ("connecting to Ray", r"Connect(?:ing|ed) to (?:existing )?Ray cluster"),
        ("waiting for GPUs in Ray", r"Waiting for creating a placement group of specs for \d+ seconds"),
        ("reserving GPUs in Ray", r"No current placement group found"),
        ("starting the engine", r"Initializing a V1 LLM engine|Waiting for init message"),
        ("connecting the ranks", r"distributed_init_method=|Copying the following environment variables to workers"),
        (
            "loading weights",
            r"Loading \w+ checkpoint shards: +\d+% Completed \| (?P<done>\d+)/(?P<total>\d+)|Starting to load model|"
            r"Loading weights took",
        ),
        ("weights loaded", r"Model loading took"),
        ("compiling", r"torch\.compile|Dynamo bytecode transform|Compiling a graph|AOT compiled function"),
        ("profiling memory", r"Initial profiling|Profiling CUDA graph|Encoder cache will be|Available KV cache memory"),
        ("reserving the KV cache", r"KV cache size: "),
        ("tuning kernels", r"\[AutoTuner\]: .*?(?P<done>\d+)/(?P<total>\d+)|Autotuning process starts"),
        ("capturing CUDA graphs", r"Capturing CUDA graphs.*? (?P<done>\d+)/(?P<total>\d+)|Graph capturing finished"),
        ("warming up", r"init engine \(|[Ww]armup|[Ww]arming up"),
        (
            "opening the API",
            r"Starting vLLM (?:API )?server|Application startup complete|Uvicorn running on|Available routes are",
        ),
    )
)

_FATAL = re.compile(
    r"EngineCore failed to start|Engine core initialization failed|EngineCore encountered a fatal error|"
    r"EngineDeadError|died unexpectedly, shutting down executor|EngineCore encountered an issue"
)
"""After one of these the server ends, though it may take its time."""

_EXCEPTION = re.compile(
    r"^(?:[A-Za-z_][\w.]*\.)?(?P<name>[A-Z]\w*(?:Error|Exception|Exit|Expired|Timeout)|vllm: error|vllm serve: error)"
    r"(?:\([\w.]+\))?(?:\s*\[[^\]]*\])?: (?P<what>.+)"
)
_ARGUMENT = re.compile(r"^(?:vllm|vllm serve|api_server\.py|usage): error: .+")

_WRAPPER = re.compile(
    r"RayTaskError|Engine core initialization failed|See root cause above|See stack trace|"
    r"WorkerProc initialization failed|Executor failed\.|EngineDeadError|EngineCore encountered an issue|"
    r"^asyncio\.exceptions\.CancelledError|ValidationError: \d+ validation error"
)
"""Exceptions that only pass on another one."""

_HARMLESS = re.compile(
    r"exceeds available GPUs|bigger than a reserved number of GPUs|exceeds the total number of available GPUs|"
    r"No available shared memory broadcast block found|GPU Direct RDMA|nvidia-smi|sm_121|Not enough SMs|"
    r"KeyboardInterrupt|leaked (?:semaphore|shared_memory)"
)
"""Printed by healthy starts on Sparks; never the cause of anything (dgx-spark-playbooks issue 63 and others)."""

_CALM = ("INFO", "DEBUG", "WARNING")

EVIDENCE_LINES = 6


def lines(log: str) -> tuple[Line, ...]:
    """The log taken apart; each state of a progress bar is a line."""
    found = []
    for raw in re.split(r"[\n\r]+", _ESCAPES.sub("", log)):
        text, who = raw, ""
        while (match := _WHO.match(text)) is not None:
            who, text = who or match["who"], text[match.end() :]
        level = _LEVEL.match(text)
        if level is not None:
            text = text[level.end() :]
        if text.strip():
            found.append(Line(who, level["level"] if level else "", text.rstrip(), raw.rstrip()))
    return tuple(found)


def progress(log: str) -> Progress | None:
    """The last stage that the log speaks of; None for a log that says nothing about one."""
    for line in reversed(lines(log)):
        if line.level not in ("", "INFO"):
            continue
        for stage, pattern in _STAGES:
            matches = list(pattern.finditer(line.text))
            if matches:
                groups = matches[-1].groupdict()
                done, total = groups.get("done"), groups.get("total")
                return Progress(stage, float(done), float(total)) if done and total else Progress(stage)
    return None


def is_fatal(log: str) -> bool:
    """Whether the engine has said that it is at its end."""
    return any(_FATAL.search(line.text) for line in lines(log))


def failure(log: str, described: str = "it ended") -> Failure:
    """Why vLLM ended. `described` is how its container ended, for where the log is silent."""
    found = lines(log)
    suspects = [line for line in found if _suspect(line)]
    spoken = [line for line in found if line.level not in _CALM and not _HARMLESS.search(line.text)]
    known = explain(VLLM, [line.text for line in suspects]) or (explain(VLLM, [line.text for line in spoken]))
    if known is not None:
        line = next(line for line in spoken if line.text == known.line)
        return Failure(known.cause, known.fix, _around(found, line))
    if suspects:
        cause = _ascii_short(suspects[0].text)
        return Failure(cause, "sparkctl logs", _around(found, suspects[0]))
    last = [line.raw for line in found[-EVIDENCE_LINES:]]
    return Failure(
        described if not last else f"{described}; its last words: {_ascii_short(found[-1].text)}", None, "\n".join(last)
    )


def _suspect(line: Line) -> bool:
    if line.level in _CALM or _HARMLESS.search(line.text):
        return False
    text = line.text.strip()
    return bool(_ARGUMENT.match(text) or (_EXCEPTION.match(text) and not _WRAPPER.search(text)))


def _around(found: Sequence[Line], cause: Line) -> str:
    """The cause with what led to it in the same process, without the lines that only point (`^^^^`)."""
    index = next(i for i, line in enumerate(found) if line is cause)
    before = [
        line for line in found[max(0, index - 40) : index] if line.who == cause.who and set(line.text) - set(" ^~")
    ]
    after = [line for line in found[index + 1 : index + 4] if line.who == cause.who and line.text.startswith("  ")]
    kept = [*before[-2:], cause, *after]
    return "\n".join(line.raw[:400] for line in kept[:EVIDENCE_LINES])


def _ascii_short(text: str) -> str:
    return " ".join(text.split())[:300]
