"""What is served at this moment: vLLM asked by what its own container's label says, with a short deadline."""

from __future__ import annotations

import json
import shlex

from sparkctl.ensure import secret
from sparkctl.facts.base import Fact, FactUnavailable, Output
from sparkctl.facts.container import ASKED
from sparkctl.serving.names import SERVE
from sparkctl.serving.ready import SCRIPT, Answer, from_json
from sparkctl.serving.vllm import KEY, PROMPTS

NAME, PORT = "--served-model-name", "--port"

SECONDS = 10
"""For one short completion; a healthy server takes well below one."""

_BY_LABEL = f"""
import json, sys
asked = json.loads(sys.argv[1])
key = {secret.INSIDE + "/" + secret.API_KEY!r} if asked.get("API key") == {KEY!r} else ""
sys.argv[1:] = [asked[{PORT!r}], asked[{NAME!r}], {str(SECONDS)!r}, "4", key, {PROMPTS[0]!r}]
"""


def _parse(output: Output) -> Answer:
    for line in output.stdout.splitlines():
        if line.startswith("READY "):
            return from_json(json.loads(line.removeprefix("READY ")))
    raise FactUnavailable("the API does not answer" if output.code == 124 else "vLLM does not run")


def _snippet() -> str:
    label = shlex.quote(f'{{{{index .Config.Labels "{ASKED}"}}}}')
    inside = f"timeout -k 1 {SECONDS + 2} python3 -c {shlex.quote(_BY_LABEL + SCRIPT)}"
    return f'asked=$(docker inspect --format {label} {SERVE}) && docker exec {SERVE} {inside} "$asked"'


ANSWERS_NOW: Fact[Answer] = Fact("what vLLM answers now", _snippet(), _parse, timeout=SECONDS + 6)
"""Of the head. Unavailable where vLLM does not run or does not answer in time."""
